"""What code under test meets where the running event loop would be: tasks, sleeps, timeouts and futures, no more."""

from __future__ import annotations

import asyncio
import inspect
import sys
import types
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import contextmanager
from contextvars import Context
from functools import partial
from math import nan
from typing import TYPE_CHECKING, Any, NoReturn, cast

from payments_lab.explore.places import is_library, standing
from payments_lab.explore.refusing import STEP, refuse
from payments_lab.explore.timers import Timeout, Timer

if TYPE_CHECKING:
    from payments_lab.explore.strand import Strand
    from payments_lab.explore.strands import Soon

_WORDS = {"run_in_executor": "threads (run_in_executor, to_thread)"}


class StandIn:
    """Tasks are strands of what starts them; a sleep is a pause; the rest is refused by name.

    Its clock stands still, and only asyncio may look at it.
    """

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=cast("Any", self))

    def create_task(self, coroutine: Coroutine[Any, Any, Any], *, context: Context | None = None, **_: Any) -> Strand:
        if STEP.strands is None:
            refuse_asyncio("tasks (create_task, gather) outside a handler")
        return STEP.strands.begin(coroutine, context)

    def call_soon(self, callback: Callable[..., object], *arguments: Any, context: Context | None = None) -> Soon:
        if STEP.strands is None:
            refuse_asyncio("call_soon")
        return STEP.strands.soon(callback, arguments, context)

    def call_at(self, when: float, callback: Any, *arguments: Any, context: Context | None = None) -> Timer:
        return self.call_later(when, callback, *arguments, context=context)

    def call_later(self, delay: float, callback: Any, *arguments: Any, context: Context | None = None) -> Timer:
        if STEP.strands is None or not _is_asyncio(str(getattr(callback, "__module__", ""))):
            refuse_asyncio("the time (call_later, call_at)")
        if callback.__name__ == "_set_result_unless_cancelled":
            return STEP.strands.sleeps(_length(delay, sys._getframe(1)), *arguments)  # pyright: ignore[reportPrivateUsage]
        return Timeout(STEP.strands.timers, delay, partial(callback, *arguments))

    def time(self) -> float:
        if not _is_of_asyncio(sys._getframe(1)):  # pyright: ignore[reportPrivateUsage]
            refuse_asyncio("the time (loop.time)")
        return 0.0

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """An error that nobody asked for is nobody's; a loop would log it."""

    def __getattr__(self, name: str) -> NoReturn:
        refuse_asyncio(_WORDS.get(name, name))


def _length(delay: float, sleep: types.FrameType) -> float:
    """How long a sleep is; a library's between two tries is as long as chance will have it."""
    asks = sleep.f_back
    while asks is not None and _is_of_asyncio(asks):
        asks = asks.f_back
    return nan if asks is not None and is_library(asks.f_code.co_filename) else delay


def _is_of_asyncio(frame: types.FrameType) -> bool:
    return _is_asyncio(frame.f_globals.get("__name__", ""))


def _is_asyncio(module: str) -> bool:
    return module.split(".")[0] == "asyncio"


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


def _swap(loop: Any, task: Any) -> Any:
    """As Python 3.12 and newer have it."""
    before: Any = asyncio.current_task(loop)
    if before is not None:
        asyncio.tasks._leave_task(loop, before)
    if task is not None:
        asyncio.tasks._enter_task(loop, task)
    return before


swap_current_task: Callable[[Any, Any], Any] = getattr(asyncio.tasks, "_swap_current_task", _swap)


def _in_order(as_completed: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with the tasks begun in the order in which they are given, rather than in that of a set."""

    def begun_in_order(fs: Iterable[Any], **options: Any) -> Any:
        return as_completed(fs if STEP.strands is None else [asyncio.ensure_future(each) for each in fs], **options)

    return begun_in_order


@contextmanager
def stood_in() -> Generator[None]:
    """While this lasts, code meets no other event loop."""
    before = asyncio._get_running_loop()  # pyright: ignore[reportPrivateUsage]
    as_completed = asyncio.as_completed
    asyncio._set_running_loop(LOOP)
    asyncio.as_completed = _in_order(as_completed)
    try:
        yield
    finally:
        asyncio._set_running_loop(before)
        asyncio.as_completed = as_completed
