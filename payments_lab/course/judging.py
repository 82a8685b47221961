"""Judging an answer: every part is tried; one that behaves like a known wrong answer gets that one's hint."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

from payments_lab.course.exercise import Exercise, Misconception
from payments_lab.course.outcome import Outcome, Wrong

ANSWER = "the answer"


def outcomes_of(exercise: Exercise, answer: Any) -> list[Outcome]:
    """How each part went; a single one where what was given is no answer at all."""
    if answer is ...:
        return [Outcome(ANSWER, False, "there is none yet: put yours in the place of the dots")]
    try:
        return exercise.attempt(answer)
    except Wrong as wrong:
        return [Outcome(ANSWER, False, str(wrong), wrong.pictures)]


def misconception_behind(exercise: Exercise, outcomes: list[Outcome]) -> Misconception | None:
    """The known wrong answer that behaves like this one, or None.

    Each is compared part by part, and tried no further than it behaves like this one.
    """
    telling = exercise.telling(outcomes)
    failed = {each.part for each in telling if not each.passed}
    for each in exercise.misconceptions:
        known = known_wrong(exercise.id, each.name)
        if each.fails in failed and all(known.behaves_like(place, this) for place, this in enumerate(telling)):
            return each
    return None


class KnownWrong:
    """A known wrong answer, and what is known of its behaviour so far."""

    def __init__(self, exercise: Exercise, answer: str) -> None:
        self._coming = _tried(exercise, answer)
        self._seen: list[Outcome] = []

    def behaves_like(self, place: int, outcome: Outcome) -> bool:
        """Whether the part at a place goes with it as it went with somebody's answer."""
        self._seen.extend(islice(self._coming, max(0, place + 1 - len(self._seen))))
        if place >= len(self._seen):
            return False
        mine = self._seen[place]
        return (mine.passed, outcome.passed) == (True, True) or (
            not (mine.passed or outcome.passed) and mine.behaviour == outcome.behaviour
        )


@cache
def known_wrong(exercise: str, misconception: str) -> KnownWrong:
    """A misconception of an exercise, whose parts are tried when somebody's answer is first compared with them."""
    from payments_lab.course.exercises import find

    found = find(exercise)
    (wrong,) = (each for each in found.misconceptions if each.name == misconception)
    return KnownWrong(found, wrong.answer)


def _tried(exercise: Exercise, source: str) -> Iterator[Outcome]:
    try:
        return exercise.outcomes(exercise.answer_in(source))
    except Wrong as wrong:
        return iter([Outcome(ANSWER, False, str(wrong))])


def attempt(exercise: Exercise, source: str) -> list[Outcome]:
    """The outcomes of an answer that is given as the source of its cell."""
    return list(_tried(exercise, source))
