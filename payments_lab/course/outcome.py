"""What trying an answer gives: for each part whether it passed, one line, and pictures."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from payments_lab.ports.immediate import immediately


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
    """How one part went. ``line`` says what was tried when it ``passed``, and what is wrong when it did not.

    ``where`` is the line of the answer's own code that raised.
    """

    part: str
    passed: bool
    line: str
    pictures: Sequence[Picture] = field(default=(), compare=False)
    where: str = ""

    @property
    def behaviour(self) -> tuple[str, str]:
        """What two answers that fail alike have in common."""
        return self.part, self.line


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
            return Outcome(self.name, False, told(error), where=where(error))
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
    """An error of the answer's own code."""
    message = str(error).partition("\n")[0]
    return f"it raises {type(error).__name__}" + (f": {message}" if message else "")


def where(error: BaseException) -> str:
    """The innermost line of a notebook's cell that an error went through, or ""."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.line and "ipykernel" in frame.filename:
            return frame.line
    return ""


def expect(found: object, wanted: object, what: str, *pictures: Picture) -> None:
    """Wrong unless ``found`` is what was ``wanted``."""
    if found != wanted:
        raise Wrong(f"{what} is {_shown(found)}, and should be {_shown(wanted)}", *pictures)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else repr(value)
