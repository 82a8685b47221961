"""What tasks are told: values and errors, each fed as a fresh copy so that no two tasks share anything."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from payments_lab.explore.numbering import Numbers


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing that a task may be told; exactly one of the two is meant: an ``error`` is thrown in."""

    value: Any = None
    error: Exception | None = None

    def fresh(self) -> Answer:
        """A copy that shares nothing with this one."""
        if self.error is not None:
            return Answer(error=_copy_of_error(self.error))
        return Answer(value=copy.deepcopy(self.value))


class Answers:
    """All answers that were ever given, by number; equal answers have the same number."""

    def __init__(self) -> None:
        self._numbers: Numbers[Hashable] = Numbers()
        self._answers: list[Answer] = []

    def of(self, perform: Callable[[], Any]) -> int:
        """The number of what ``perform`` returns or raises."""
        try:
            return self._number(Answer(value=perform()))
        except Exception as error:
            return self.error(error)

    def error(self, error: Exception) -> int:
        return self._number(Answer(error=_copy_of_error(error)))

    def __getitem__(self, number: int) -> Answer:
        return self._answers[number]

    def sign(self, number: int) -> str:
        """An answer in words that are the same in every run of the same code."""
        answer = self._answers[number]
        return f"{type(answer.error).__name__}: {answer.error}" if answer.error is not None else repr(answer.value)

    def _number(self, answer: Answer) -> int:
        number = self._numbers.of(frozen(answer.error if answer.error is not None else answer.value))
        if number == len(self._answers):
            self._answers.append(answer)
        return number


def frozen(value: Any) -> Hashable:
    """Something hashable that is equal for equal values."""
    kind = cast("type[Any]", type(value))
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return (kind, tuple((frozen(name), frozen(item)) for name, item in items))
    if isinstance(value, list | tuple):
        return (kind, tuple(frozen(item) for item in cast("list[Any]", value)))
    if isinstance(value, str | int | float | bytes | date | type(None)):
        return (kind, value)
    if isinstance(value, BaseException):
        return (kind, frozen(value.args), frozen(_plain(vars(value))))
    return (kind, pickle.dumps(value))


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: repr(value) for name, value in attributes.items()}


def _copy_of_error(error: Exception) -> Exception:
    """The same error without its traceback; made without ``__init__``, whose arguments nobody knows any more."""
    made = type(error).__new__(type(error))
    made.args = error.args
    vars(made).update(copy.deepcopy(vars(error)))
    return made
