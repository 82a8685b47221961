"""Driving real coroutines by hand: one await at a time, without an event loop."""

from __future__ import annotations

import asyncio
import inspect
import logging
import opcode
import sys
import types
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, cast

from payments_lab.explore.awaiting import awaits_noticed
from payments_lab.explore.fencing import fenced_in
from payments_lab.explore.places import innermost, standing, where
from payments_lab.explore.refusing import STEP, Refused, refuse
from payments_lab.explore.watching import TooLate, begin_step, end_step, watched
from payments_lab.ports import Operation, scheduled_by

T = TypeVar("T")

PATIENCE = 3.0

PAUSE = Operation("pause", "sleep", None, writes=False)

_RAISE = opcode.opmap["RAISE_VARARGS"]


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
    with scheduled_by(_SUSPENDER), watched(), fenced_in(), awaits_noticed():
        asyncio._set_running_loop(_LOOP)  # pyright: ignore[reportArgumentType]
        try:
            yield
        finally:
            asyncio._set_running_loop(before)


def resume(coroutine: Coroutine[Any, Any, Any], answer: Any = None, error: Exception | None = None) -> Wish | Finished:
    """Run to the next checkpoint, or to the end. Must happen :func:`under_control`.

    Refused when the coroutine waits for anything but a checkpoint, takes longer than PATIENCE seconds, does what nobody
    can follow, forgets an await, or would end the whole process. (After an error of its own, what it had still to await
    is not forgotten.)
    """
    begin_step(PATIENCE)
    try:
        outcome = _step(coroutine, answer, error)
    finally:
        end_step()
    if STEP.unawaited and not (isinstance(outcome, Finished) and outcome.error):
        raise Refused("unawaited", STEP.unawaited)
    if isinstance(outcome, Wish | Finished):
        return outcome
    if outcome is None:
        return Wish(PAUSE, _nothing)
    raise Refused("foreign-await", f"{where(coroutine)} waits for {outcome!r}, which the explorer does not control")


def _step(coroutine: Coroutine[Any, Any, Any], answer: Any, error: Exception | None) -> object:
    try:
        return coroutine.send(answer) if error is None else coroutine.throw(error)
    except StopIteration as done:
        return Finished(value=done.value)
    except Exception as failure:
        return Finished(error=failure)
    except (Refused, TooLate):
        raise
    except BaseException as end:
        if isinstance(end, KeyboardInterrupt) and not _is_raised_by_code(end):
            raise
        raise Refused(
            "exit",
            f"{innermost(end)} raises {type(end).__name__}, which is no Exception: it would end the whole process, and "
            "not this handler alone",
        ) from end


def _is_raised_by_code(error: BaseException) -> bool:
    """Whether a ``raise`` stands where an error comes from; somebody has pressed Ctrl-C otherwise."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is not None and place.tb_frame.f_code.co_code[place.tb_lasti] == _RAISE


def _nothing() -> None:
    return None


# asyncio


_WORDS = {
    "create_task": "tasks (create_task, gather, wait_for)",
    "run_in_executor": "threads (run_in_executor, to_thread)",
    "time": "the time (timeout, loop.time)",
}


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
        _refuse_asyncio(_WORDS.get(name, name))

    def __hash__(self) -> int:
        if not _is_logging(sys._getframe(1)):  # pyright: ignore[reportPrivateUsage]
            _refuse_asyncio("the current task (asyncio.timeout, asyncio.wait_for)")
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


def _is_logging(frame: types.FrameType) -> bool:
    """From Python 3.12 on, whoever writes a log asks for the name of the current task."""
    return frame.f_globals.get("__name__") == logging.__name__


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
    _close_unawaited(frame)
    refuse(
        "asyncio",
        f"{standing(frame)} uses {what} of asyncio, which the explorer cannot follow; await one operation after the "
        "other (asyncio.sleep is fine)",
    )


def _close_unawaited(frame: types.FrameType | None) -> None:
    """Let go of the coroutines that asyncio was handed, so that nobody is warned that they were never awaited."""
    while frame is not None and ("asyncio" in frame.f_code.co_filename or frame.f_code.co_filename == __file__):
        for value in frame.f_locals.values():
            for each in cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,):
                if inspect.iscoroutine(each) and inspect.getcoroutinestate(each) == inspect.CORO_CREATED:
                    each.close()
        frame = frame.f_back


_LOOP: Any = _ForeignLoop()
_SUSPENDER = Suspender()
