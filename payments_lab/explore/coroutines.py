"""Driving real coroutines by hand: one await at a time, without an event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from payments_lab.ports import Operation, scheduled_by

T = TypeVar("T")

PATIENCE = 3.0

_PACKAGE = Path(__file__).parent.parent
_MACHINERY = tuple(f"{_PACKAGE / room}{os.sep}" for room in ("explore", "ports", "stores", "bus", "local_stripe"))

PAUSE = Operation("pause", "sleep", None, writes=False)


class Refused(BaseException):
    """The code under test did something that cannot be explored: ``kind`` names it, the message says what and where.

    No ``Exception``, so that a handler which catches everything does not hide it.
    """

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
    """How a coroutine ended: with a value, or with an error."""

    value: Any = None
    error: Exception | None = None


class Suspender:
    """The scheduler in charge while code under test runs: every checkpoint suspends the coroutine."""

    @types.coroutine
    def step(self, operation: Operation, perform: Callable[[], T]) -> Generator[Wish, T, T]:
        return (yield Wish(operation, perform))


@contextmanager
def under_control() -> Generator[None]:
    """While this lasts, code under test meets our checkpoints, no foreign event loop, and an end to its patience."""
    before = asyncio._get_running_loop()  # pyright: ignore[reportPrivateUsage]
    with scheduled_by(_SUSPENDER), _watched():
        asyncio._set_running_loop(_LOOP)  # pyright: ignore[reportArgumentType]
        try:
            yield
        finally:
            asyncio._set_running_loop(before)


def resume(coroutine: Coroutine[Any, Any, Any], answer: Any = None, error: Exception | None = None) -> Wish | Finished:
    """Run to the next checkpoint, or to the end. Must happen :func:`under_control`.

    Refused when the coroutine waits for anything but a checkpoint, or takes longer than PATIENCE seconds.
    """
    _start_watch()
    try:
        wish = coroutine.send(answer) if error is None else coroutine.throw(error)
    except StopIteration as done:
        return Finished(value=done.value)
    except Exception as failure:
        return Finished(error=failure)
    finally:
        _stop_watch()
    if isinstance(wish, Wish):
        return wish
    if wish is None:
        return Wish(PAUSE, _nothing)
    raise Refused("foreign-await", f"{where(coroutine)} waits for {wish!r}, which the explorer does not control")


def where(coroutine: Any) -> str:
    """The file and line at which the innermost coroutine of the chain stands."""
    place = repr(coroutine)
    inner = coroutine
    while inner is not None:
        frame = getattr(inner, "cr_frame", None) or getattr(inner, "gi_frame", None)
        if frame is not None and not is_machinery(frame.f_code.co_filename):
            place = at(frame.f_code, frame.f_lineno)
        inner = getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None)
    return place


def at(code: types.CodeType, line: int | None) -> str:
    """``file:line in function``; a notebook's cell has no file that anybody knows."""
    place = Path(code.co_filename)
    name = "a cell" if place.parent.name.startswith("ipykernel_") else place.name
    return f"{name}:{line} in {code.co_qualname}"


def innermost(error: BaseException) -> str:
    """The last line of code under test in an error's traceback."""
    return _place(traceback.walk_tb(error.__traceback__))


def _place(frames: Iterator[tuple[types.FrameType, int]]) -> str:
    places = [at(frame.f_code, line) for frame, line in frames if not is_machinery(frame.f_code.co_filename)]
    return places[-1] if places else "code that has no file"


def is_machinery(filename: str) -> bool:
    """Whether a file is part of the machinery rather than of what is explored."""
    return filename.startswith(_MACHINERY) or "/asyncio/" in filename or "/stripe/" in filename


def _nothing() -> None:
    return None


# asyncio


class _ForeignLoop:
    """Stands where the running event loop would be. A plain sleep is a pause; anything else is refused by name."""

    def create_future(self) -> _Pause:
        return _Pause()

    def call_later(self, _delay: float, _callback: Any, future: object, result: object = None) -> _Pause:
        if not isinstance(future, _Pause):
            _refuse_asyncio("call_later")
        future.is_sleep = True
        future.result = result
        return future

    def __getattr__(self, name: str) -> NoReturn:
        _refuse_asyncio(name)

    def __hash__(self) -> int:
        _refuse_asyncio("the current task (asyncio.timeout, asyncio.wait_for)")

    def __eq__(self, other: object) -> bool:
        return self is other


class _Pause:
    """What ``asyncio.sleep`` waits for: anything may happen meanwhile."""

    is_sleep = False
    result: object = None

    def cancel(self) -> None:
        """Nothing is scheduled."""

    def __await__(self) -> Generator[None, None, object]:
        if not self.is_sleep:
            _refuse_asyncio("a future (a lock, an event or a queue that is waited for)")
        yield None
        return self.result


def _refuse_asyncio(what: str) -> NoReturn:
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    place = _place(iter(reversed(list(traceback.walk_stack(frame)))))
    raise Refused(
        "asyncio",
        f"{place} uses {what} of asyncio, which the explorer cannot follow; await one operation after the other "
        "(asyncio.sleep is fine)",
    )


_LOOP: Any = _ForeignLoop()
_SUSPENDER = Suspender()


# the watch


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")


@contextmanager
def _watched() -> Generator[None]:
    if not _in_main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def _start_watch() -> None:
    if _in_main_thread():
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)


def _stop_watch() -> None:
    if _in_main_thread():
        signal.setitimer(signal.ITIMER_REAL, 0)


def _ring(_signal: int, frame: types.FrameType | None) -> NoReturn:
    place = _place(iter(reversed(list(traceback.walk_stack(frame)))))
    raise Refused("stuck", f"{place} has not come to its next await within {PATIENCE:g} seconds")
