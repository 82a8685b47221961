"""mongomock behind awaitable methods: every call is one checkpoint on its collection.

mongomock looks documents up by scanning, so an embedded collection suits thousands of documents, not millions.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import count
from typing import Any, NoReturn, TypeVar, cast

from payments_lab.ports import Ids, Operation, SequentialIds, checkpoint
from payments_lab.stores.documents import Document, Filter, Projection, Sort

T = TypeVar("T")

PYMONGO = {
    *("create_index", "insert_one", "insert_many", "find_one", "find", "count_documents", "distinct"),
    *("update_one", "update_many", "replace_one", "delete_one", "delete_many"),
    *("find_one_and_update", "find_one_and_replace", "find_one_and_delete"),
}
_OF_ONE = PYMONGO - {"create_index", "insert_many"}


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
        self._identify(document)
        return await self._write("insert_one", document, lambda: self._collection.insert_one(document))

    async def insert_many(self, documents: list[Document]) -> Any:
        for document in documents:
            self._identify(document)
        return await self._write("insert_many", documents, lambda: self._collection.insert_many(documents))

    async def find_one(self, filter: Filter | None = None, projection: Projection = None) -> Document | None:
        arguments = filter if projection is None else (filter, projection)
        return await self._read("find_one", arguments, lambda: self._collection.find_one(filter, projection))

    def find(self, filter: Filter | None = None, projection: Projection = None) -> EmbeddedCursor:
        return EmbeddedCursor(self, filter or {}, projection)

    async def count_documents(self, filter: Filter) -> int:
        return await self._read("count_documents", filter, lambda: self._collection.count_documents(filter))

    async def distinct(self, key: str, filter: Filter | None = None) -> list[Any]:
        return await self._read("distinct", (filter or {}, key), lambda: self._collection.distinct(key, filter))

    async def update_one(self, filter: Filter, update: Mapping[str, Any], *, upsert: bool = False) -> Any:
        def perform() -> Any:
            named = self._named(filter, update) if upsert else update
            return _plain(self._collection.update_one(filter, named, upsert=upsert))

        return await self._write("update_one", (filter, update, upsert), perform)

    async def update_many(self, filter: Filter, update: Mapping[str, Any]) -> Any:
        return await self._write(
            "update_many", (filter, update), lambda: _plain(self._collection.update_many(filter, update))
        )

    async def replace_one(self, filter: Filter, replacement: Mapping[str, Any], *, upsert: bool = False) -> Any:
        def perform() -> Any:
            whole = self._identified(filter, replacement) if upsert else replacement
            return _plain(self._collection.replace_one(filter, whole, upsert=upsert))

        return await self._write("replace_one", (filter, replacement, upsert), perform)

    async def delete_one(self, filter: Filter) -> Any:
        return await self._write("delete_one", filter, lambda: _plain(self._collection.delete_one(filter)))

    async def delete_many(self, filter: Filter) -> Any:
        return await self._write("delete_many", filter, lambda: _plain(self._collection.delete_many(filter)))

    async def find_one_and_update(
        self, filter: Filter, update: Mapping[str, Any], *, upsert: bool = False, return_document: bool = False
    ) -> Document | None:
        def perform() -> Document | None:
            named = self._named(filter, update) if upsert else update
            return self._collection.find_one_and_update(filter, named, upsert=upsert, return_document=return_document)

        return await self._write("find_one_and_update", (filter, update, upsert, return_document), perform)

    async def find_one_and_replace(
        self, filter: Filter, replacement: Mapping[str, Any], *, upsert: bool = False, return_document: bool = False
    ) -> Document | None:
        def perform() -> Document | None:
            whole = self._identified(filter, replacement) if upsert else replacement
            return self._collection.find_one_and_replace(filter, whole, upsert=upsert, return_document=return_document)

        return await self._write("find_one_and_replace", (filter, replacement, upsert, return_document), perform)

    async def find_one_and_delete(self, filter: Filter) -> Document | None:
        return await self._write("find_one_and_delete", filter, lambda: self._collection.find_one_and_delete(filter))

    async def read(
        self, filter: Filter, sort: Sort, limit: int, projection: Projection = None, skip: int = 0
    ) -> list[Document]:
        """What a cursor fetches: every match at once, in the given order (by ``_id`` unless told)."""

        def perform() -> list[Document]:
            cursor = self._collection.find(filter, projection).sort(list(sort) or [("_id", 1)]).skip(skip)
            return list(cursor.limit(limit) if limit else cursor)

        return await self._read("find", (filter, list(sort), limit, projection, skip), perform)

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

    def parts(self) -> dict[str, bytes]:
        """Every document, by its ``_id``."""
        import bson

        return {repr(each["_id"]): bson.encode(dict(sorted(each.items()))) for each in self._collection.find()}

    def unite(self, parts: Mapping[str, bytes]) -> bytes:
        import bson
        from bson.raw_bson import RawBSONDocument

        documents = [RawBSONDocument(part) for part in parts.values()]
        return bson.encode({"documents": sorted(documents, key=lambda document: str(document["_id"]))})

    def concerns(self, operation: Operation) -> str | None:
        """The document with the ``_id`` that an operation names, unless a unique index makes them meet."""
        if operation.verb not in _OF_ONE or (operation.writes and self._is_unique):
            return None
        arguments: Any = operation.arguments
        wanted = cast("Filter | None", arguments[0] if isinstance(arguments, tuple) else arguments)
        named = (wanted or {}).get("_id")
        return repr(named) if type(named).__name__ in ("str", "ObjectId") else None

    @property
    def _is_unique(self) -> bool:
        return any(index.get("unique") for index in self._collection.index_information().values())

    def _identify(self, document: Document) -> None:
        """Give a new document an id where it has none, as PyMongo's driver does."""
        if "_id" not in document:
            document["_id"] = _object_id(self._ids)

    def _named(self, filter: Filter, update: Mapping[str, Any]) -> Mapping[str, Any]:
        """An upsert's update, with an id for the document that it would insert."""
        inserted: Document = dict(update.get("$setOnInsert", {}))
        whole = self._identified(filter, inserted)
        return update if whole is inserted else {**update, "$setOnInsert": whole}

    def _identified(self, filter: Filter, inserted: Mapping[str, Any]) -> Mapping[str, Any]:
        """What an upsert would insert, with an id that follows from its filter, so that runs repeat."""
        if "_id" in filter or "_id" in inserted or self._collection.find_one(filter) is not None:
            return inserted
        ids = (_derived_id(f"{filter!r} {number}") for number in count())
        unused = next(each for each in ids if self._collection.find_one({"_id": each}) is None)
        return {**inserted, "_id": unused}

    async def _read(self, verb: str, arguments: Any, perform: Callable[[], T]) -> T:
        return await checkpoint(Operation(self._resource, verb, arguments, writes=False), perform)

    async def _write(self, verb: str, arguments: Any, perform: Callable[[], T]) -> T:
        return await checkpoint(Operation(self._resource, verb, arguments, writes=True), perform)


class EmbeddedCursor:
    """The matches of a ``find``, fetched by one checkpoint when they are first wanted."""

    def __init__(self, collection: EmbeddedCollection, filter: Filter, projection: Projection = None) -> None:
        self._collection = collection
        self._filter = filter
        self._projection = projection
        self._sort: Sort = ()
        self._skip = 0
        self._limit = 0

    def sort(self, key_or_list: str | Sort, direction: int | None = None) -> EmbeddedCursor:
        self._sort = [(key_or_list, direction or 1)] if isinstance(key_or_list, str) else key_or_list
        return self

    def skip(self, skip: int) -> EmbeddedCursor:
        self._skip = skip
        return self

    def limit(self, limit: int) -> EmbeddedCursor:
        self._limit = limit
        return self

    async def to_list(self, length: int | None = None) -> list[Document]:
        found = await self._collection.read(self._filter, self._sort, self._limit, self._projection, self._skip)
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
