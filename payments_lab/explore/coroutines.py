"""Driving real coroutines by hand: one await at a time, without an event loop."""

from __future__ import annotations

import traceback
import types
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from payments_lab.ports import Operation, scheduled_by

T = TypeVar("T")


class Refused(Exception):
    """The code under test did something that cannot be explored; ``kind`` names it, the message says where."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class Wish:
    """What a coroutine waits for: an operation, and the deed behind it."""

    operation: Operation
    perform: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a coroutine ended."""

    value: Any = None
    error: Exception | None = None


class Suspender:
    """The scheduler in charge while code under test runs: every checkpoint suspends the coroutine."""

    @types.coroutine
    def step(self, operation: Operation, perform: Callable[[], T]) -> Generator[Wish, T, T]:
        return (yield Wish(operation, perform))


SUSPENDER = Suspender()


def resume(coroutine: Coroutine[Any, Any, Any], answer: Any = None, error: Exception | None = None) -> Wish | Finished:
    """Run to the next checkpoint, or to the end; Refused when the coroutine waits for anything else."""
    try:
        with scheduled_by(SUSPENDER):
            wish = coroutine.send(answer) if error is None else coroutine.throw(error)
    except StopIteration as done:
        return Finished(value=done.value)
    except Refused:
        raise
    except Exception as failure:
        if isinstance(failure, RuntimeError) and "no running event loop" in str(failure):
            raise Refused("foreign-await", f"{_last_line(failure)} uses asyncio's own clock or tasks") from failure
        return Finished(error=failure)
    if isinstance(wish, Wish):
        return wish
    raise Refused("foreign-await", f"{_where(coroutine)} waits for something that the lab does not control: {wish!r}")


def _where(coroutine: Coroutine[Any, Any, Any]) -> str:
    """The file and line at which the innermost coroutine of the chain stands."""
    inner: Any = coroutine
    place = ""
    while inner is not None:
        frame = getattr(inner, "cr_frame", None) or getattr(inner, "gi_frame", None)
        if frame is not None:
            place = f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
        inner = getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None)
    return place or repr(coroutine)


def _last_line(error: BaseException) -> str:
    """The innermost line of the code under test in an error's traceback."""
    places = [
        f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if "/asyncio/" not in frame.f_code.co_filename and frame.f_code.co_filename != __file__
    ]
    return places[-1] if places else repr(error)
