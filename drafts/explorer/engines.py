"""Asking an engine once for each distinct state and operation, and remembering what it answered."""

from __future__ import annotations

from typing import NamedTuple

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

    ``name`` is what operations call it. State 0 is the one that it is in when it is taken over. ``lost`` is the error that a caller gets when the
    engine's reply, or the request, is lost.
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

    def effect(self, state: int, operation: int, wish: Wish) -> Effect:
        """What happens when ``operation`` (a number; ``wish`` is what it stands for) meets the engine in ``state``."""
        known = self._effects.get((operation, state))
        if known is None:
            known = self._effects[(operation, state)] = self._perform(state, wish)
        return known

    def snapshot(self, state: int) -> bytes:
        return self._states.values[state]

    def put(self, state: int) -> None:
        """Bring the real engine into ``state``."""
        if self._current != state:
            self._resource.restore(self._states.values[state])
            self._current = state

    def taken(self) -> int:
        """The number of the state that the real engine is in."""
        self._current = self._states.of(self._resource.snapshot())
        return self._current

    def _perform(self, state: int, wish: Wish) -> Effect:
        self.put(state)
        self.asked += 1
        answer = self._answers.of(wish.perform)
        return Effect(answer, self.taken() if wish.operation.writes else state)
