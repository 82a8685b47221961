"""What trying an answer gives: for each part whether it passed, one line, and pictures."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, cast

from payments_lab.ports.immediate import immediately

THE_PACKAGE = "payments_lab"


class Picture(Protocol):
    """What has a text form and a mime bundle: a diagram, a table."""

    def text(self, width: int | None = None) -> str: ...

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]: ...


class Wrong(Exception):
    """An answer does not do what it should; the message says what it does, ``pictures`` show it."""

    def __init__(self, message: str, *pictures: Picture) -> None:
        super().__init__(message)
        self.pictures = pictures


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one part went. ``line`` says what was tried when it ``passed``, and what is wrong when it did not."""

    part: str
    passed: bool
    line: str
    pictures: Sequence[Picture] = field(default=(), compare=False)

    @property
    def behaviour(self) -> tuple[str, bool, str]:
        """What two answers that behave alike have in common."""
        return self.part, self.passed, self.line


Trial = Callable[[Any], Awaitable[str] | str]


@dataclass(frozen=True, slots=True)
class Part:
    """One side from which an answer is tried.

    ``trial`` takes the answer and returns what it has tried, or raises Wrong; it may be a coroutine function.
    """

    name: str
    trial: Trial

    def run(self, answer: Any) -> Outcome:
        try:
            tried = self.trial(answer)
            line = tried if isinstance(tried, str) else at_once(cast("Coroutine[Any, Any, str]", tried))
        except Wrong as wrong:
            return Outcome(self.name, False, str(wrong), wrong.pictures)
        except Exception as error:
            return Outcome(self.name, False, told(error))
        return Outcome(self.name, True, line)


def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine on embedded engines, also while a notebook's loop runs. Wrong where it waits."""
    try:
        return immediately(coroutine)
    except RuntimeError as error:
        if "had to wait" not in str(error):
            raise
        message = "it waits for something that is not the shop's, such as asyncio.sleep; use the clock of the service"
        raise Wrong(message) from error


def told(error: BaseException) -> str:
    """An error of the answer's own code, with its line where it has one."""
    message = str(error).partition("\n")[0]
    said = f"it raises {type(error).__name__}" + (f": {message}" if message else "")
    for line in _lines_of_the_answer(error.__traceback__):
        return f"{said}, at `{line}`"
    return said


def expect(found: object, wanted: object, what: str, *pictures: Picture) -> None:
    """Wrong unless ``found`` is what was ``wanted``."""
    if found != wanted:
        raise Wrong(f"{what} is {_shown(found)}, and should be {_shown(wanted)}", *pictures)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


def _lines_of_the_answer(trace: TracebackType | None) -> Iterator[str]:
    """The innermost line that a student wrote; code of a cell has no file on disk beside the package."""
    for frame in reversed(traceback.extract_tb(trace)):
        if frame.line and ("ipykernel" in frame.filename or frame.filename.startswith("<ipython")):
            yield frame.line
