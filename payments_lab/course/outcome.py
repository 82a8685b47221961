"""What trying an answer gives: for each part whether it passed, one line, and pictures."""

from __future__ import annotations

import re
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any, Protocol, cast

from payments_lab.course.watch import Stuck, an_end, cell_line, without_waiting
from payments_lab.ports.immediate import immediately

LONGEST = 160
_EXPECTED = re.compile(r"DID NOT RAISE (?:any of )?\(?(?P<names>[\w, ]+)")  # pytest.raises


class Picture(Protocol):
    """What has a text form and a mime bundle: a diagram, a table."""

    def text(self, width: int | None = None) -> str: ...

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]: ...


class Wrong(Exception):
    """An answer does not do what it should; the message says what it does, ``pictures`` show it.

    ``alike`` is what others' answers that fail in the same way have in common with this one, where the message has
    names in it that this answer made up. ``where`` is the line of the answer's own code that it is about.
    """

    def __init__(self, message: str, *pictures: Picture, alike: str = "", where: str = "") -> None:
        super().__init__(message)
        self.pictures = pictures
        self.alike = alike or message
        self.where = where


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one part went. ``line`` says what was tried when it ``passed``, and what is wrong when it did not.

    ``where`` is the line of the answer's own code that raised. ``alike`` stands for the line where answers are
    compared. An answer that never came to an ``end`` is tried no further.
    """

    part: str
    passed: bool
    line: str
    pictures: Sequence[Picture] = field(default=(), compare=False)
    where: str = ""
    alike: str = ""
    ended: bool = True

    @property
    def said(self) -> str:
        """The line, and the answer's own line of code that it is about."""
        return f"{self.line}, at `{self.where}`" if self.where else self.line

    @property
    def behaviour(self) -> tuple[str, str]:
        """What two answers that fail alike have in common."""
        return self.part, self.alike or self.line


Trial = Callable[[Any], Awaitable[str] | str]


@dataclass(frozen=True, slots=True)
class Part:
    """One side from which an answer is tried.

    ``trial`` takes the answer and returns what it has tried, or raises Wrong; it may be a coroutine function.
    ``explores``: it goes through every order of events, which takes longer than all else; the explorer keeps a watch
    of its own on code that does not end.
    """

    name: str
    trial: Trial
    explores: bool = False

    def run(self, answer: Any) -> Outcome:
        outcome, unawaited = without_waiting(lambda: self._run(answer))
        if unawaited:
            line = f"an await is missing: {unawaited[0]}(…) is called, and nobody waits for it"
            return Outcome(self.name, False, line)
        return outcome

    def _run(self, answer: Any) -> Outcome:
        try:
            with nullcontext() if self.explores else an_end():
                tried = self.trial(answer)
                line = tried if isinstance(tried, str) else at_once(cast("Coroutine[Any, Any, str]", tried))
        except Wrong as wrong:
            return Outcome(self.name, False, str(wrong), wrong.pictures, where=wrong.where, alike=wrong.alike)
        except Stuck as stuck:
            return Outcome(self.name, False, str(stuck), where=stuck.where, ended=False)
        except Exception as error:
            return Outcome(self.name, False, told(error), where=where(error))
        return Outcome(self.name, True, line)


def one_by_one(parts: Sequence[Part], answer: Any) -> Iterator[Outcome]:
    """Every part, also after one that failed; but after one that did not end no other is begun."""
    ended = True
    for part in parts:
        outcome = part.run(answer) if ended else Outcome(part.name, False, "not tried")
        ended = ended and outcome.ended
        yield outcome


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
    """An error of the answer's own code, or of its tests."""
    message = shorten(str(error).partition("\n")[0].rstrip("."), LONGEST, placeholder=" …")
    expected = _EXPECTED.match(message)
    if expected is not None:
        return f"it expects an error that does not come: {expected['names'].replace(', ', ' or ')}"
    if isinstance(error, AssertionError):
        return "its assertion does not hold" + (f": {message}" if message else "")
    said = f"it raises {type(error).__name__}" + (f": {message}" if message else "")
    return f"{said}; is a `return` missing?" if "'NoneType'" in message and not where(error) else said


def where(error: BaseException) -> str:
    """The innermost line of a notebook's cell that an error went through, or ""."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        line = cell_line(frame.filename, frame.lineno)
        if line:
            return line
    return ""


def expect(found: object, wanted: object, what: str, *pictures: Picture) -> None:
    """Wrong unless ``found`` is what was ``wanted``."""
    if found != wanted:
        raise Wrong(f"{what} is {_shown(found)}, and should be {_shown(wanted)}", *pictures)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else repr(value)
