"""Judging an answer: every part is tried; one that behaves like a known wrong answer gets that one's hint."""

from __future__ import annotations

from functools import cache
from typing import Any

from payments_lab.course.exercise import Exercise, Misconception
from payments_lab.course.outcome import Outcome, Wrong

ANSWER = "the answer"

Behaviour = tuple[tuple[str, str], ...]


def outcomes_of(exercise: Exercise, answer: Any) -> list[Outcome]:
    """How each part went; a single one where what was given is no answer at all."""
    if answer is ...:
        return [Outcome(ANSWER, False, "there is none yet: put yours in the place of the dots")]
    try:
        return exercise.attempt(answer)
    except Wrong as wrong:
        return [Outcome(ANSWER, False, str(wrong), wrong.pictures)]


def misconception_behind(exercise: Exercise, outcomes: list[Outcome]) -> Misconception | None:
    """The known wrong answer that behaves like this one, or None."""
    behaviour = _behaviour(outcomes)
    failed = {part for part, _ in behaviour}
    for each in exercise.misconceptions:
        if each.fails in failed and behaviour_of(exercise.id, each.name) == behaviour:
            return each
    return None


@cache
def behaviour_of(exercise: str, misconception: str) -> Behaviour:
    """How a known wrong answer behaves. It is tried the first time that somebody's answer is compared with it."""
    from payments_lab.course.exercises import find

    found = find(exercise)
    (wrong,) = (each for each in found.misconceptions if each.name == misconception)
    return _behaviour(attempt(found, wrong.answer))


def attempt(exercise: Exercise, source: str) -> list[Outcome]:
    """The outcomes of an answer that is given as the source of its cell."""
    try:
        answer = exercise.answer_in(source)
    except Wrong as wrong:
        return [Outcome(ANSWER, False, str(wrong))]
    return outcomes_of(exercise, answer)


def _behaviour(outcomes: list[Outcome]) -> Behaviour:
    return tuple(each.behaviour for each in outcomes if not each.passed)
