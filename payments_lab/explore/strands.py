"""A request or delivery whose code does several things at once: a strand for it, and one for each task that it starts.

A bundle of strands looks like one coroutine. Where several strands wait for an operation each, any of them may be the
next to go on. So the bundle first asks which one; that is one more operation, with as many answers. So it does where a
timeout may be over, and where a task is cancelled of which nobody knows whether what it asked for has been sent.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from typing import Any, NamedTuple, cast

from payments_lab.explore.coroutines import PAUSE, Wish
from payments_lab.explore.losing import is_lost
from payments_lab.explore.places import standing, where
from payments_lab.explore.refusing import STEP, Refused
from payments_lab.explore.strand import Strand
from payments_lab.explore.timers import Sleep, Timeout, Timers
from payments_lab.ports import Operation

CHOICE = "choice"
TIME_IS_UP = "the time is up"
NOT_SENT = "is cancelled in time"
SENT = "is cancelled too late"
_SILENCE = Wish(Operation("pause", "silence", None, writes=False), lambda: None)


class Way(NamedTuple):
    """One way in which it may go on. ``what`` tells it from others; ``go`` gives what is waited for then, or None."""

    what: Any
    go: Callable[[], Wish | None]


class Soon:
    """A call that the event loop was asked for, unless it is cancelled before."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Strands(Coroutine[Wish, Any, Any]):
    """A coroutine and the tasks that it starts, as one coroutine that waits for one operation at a time."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.timers = Timers()
        self._main = Strand(self, 0, coroutine)
        self._strands = [self._main]
        self._begun = 1
        self._acting: Strand | None = self._main
        self._then: Callable[[Any, Exception | None], Wish | None] = partial(self._tell, self._main)
        self._soon: deque[Soon] = deque()
        self._ready: deque[Strand] = deque()
        self._sleeps: dict[asyncio.Future[Any], Sleep] = {}

    @property
    def alone(self) -> Coroutine[Any, Any, Any] | None:
        """The one coroutine that is on its way, or None where there are several or a choice is to be made."""
        return self._main.coroutine if len(self._strands) == 1 and self._acting is not None else None

    @property
    def stands(self) -> Hashable:
        """What decides how one that is alone goes on, besides its coroutine."""
        return self._main.stands(), tuple([timer.stands() for timer in self.timers.running])

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
        strand = Strand(self, self._begun, coroutine, context or copy_context(), begun)
        self._begun += 1
        self._strands.append(strand)
        self._ready.append(strand)
        return strand

    def soon(self, callback: Callable[..., object], arguments: tuple[Any, ...], context: Context | None) -> Soon:
        call = partial(callback, *arguments)
        self._soon.append(Soon(call if context is None else partial(context.run, call)))
        return self._soon[-1]

    def sleeps(self, delay: float, future: asyncio.Future[Any], result: Any) -> Sleep:
        """``future`` is what a sleep waits for."""
        timer = self._sleeps[future] = Sleep(self.timers, delay, partial(future.set_result, result))
        return timer

    def cut(self, strand: Strand) -> None:
        """``strand`` is cancelled; where it has asked for a change, that may have been heard all the same."""
        if strand.wish is not None and not strand.wish.operation.writes:
            self._interrupt(strand)

    # steps

    def _go_on(self, value: Any, error: Exception | None) -> Any:
        before, STEP.strands = STEP.strands, self
        self.timers.now += 1
        try:
            return self._then(value, error) or self._run()
        except BaseException:
            self.close()
            raise
        finally:
            STEP.strands = before

    def _run(self) -> Any:
        """To the next operation, or to the end."""
        while True:
            self._run_what_is_ready()
            if self._main.wish and self._is_plain():
                return self._let(self._main)
            self._strands = [each for each in self._strands if not each.done()]
            cut = next((each for each in self._strands if each.is_cut and each.wish), None)
            if cut is None and self._main.done():
                return self._end()
            wish = self._choose(self._ways() if cut is None else self._ways_of_cutting(cut))
            if wish is not None:
                return wish

    def _is_plain(self) -> bool:
        """Whether there is but one thing that may happen next: what the handler itself waits for."""
        return len(self._strands) == 1 and not self.timers.running and not self._main.is_cut

    def _tell(self, strand: Strand, value: Any, error: Exception | None) -> Wish | None:
        timeouts = self.timers.timeouts() if is_lost(error) and not strand.is_cut else []
        if not timeouts:
            self._step(strand, value, error)
            return None
        strand.wish = _SILENCE
        ways = [Way("the connection breaks", partial(self._step, strand, None, error))]
        ways += [Way(TIME_IS_UP, partial(self._wait_in_vain, strand, error, each)) for each in timeouts]
        return self._choose(ways)

    def _wait_in_vain(self, strand: Strand, error: Exception | None, timeout: Timeout) -> None:
        """No answer comes to ``strand`` before a timeout is over; it waits on only if it is none of its own."""
        timeout.ring()
        self._run_what_is_ready()
        if strand.wish is _SILENCE:
            self._step(strand, None, error)

    def _step(self, strand: Strand, value: Any, error: Exception | None) -> None:
        outcome: object = strand.step(value, error)
        if strand.done():
            return
        if outcome is None:
            self._wish(strand, PAUSE)
        elif isinstance(outcome, Wish):
            self._wish(strand, outcome)
        elif isinstance(outcome, asyncio.Future):
            self._wait(strand, cast("asyncio.Future[Any]", outcome))
        else:
            place = where(strand.coroutine)
            raise Refused("foreign-await", f"{place} waits for {outcome!r}, which the explorer does not control")

    def _wish(self, strand: Strand, wish: Wish) -> None:
        strand.wish = wish
        if strand.is_cut:
            self.cut(strand)

    def _wait(self, strand: Strand, future: asyncio.Future[Any]) -> None:
        future._asyncio_future_blocking = False
        if future in self._sleeps:
            strand.timer = self._sleeps.pop(future)
            self._wish(strand, PAUSE)
            return
        strand.awaited = future
        future.add_done_callback(lambda _: self._ready.append(strand))
        if strand.is_cut and future.cancel():
            strand.is_cut = False

    def _interrupt(self, strand: Strand) -> None:
        strand.wish = None
        self._ready.append(strand)

    def _run_what_is_ready(self) -> None:
        while self._soon or self._ready:
            while self._soon:
                call = self._soon.popleft()
                if not call.is_cancelled:
                    call.call()
            if self._ready:
                self._step(self._ready.popleft(), None, None)

    # choices

    def _choose(self, ways: list[Way]) -> Wish | None:
        if len(ways) == 1:
            return ways[0].go()
        self._acting = None
        self._then = partial(_taken, ways)
        return Wish(Operation(CHOICE, "go on", [way.what for way in ways], writes=False), lambda: 0)

    def _ways(self) -> list[Way]:
        """Whoever waits for an operation may go on; where all that wait only sleep, a timeout may be over instead."""
        waiting = [each for each in self._strands if each.wish is not None]
        if not waiting:
            place = where(self._main.coroutine)
            raise Refused(
                "asyncio",
                f"{place} waits for a future (a lock, an event or a queue) that nothing of its own sets, which the "
                "explorer cannot follow",
            )
        due = self.timers.due()
        ways = [
            Way(_what(each.wish.operation), partial(self._let, each))
            for each in waiting
            if each.wish and (each.timer is None or each.timer in due)
        ]
        if all(each.wish is PAUSE for each in waiting):
            ways += [Way(TIME_IS_UP, each.ring) for each in self.timers.timeouts()]
        return ways

    def _ways_of_cutting(self, strand: Strand) -> list[Way]:
        return [Way(NOT_SENT, partial(self._interrupt, strand)), Way(SENT, partial(self._let, strand))]

    def _let(self, strand: Strand) -> Wish:
        assert strand.wish is not None
        self._acting = strand
        self._then = partial(self._wake if strand.timer else self._tell, strand)
        return strand.wish

    def _wake(self, strand: Strand, value: Any, error: Exception | None) -> None:
        assert strand.timer is not None
        strand.timer.ring()
        self._step(strand, value, error)

    def _end(self) -> Any:
        if self._strands:
            raise Refused(
                "asyncio",
                f"{self._strands[0].begun} starts a task that is still under way when its handler is done, so that "
                "nobody learns what comes of it; await it (when one fails, gather leaves the others to themselves, but "
                "not with return_exceptions=True; a TaskGroup cancels them and waits)",
            )
        if self._main.end is not None:
            raise self._main.end
        error = self._main.exception()
        if error is not None:
            raise error
        raise StopIteration(self._main.result())


def _taken(ways: list[Way], chosen: int, _: Exception | None) -> Wish | None:
    return ways[chosen].go()


def _what(operation: Operation) -> tuple[object, ...]:
    return operation.resource, operation.verb, operation.arguments
