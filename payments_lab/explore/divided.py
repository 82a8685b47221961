"""Engines that are explored part by part: a collection document by document, the bus message by message."""

from __future__ import annotations

import json

from payments_lab.explore.answers import Answers
from payments_lab.explore.coroutines import Wish
from payments_lab.explore.engines import Effect, Engine
from payments_lab.explore.fields import Crowded, Full
from payments_lab.explore.numbering import Numbers
from payments_lab.explore.ports import ExploredBus, Message
from payments_lab.ports import Divided


class DividedEngine(Engine):
    """An engine whose states are numbers of some digits: one for each part, which says what it is like; 0: not there.

    A digit has ``digit`` bits, from the lowest up, and there is room for so many ``rooms``. An operation that concerns
    one part is asked once for each value of that digit, whatever the others are.
    """

    def __init__(self, name: str, resource: Divided, answers: Answers, lost: Exception) -> None:
        super().__init__(name, resource, answers, lost)
        self.digit = 6
        self.rooms = 8
        self._divided = resource
        self._parts: Numbers[str] = Numbers()
        self._values: list[Numbers[bytes]] = []
        self._looks_at: dict[int, int] = {}

    @property
    def parts(self) -> int:
        """How many parts are known so far."""
        return len(self._parts)

    def values_of(self, part: int) -> int:
        """How many values of a digit are known so far."""
        return len(self._values[part])

    def looks_at(self, operation: int, wish: Wish) -> int:
        known = self._looks_at.get(operation)
        if known is None:
            part = self._divided.concerns(wish.operation)
            known = -1 if part is None else self._mask << self._place(part)
            self._looks_at[operation] = known
        return known

    def effect(self, state: int, operation: int, wish: Wish) -> Effect:
        here = self.looks_at(operation, wish)
        answer, after = super().effect(state & here, operation, wish)
        return Effect(answer, state & ~here | after)

    def snapshot(self, state: int) -> bytes:
        return self._divided.unite(self._divide(state))

    @property
    def _mask(self) -> int:
        return (1 << self.digit) - 1

    def _divide(self, state: int) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for part, known in zip(self._parts.values, self._values, strict=True):
            value = state & self._mask
            if value:
                found[part] = known.values[value]
            state >>= self.digit
        return found

    def _number(self) -> int:
        return sum(self._digit_of(*each) for each in self._divided.parts().items())

    def _digit_of(self, part: str, held: bytes) -> int:
        place = self._place(part)
        value = self._values[self._parts.of(part)].of(held)
        if value > self._mask:
            raise Full(f"{part} was more than {self._mask} different things")
        return value << place

    def _place(self, part: str) -> int:
        """From which bit on a part has its digit."""
        number = self._parts.of(part)
        if number >= self.rooms:
            raise Crowded(self.name)
        if number == len(self._values):
            self._values.append(Numbers(b""))
        return number * self.digit


class Stream(DividedEngine):
    """The bus, which knows its messages."""

    def __init__(self, bus: ExploredBus, answers: Answers, lost: Exception) -> None:
        super().__init__(bus.name, bus, answers, lost)
        self._kept: dict[int, tuple[Message, ...]] = {}
        self._messages: dict[bytes, Message] = {}

    def kept(self, state: int) -> tuple[Message, ...]:
        """The messages in a state, in one order."""
        known = self._kept.get(state)
        if known is None:
            known = self._kept[state] = tuple(sorted(map(self._message, self._divide(state).values())))
        return known

    def _message(self, part: bytes) -> Message:
        known = self._messages.get(part)
        if known is None:
            known = self._messages[part] = Message(*json.loads(part))
        return known
