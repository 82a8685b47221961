"""A request or delivery whose code does several things at once: a strand for it, and one for each task that it starts.

A bundle of strands looks like one coroutine. Where several strands wait for an operation each, any of them may be the
next to go on. So the bundle first asks which one; that is one more operation, with as many answers.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from typing import Any, cast

from payments_lab.explore.coroutines import PAUSE, Wish
from payments_lab.explore.eventloop import LOOP, refuse_asyncio
from payments_lab.explore.places import standing, where
from payments_lab.explore.refusing import STEP, Refused
from payments_lab.ports import Operation

CHOICE = "choice"


class Strand(asyncio.Future[Any]):
    """A coroutine on its way, and its result once it has one; ``begun`` is the line that has started it."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], context: Context | None = None, begun: str = "") -> None:
        super().__init__(loop=LOOP)
        self.coroutine = coroutine
        self.context = context
        self.begun = begun
        self.wish: Wish | None = None
        self.sleep: Callable[[], object] | None = None

    def step(self, value: Any, error: Exception | None) -> Any:
        """To the next await: what the coroutine waits for there. Its end is this future's."""
        self.wish = None
        if self.sleep is not None:
            self.sleep()
            self.sleep = None
        go = partial(self.coroutine.send, value) if error is None else partial(self.coroutine.throw, error)
        try:
            return go() if self.context is None else self.context.run(go)
        except StopIteration as done:
            self.set_result(done.value)
        except Exception as failure:
            self.set_exception(failure)
        return None

    def cancel(self, msg: Any = None) -> bool:
        refuse_asyncio("cancelling a task")

    def set_name(self, value: object) -> None:
        """Names are for people who debug."""

    def get_name(self) -> str:
        return "a task"


class Strands(Coroutine[Wish, Any, Any]):
    """A coroutine and the tasks that it starts, as one coroutine that waits for one operation at a time."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._main = Strand(coroutine)
        self._strands = [self._main]
        self._acting: Strand | None = self._main
        self._soon: deque[Callable[[], object]] = deque()
        self._ready: deque[Strand] = deque()
        self._sleeps: dict[asyncio.Future[Any], Any] = {}

    @property
    def alone(self) -> Coroutine[Any, Any, Any] | None:
        """The one coroutine that is on its way, or None where there are several."""
        return self._main.coroutine if len(self._strands) == 1 else None

    @property
    def cr_await(self) -> Coroutine[Any, Any, Any]:
        """Where this stands: at what it waits for, or at the handler's own await while it is to be chosen."""
        return (self._acting or self._main).coroutine

    def send(self, value: Any) -> Any:
        return self._go_on(value, None)

    def throw(self, error: Any, *_: Any) -> Any:
        return self._go_on(None, error)

    def close(self) -> None:
        for strand in reversed(self._strands):
            with suppress(BaseException):
                strand.coroutine.close()

    def __await__(self) -> Any:
        raise TypeError("this is driven by hand")

    # what a loop does for its tasks

    def begin(self, coroutine: Coroutine[Any, Any, Any], context: Context | None) -> Strand:
        begun = standing(sys._getframe())  # pyright: ignore[reportPrivateUsage]
        strand = Strand(coroutine, context or copy_context(), begun)
        self._strands.append(strand)
        self._ready.append(strand)
        return strand

    def soon(self, callback: Callable[..., object], arguments: tuple[Any, ...], context: Context | None) -> None:
        call = partial(callback, *arguments)
        self._soon.append(call if context is None else partial(context.run, call))

    def sleeps(self, future: asyncio.Future[Any], result: Any = None) -> None:
        """``future`` is what a sleep waits for."""
        self._sleeps[future] = result

    # steps

    def _go_on(self, value: Any, error: Exception | None) -> Any:
        before, STEP.strands = STEP.strands, self
        try:
            if self._acting is None:
                chosen: int = value
                self._acting = self._waiting()[chosen]
                return self._acting.wish
            self._step(self._acting, value, error)
            self._run_what_is_ready()
            self._strands = [each for each in self._strands if not each.done()]
            return self._end() if self._main.done() else self._next_wish()
        except BaseException:
            self.close()
            raise
        finally:
            STEP.strands = before

    def _step(self, strand: Strand, value: Any, error: Exception | None) -> None:
        outcome: object = strand.step(value, error)
        if strand.done():
            return
        if outcome is None:
            strand.wish = PAUSE
        elif isinstance(outcome, Wish):
            strand.wish = outcome
        elif isinstance(outcome, asyncio.Future):
            self._wait(strand, cast("asyncio.Future[Any]", outcome))
        else:
            place = where(strand.coroutine)
            raise Refused("foreign-await", f"{place} waits for {outcome!r}, which the explorer does not control")

    def _wait(self, strand: Strand, future: asyncio.Future[Any]) -> None:
        future._asyncio_future_blocking = False
        if future in self._sleeps:
            strand.wish = PAUSE
            strand.sleep = partial(future.set_result, self._sleeps.pop(future))
            return
        future.add_done_callback(lambda _: self._ready.append(strand))

    def _run_what_is_ready(self) -> None:
        while self._soon or self._ready:
            while self._soon:
                self._soon.popleft()()
            if self._ready:
                self._step(self._ready.popleft(), None, None)

    def _waiting(self) -> list[Strand]:
        return [each for each in self._strands if each.wish is not None]

    def _next_wish(self) -> Wish:
        waiting = self._waiting()
        if not waiting:
            place = where(self._main.coroutine)
            raise Refused(
                "asyncio",
                f"{place} waits for a future (a lock, an event or a queue) that nothing of its own sets, which the "
                "explorer cannot follow",
            )
        if len(waiting) == 1:
            self._acting = waiting[0]
            assert waiting[0].wish is not None
            return waiting[0].wish
        self._acting = None
        ways = [f"{each.wish.operation.resource} {each.wish.operation.verb}" for each in waiting if each.wish]
        return Wish(Operation(CHOICE, "go on", ways, writes=False), lambda: 0)

    def _end(self) -> Any:
        if self._strands:
            raise Refused(
                "asyncio",
                f"{self._strands[0].begun} starts a task that is still under way when its handler is done, so that "
                "nobody learns what comes of it; await it (when one fails, gather leaves the others to themselves, but "
                "not with return_exceptions=True)",
            )
        error = self._main.exception()
        if error is not None:
            raise error
        raise StopIteration(self._main.result())
