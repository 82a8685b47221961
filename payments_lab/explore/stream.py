"""The bus under the explorer, id by id, so that a publication meets only what has the same message id."""

from __future__ import annotations

from payments_lab.explore.answers import Answers
from payments_lab.explore.coroutines import Wish
from payments_lab.explore.engines import Effect, Engine
from payments_lab.explore.fields import Full
from payments_lab.explore.numbering import Numbers
from payments_lab.explore.ports import ExploredBus, Message, frozen, published


class Stream(Engine):
    """An engine whose states are numbers of some digits: one for each message id, which says what was kept under it.

    0 stands for nothing, and a digit has ``digit`` bits, from the lowest up. What a publication does hangs on the digit
    of its own id alone; so it is asked once for each value of that, whatever else has been published.
    """

    def __init__(self, bus: ExploredBus, answers: Answers, lost: Exception) -> None:
        super().__init__(bus.name, bus, answers, lost)
        self.digit = 6
        self._ids: Numbers[str] = Numbers()
        self._digits: list[Numbers[Message | None]] = []
        self._kept: dict[int, tuple[Message, ...]] = {}

    @property
    def ids(self) -> int:
        """How many message ids are known so far."""
        return len(self._digits)

    def values_of(self, digit: int) -> int:
        """How many values of a digit are known so far."""
        return len(self._digits[digit])

    def admit(self, message: Message) -> None:
        """Let its id have a digit."""
        if self._ids.of(message.message_id) == len(self._digits):
            self._digits.append(Numbers(None))

    def looks_at(self, wish: Wish) -> int:
        return self._mask << self._ids.of(wish.operation.arguments.message_id) * self.digit

    def effect(self, state: int, operation: int, wish: Wish) -> Effect:
        here = self.looks_at(wish)
        answer, after = super().effect(state & here, operation, wish)
        return Effect(answer, state & ~here | after)

    def kept(self, state: int) -> tuple[Message, ...]:
        """The messages in a state, in one order."""
        known = self._kept.get(state)
        if known is None:
            values = [(state >> number * self.digit) & self._mask for number in range(self.ids)]
            messages = [known.values[value] for known, value in zip(self._digits, values, strict=True)]
            known = self._kept[state] = tuple(sorted(message for message in messages if message is not None))
        return known

    def snapshot(self, state: int) -> bytes:
        return frozen(self.kept(state))

    @property
    def _mask(self) -> int:
        return (1 << self.digit) - 1

    def _number(self, snapshot: bytes) -> int:
        return sum(map(self._digit_of, published(snapshot)))

    def _digit_of(self, message: Message) -> int:
        number = self._ids.of(message.message_id)
        value = self._digits[number].of(message)
        if value > self._mask:
            raise Full(f"{message.message_id} has stood for more than {self._mask} messages")
        return value << number * self.digit
