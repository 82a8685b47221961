"""The exercises of every chapter, found by their ids; a chapter is loaded when one of its exercises is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from payments_lab.course.exercise import Exercise

_ID = re.compile(r"(\d\d)\.\d+(-[a-z]+)+")
_CHAPTERS = range(15)


class UnknownExercise(LookupError):
    """There is no exercise of that id; the message names those that are like it. A notebook shows the message alone."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


def find(exercise: str) -> Exercise:
    """The exercise of an id such as ``"03.1-too-early"``. UnknownExercise where there is none."""
    if not isinstance(cast("object", exercise), str):
        raise UnknownExercise('the exercise comes first, by its id: check("03.1-too-early", Cancelling)')
    if _ID.fullmatch(exercise):
        for each in of_chapter(exercise[:2]):
            if each.id == exercise:
                return each
    ids = [each.id for each in every()]
    same = [each for each in ids if re.match(r"\d\d\.\d+", exercise) and each.startswith(f"{exercise[:4]}-")]
    like = same or get_close_matches(exercise, ids, n=1, cutoff=0.5)
    advice = f"did you mean {like[0]!r}?" if like else f"there are {', '.join(ids)}"
    raise UnknownExercise(f"there is no exercise {exercise!r}; {advice}")


@cache
def of_chapter(chapter: str) -> tuple[Exercise, ...]:
    """The exercises of a chapter such as ``"03"``, in the order of its notebook; none where it has none."""
    name = f"{__name__}.chapter_{chapter}"
    if find_spec(name) is None:
        return ()
    return tuple(import_module(name).EXERCISES)


def every() -> Iterator[Exercise]:
    """All exercises, in the order of the course."""
    for chapter in _CHAPTERS:
        yield from of_chapter(f"{chapter:02}")
