"""Asking an engine once for each distinct state and operation, and remembering what it answered."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from payments_lab.explore.answers import Answers
from payments_lab.explore.coroutines import Wish
from payments_lab.explore.numbering import Numbers
from payments_lab.ports import Resource


class Effect(NamedTuple):
    """What an operation does to an engine: the number of its answer, and of the state that it leaves."""

    answer: int
    state: int


class Engine:
    """One embedded engine: its states by number, and what each operation did in each of them.

    ``name`` is what operations call it. State 0 is the one that it is in when it is taken over. ``lost`` is the error
    that a caller gets when the engine's reply, or the request, is lost.
    """

    def __init__(self, name: str, resource: Resource, answers: Answers, lost: Exception) -> None:
        self.name = name
        self.lost = answers.error(lost)
        self.asked = 0
        self.done: dict[int, set[int]] = {}
        self._resource = resource
        self._answers = answers
        self._states: Numbers[bytes] = Numbers(resource.snapshot())
        self._current = 0
        self._effects: dict[tuple[int, int], Effect] = {}

    @property
    def count(self) -> int:
        """How many states are known so far."""
        return len(self._states)

    def effect(self, state: int, operation: int, wish: Wish) -> Effect:
        """What happens when ``operation`` (a number; ``wish`` is what it stands for) meets the engine in ``state``."""
        known = self._effects.get((operation, state))
        if known is None:
            known = self._effects[(operation, state)] = self._perform(state, wish)
        return known

    def looks_at(self, operation: int, wish: Wish) -> int:
        """The bits of a state on which it hangs what an operation does: all of them."""
        return -1

    def snapshot(self, state: int) -> bytes:
        return self._states.values[state]

    def put(self, state: int) -> None:
        """Bring the real engine into ``state``."""
        if self._current != state:
            self._resource.restore(self.snapshot(state))
            self._current = state

    def _perform(self, state: int, wish: Wish) -> Effect:
        self.put(state)
        self.asked += 1
        answer = self._answers.of(lambda: _in_order(wish.perform()))
        if not wish.operation.writes:
            return Effect(answer, state)
        # What the engine holds now may differ from what it would be restored to, in the order of fields; so it is.
        self._current = -1
        return Effect(answer, self._number())

    def _number(self) -> int:
        """The state that the real engine is in."""
        return self._states.of(self._resource.snapshot())


def _in_order(answer: Any) -> Any:
    """Documents with their fields in one order, whatever the order in which they were written."""
    if type(answer) is dict:
        return dict(sorted(cast("dict[str, Any]", answer).items()))
    if type(answer) is list:
        return [_in_order(each) for each in cast("list[Any]", answer)]
    return answer
