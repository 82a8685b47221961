"""What a service keeps in its own attributes: part of what its tasks are told, and lost when it crashes."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterable
from typing import Any, cast

from payments_lab.explore.coroutines import Refused
from payments_lab.explore.numbering import Numbers

Kept = dict[str, Any]


class Memory:
    """The attributes of a service beside its ``ports``, by number; 0 is what it remembers when it has just started.

    Containers are restored in place, so that a task which holds one across an await still holds the service's own. What
    cannot be copied is taken for a fixed part of the service.
    """

    def __init__(self, service: object, ports: Iterable[object]) -> None:
        self._service = service
        fixed = {id(port) for port in ports}
        self._fixed = frozenset(
            name for name, value in vars(service).items() if id(value) in fixed or not _can_be_copied(name, value)
        )
        self._known: Numbers[bytes] = Numbers()
        self.number()

    @property
    def count(self) -> int:
        """How many different things the service has remembered so far."""
        return len(self._known)

    def number(self) -> int:
        """The number of what the service remembers now."""
        return self._known.of(self._pickled(self._kept()))

    def restore(self, number: int) -> None:
        """Make the service remember what ``number`` stands for."""
        kept = self._kept()
        if not kept and len(self._known) == 1:
            return
        attributes = vars(self._service)
        wanted: Kept = pickle.loads(self._known.values[number])
        for name in kept.keys() - wanted.keys():
            del attributes[name]
        for name, value in wanted.items():
            attributes[name] = _refilled(attributes.get(name), value)

    def _kept(self) -> Kept:
        return {name: value for name, value in vars(self._service).items() if name not in self._fixed}

    def _pickled(self, kept: Kept) -> bytes:
        try:
            return pickle.dumps({name: _ordered(kept[name]) for name in sorted(kept)})
        except Exception as error:
            raise Refused(
                "memory",
                f"{type(self._service).__name__} keeps {', '.join(sorted(kept))} in itself, which cannot be copied "
                f"({error}); keep plain values: numbers, texts, lists, dicts, sets",
            ) from error


def _can_be_copied(name: str, value: object) -> bool:
    if isinstance(value, asyncio.Lock | asyncio.Event | asyncio.Semaphore | asyncio.Condition | asyncio.Queue):
        raise Refused(
            "asyncio",
            f"the attribute {name} is an asyncio.{type(cast(object, value)).__name__}, which the explorer cannot "
            "follow; it would hold back this process only, not the other copies of the service",
        )
    try:
        pickle.dumps(value)
    except Exception:
        return False
    return True


def _ordered(value: Any) -> Any:
    """Sets in one order, so that equal memories give equal bytes."""
    if type(value) is set:
        return _Set(sorted(cast("set[Any]", value), key=repr))
    if type(value) is dict:
        return {name: _ordered(item) for name, item in cast("dict[Any, Any]", value).items()}
    if type(value) is list:
        return [_ordered(item) for item in cast("list[Any]", value)]
    return value


class _Set:
    """A set on its way through pickle."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __reduce__(self) -> tuple[Any, ...]:
        return (set, (self.items,))


def _refilled(held: Any, wanted: Any) -> Any:
    if type(held) is not type(wanted):
        return wanted
    if isinstance(held, set | dict):
        mine = cast("set[Any]", held)
        mine.clear()
        mine.update(wanted)
        return mine
    if isinstance(held, list):
        kept = cast("list[Any]", held)
        kept[:] = wanted
        return kept
    return wanted
