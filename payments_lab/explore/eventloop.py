"""What code under test meets where the running event loop would be: tasks, sleeps and futures, and nothing else."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
import types
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context
from typing import TYPE_CHECKING, Any, NoReturn, cast

from payments_lab.explore.places import standing
from payments_lab.explore.refusing import STEP, refuse

if TYPE_CHECKING:
    from payments_lab.explore.strands import Strand

_WORDS = {
    "run_in_executor": "threads (run_in_executor, to_thread)",
    "time": "the time (timeout, wait_for, loop.time)",
}


class _Handle:
    """Of a sleep: nothing is scheduled, so nothing need be cancelled."""

    def cancel(self) -> None: ...


class StandIn:
    """Tasks are strands of what starts them; a sleep is a pause; the rest is refused by name."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=cast("Any", self))

    def create_task(self, coroutine: Coroutine[Any, Any, Any], *, context: Context | None = None, **_: Any) -> Strand:
        if STEP.strands is None:
            refuse_asyncio("tasks (create_task, gather) outside a handler")
        return STEP.strands.begin(coroutine, context)

    def call_soon(self, callback: Callable[..., object], *arguments: Any, context: Context | None = None) -> None:
        if STEP.strands is None:
            refuse_asyncio("call_soon")
        STEP.strands.soon(callback, arguments, context)

    def call_later(self, _delay: float, callback: Any, *arguments: Any) -> _Handle:
        if getattr(callback, "__name__", "") != "_set_result_unless_cancelled" or STEP.strands is None:
            refuse_asyncio("the time (timeout, wait_for, call_later)")
        STEP.strands.sleeps(*arguments)
        return _Handle()

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """An error that nobody asked for is nobody's; a loop would log it."""

    def __getattr__(self, name: str) -> NoReturn:
        refuse_asyncio(_WORDS.get(name, name))

    def __hash__(self) -> int:
        if not _is_logging(sys._getframe(1)):  # pyright: ignore[reportPrivateUsage]
            refuse_asyncio("the current task (asyncio.timeout, asyncio.wait_for, asyncio.TaskGroup)")
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


def _is_logging(frame: types.FrameType) -> bool:
    """From Python 3.12 on, whoever writes a log asks for the name of the current task."""
    return frame.f_globals.get("__name__") == logging.__name__


def refuse_asyncio(what: str) -> NoReturn:
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    _close_unawaited(frame)
    refuse(
        "asyncio",
        f"{standing(frame)} uses {what} of asyncio, which the explorer cannot follow; await one operation after the "
        "other, or several with asyncio.gather",
    )


def _close_unawaited(frame: types.FrameType | None) -> None:
    """Let go of the coroutines that asyncio was handed, so that nobody is warned that they were never awaited."""
    while frame is not None and ("asyncio" in frame.f_code.co_filename or frame.f_code.co_filename == __file__):
        for value in frame.f_locals.values():
            for each in cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,):
                if inspect.iscoroutine(each) and inspect.getcoroutinestate(each) == inspect.CORO_CREATED:
                    each.close()
        frame = frame.f_back


LOOP: Any = StandIn()


@contextmanager
def stood_in() -> Generator[None]:
    """While this lasts, code meets no other event loop."""
    before = asyncio._get_running_loop()  # pyright: ignore[reportPrivateUsage]
    asyncio._set_running_loop(LOOP)
    try:
        yield
    finally:
        asyncio._set_running_loop(before)
