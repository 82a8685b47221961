"""mongomock behind awaitable methods: every call is one checkpoint on its collection.

mongomock looks documents up by scanning, so an embedded collection suits thousands of documents, not millions.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import count
from typing import Any, NoReturn, TypeVar, cast

from payments_lab.ports import Ids, Operation, SequentialIds, checkpoint
from payments_lab.stores.documents import Document, Filter, Sort

T = TypeVar("T")

PYMONGO = {
    "create_index",
    "insert_one",
    "find_one",
    "find",
    "find_one_and_update",
    "update_one",
    "delete_one",
    "count_documents",
}


class EmbeddedDatabase:
    """A database that lives in this process: ``database["orders"]`` is a collection.

    ``ids`` makes the ``_id`` of a document that is inserted without one, as PyMongo's driver does.
    """

    def __init__(self, name: str, ids: Ids | None = None) -> None:
        import mongomock

        self.name = name
        self._ids = ids or SequentialIds()
        self._database: Any = mongomock.MongoClient(tz_aware=True)[name]
        self._collections: dict[str, EmbeddedCollection] = {}

    def __getitem__(self, name: str) -> EmbeddedCollection:
        if name not in self._collections:
            self._collections[name] = EmbeddedCollection(self._database[name], f"{self.name}.{name}", self._ids)
        return self._collections[name]

    @property
    def collections(self) -> list[EmbeddedCollection]:
        """Every collection that was asked for so far, by name."""
        return [self._collections[name] for name in sorted(self._collections)]


class EmbeddedCollection:
    """One mongomock collection; a resource whose state is its documents, whatever order they came in.

    Errors are PyMongo's own, ``pymongo.errors.DuplicateKeyError`` among them.
    """

    def __init__(self, collection: Any, resource: str, ids: Ids) -> None:
        self._collection = collection
        self._resource = resource
        self._ids = ids

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        there = ", ".join(each for each in vars(type(self)) if each in PYMONGO)
        raise AttributeError(f"the embedded collection has no {name}; of PyMongo's methods it has {there}")

    @property
    def name(self) -> str:
        """The collection's own name, ``orders``."""
        return str(self._collection.name)

    @property
    def resource(self) -> str:
        """The name that operations carry, ``payments.orders``."""
        return self._resource

    async def create_index(self, keys: str | Sort, *, unique: bool = False) -> str:
        return await self._write(
            "create_index", (keys, unique), lambda: self._collection.create_index(keys, unique=unique)
        )

    async def insert_one(self, document: Document) -> Any:
        if "_id" not in document:
            document["_id"] = _object_id(self._ids)
        return await self._write("insert_one", document, lambda: self._collection.insert_one(document))

    async def find_one(self, filter: Filter | None = None) -> Document | None:
        return await self._read("find_one", filter, lambda: self._collection.find_one(filter))

    def find(self, filter: Filter | None = None) -> EmbeddedCursor:
        return EmbeddedCursor(self, filter or {})

    async def find_one_and_update(
        self, filter: Filter, update: Mapping[str, Any], *, upsert: bool = False, return_document: bool = False
    ) -> Document | None:
        def perform() -> Document | None:
            named = self._named(filter, update) if upsert else update
            return self._collection.find_one_and_update(filter, named, upsert=upsert, return_document=return_document)

        return await self._write("find_one_and_update", (filter, update, upsert, return_document), perform)

    async def update_one(self, filter: Filter, update: Mapping[str, Any], *, upsert: bool = False) -> Any:
        def perform() -> Any:
            named = self._named(filter, update) if upsert else update
            return _plain(self._collection.update_one(filter, named, upsert=upsert))

        return await self._write("update_one", (filter, update, upsert), perform)

    async def delete_one(self, filter: Filter) -> Any:
        return await self._write("delete_one", filter, lambda: _plain(self._collection.delete_one(filter)))

    async def count_documents(self, filter: Filter) -> int:
        return await self._read("count_documents", filter, lambda: self._collection.count_documents(filter))

    async def read(self, filter: Filter, sort: Sort, limit: int) -> list[Document]:
        """What a cursor fetches: every match at once, in the given order (by ``_id`` unless told)."""

        def perform() -> list[Document]:
            cursor = self._collection.find(filter).sort(list(sort) or [("_id", 1)])
            return list(cursor.limit(limit) if limit else cursor)

        return await self._read("find", (filter, list(sort), limit), perform)

    def documents(self) -> list[Document]:
        """Every document, by ``_id``, for a person who looks from outside; no checkpoint is passed."""
        return cast(list[Document], sorted(self._collection.find(), key=lambda document: str(document["_id"])))

    def snapshot(self) -> bytes:
        import bson

        return bson.encode({"documents": [dict(sorted(document.items())) for document in self.documents()]})

    def restore(self, snapshot: bytes) -> None:
        import bson
        from bson.codec_options import CodecOptions

        self._collection.delete_many({})
        codec: CodecOptions[Document] = CodecOptions(tz_aware=True)
        # bson's own annotations leave the array's type open
        decoded = bson.decode(snapshot, codec)  # pyright: ignore[reportUnknownMemberType]
        documents: list[Document] = decoded["documents"]
        if documents:
            self._collection.insert_many(documents)

    def _named(self, filter: Filter, update: Mapping[str, Any]) -> Mapping[str, Any]:
        """An upsert's update; the id of a document that it would insert follows from the filter, so runs repeat."""
        inserted: Document = dict(update.get("$setOnInsert", {}))
        if "_id" in filter or "_id" in inserted or self._collection.find_one(filter) is not None:
            return update
        ids = (_derived_id(f"{filter!r} {number}") for number in count())
        unused = next(each for each in ids if self._collection.find_one({"_id": each}) is None)
        return {**update, "$setOnInsert": {**inserted, "_id": unused}}

    async def _read(self, verb: str, arguments: Any, perform: Callable[[], T]) -> T:
        return await checkpoint(Operation(self._resource, verb, arguments, writes=False), perform)

    async def _write(self, verb: str, arguments: Any, perform: Callable[[], T]) -> T:
        return await checkpoint(Operation(self._resource, verb, arguments, writes=True), perform)


class EmbeddedCursor:
    """The matches of a ``find``, fetched by one checkpoint when they are first wanted."""

    def __init__(self, collection: EmbeddedCollection, filter: Filter) -> None:
        self._collection = collection
        self._filter = filter
        self._sort: Sort = ()
        self._limit = 0

    def sort(self, key_or_list: str | Sort, direction: int | None = None) -> EmbeddedCursor:
        self._sort = [(key_or_list, direction or 1)] if isinstance(key_or_list, str) else key_or_list
        return self

    def limit(self, limit: int) -> EmbeddedCursor:
        self._limit = limit
        return self

    async def to_list(self, length: int | None = None) -> list[Document]:
        found = await self._collection.read(self._filter, self._sort, self._limit)
        return found if length is None else found[:length]

    async def __aiter__(self) -> AsyncIterator[Document]:
        for document in await self.to_list():
            yield document


def _plain(result: Any) -> Any:
    """A result without mongomock's number of the connection, which differs from run to run."""
    result.raw_result.pop("connectionId", None)
    return result


def _object_id(ids: Ids) -> Any:
    return _derived_id(ids.new("document"))


def _derived_id(text: str) -> Any:
    from bson import ObjectId

    return ObjectId(hashlib.sha256(text.encode()).digest()[:12])
