"""Objects of one kind, in the order of their creation, found by id and by field in constant time."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from typing import Any

StripeObject = dict[str, Any]

encode = json.JSONEncoder(separators=(",", ":")).encode


AWAKE = 512


class Table:
    """Objects and their JSON texts; either is made from the other when it is first asked for.

    Only the objects of late are kept as dicts, the others as text: that is a quarter of the memory, and nothing for
    the garbage collector to walk.
    """

    def __init__(self) -> None:
        self._ids: list[str | None] = []
        self._position: dict[str, int] = {}
        self._objects: dict[str, StripeObject] = {}
        self._texts: dict[str, str] = {}
        self._removed: dict[int, int] = {}
        self._indexes: dict[str, dict[Any, list[int]]] = {}
        self._indexed: dict[str, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self._position)

    def __iter__(self) -> Iterator[StripeObject]:
        return (self.at(position) for position in range(len(self._ids)) if self._ids[position] is not None)

    def add(self, made: StripeObject) -> None:
        object_id = made["id"]
        self._append(object_id)
        self._wake(object_id, made)
        for field, index in self._indexes.items():
            self._enter(field, index, made)

    def put_back(self, text: str) -> None:
        """Append an object that is known as JSON text; its ``id`` comes first."""
        object_id = text[7 : text.index('"', 7)]
        self._append(object_id)
        self._texts[object_id] = text
        for field, index in self._indexes.items():
            self._enter(field, index, json.loads(text))

    def find(self, object_id: str) -> StripeObject | None:
        found = self._objects.get(object_id)
        if found is None and object_id in self._texts:
            found = json.loads(self._texts[object_id])
            self._wake(object_id, found)
        return found

    def changed(self, changed: StripeObject) -> None:
        """Forget what was derived from the object before it changed."""
        self._texts.pop(changed["id"], None)
        self._wake(changed["id"], changed)
        for field, index in self._indexes.items():
            self._enter(field, index, changed)

    def remove(self, object_id: str) -> None:
        position = self._position[object_id]
        self._removed[position] = self.created(position)
        for field, index in self._indexes.items():
            self._leave(field, index, object_id, position)
        del self._position[object_id]
        self._ids[position] = None
        self._objects.pop(object_id, None)
        self._texts.pop(object_id, None)

    def text(self, object_id: str) -> str:
        text = self._texts.get(object_id)
        if text is None:
            text = self._texts[object_id] = encode(self._objects[object_id])
        return text

    def texts(self) -> Iterator[str]:
        """Every object's JSON text, oldest first."""
        return (self.text(object_id) for object_id in self._ids if object_id is not None)

    def position(self, object_id: str) -> int | None:
        """Where the object stands in the order of creation."""
        return self._position.get(object_id)

    def at(self, position: int) -> StripeObject:
        object_id = self._ids[position]
        found = self.find(object_id) if object_id is not None else None
        if found is None:
            raise IndexError(position)
        return found

    def created(self, position: int) -> int:
        """When the object there was created, also if it is gone."""
        return self._removed[position] if self._ids[position] is None else self.at(position).get("created", 0)

    def exists(self, position: int) -> bool:
        return self._ids[position] is not None

    def where(self, field: str, value: Any) -> Sequence[int]:
        """The positions of all objects whose field has this value, ascending.

        ``metadata.x`` is a field too; a tilde before the name (``~metadata.x``) is for values in lower case.
        """
        if field not in self._indexes:
            index = self._indexes[field] = {}
            self._indexed[field] = {}
            for each in self:
                self._enter(field, index, each)
        return self._indexes[field].get(value, ())

    def positions(self) -> range:
        """All positions, of which some may not exist any more."""
        return range(len(self._ids))

    def _wake(self, object_id: str, shown: StripeObject) -> None:
        if len(self._objects) >= AWAKE:
            for each in list(self._objects)[: AWAKE // 2]:
                self.text(each)
                del self._objects[each]
        self._objects[object_id] = shown

    def _append(self, object_id: str) -> None:
        self._position[object_id] = len(self._ids)
        self._ids.append(object_id)

    def _enter(self, field: str, index: dict[Any, list[int]], entered: StripeObject) -> None:
        object_id = entered["id"]
        value = _field(entered, field)
        known = self._indexed[field]
        if object_id in known and known[object_id] == value:
            return
        position = self._position[object_id]
        self._leave(field, index, object_id, position)
        if value is None:
            return
        known[object_id] = value
        insort(index.setdefault(value, []), position)

    def _leave(self, field: str, index: dict[Any, list[int]], object_id: str, position: int) -> None:
        value = self._indexed[field].pop(object_id, None)
        if value is not None:
            positions = index[value]
            del positions[bisect_left(positions, position)]


def _field(shown: StripeObject, name: str) -> Any:
    first, dot, rest = name.removeprefix("~").partition(".")
    value = shown.get(first)
    if dot:
        value = value.get(rest) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return value.lower() if name[0] == "~" and isinstance(value, str) else value  # pyright: ignore[reportUnknownVariableType]
