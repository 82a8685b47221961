"""One task of a handler: a coroutine on its way, which can be cancelled, and its result once it has one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from payments_lab.explore.eventloop import LOOP, refuse_asyncio, swap_current_task
from payments_lab.explore.refusing import STEP

if TYPE_CHECKING:
    from payments_lab.explore.coroutines import Wish
    from payments_lab.explore.strands import Strands
    from payments_lab.explore.timers import Timer


class Strand(asyncio.Future[Any]):
    """What asyncio takes for a task. ``begun`` is the line that has started it, ``number`` how many were before it.

    It waits for an operation (``wish``; for a ``timer`` when it sleeps) or for a future (``awaited``). ``is_cut``: it
    is told next that it is cancelled, whatever it waits for.
    """

    def __init__(
        self,
        strands: Strands,
        number: int,
        coroutine: Coroutine[Any, Any, Any],
        context: Context | None = None,
        begun: str = "",
    ) -> None:
        super().__init__(loop=LOOP)
        self.number = number
        self.coroutine = coroutine
        self.context = context
        self.begun = begun
        self.wish: Wish | None = None
        self.timer: Timer | None = None
        self.awaited: asyncio.Future[Any] | None = None
        self.is_cut = False
        self.end: asyncio.CancelledError | None = None
        self._strands = strands
        self._cancellations = 0

    def step(self, value: Any, error: BaseException | None) -> Any:
        """To the next await: what the coroutine waits for there. Its end is this future's."""
        self.wish = self.timer = self.awaited = None
        if self.is_cut:
            self.is_cut, error = False, asyncio.CancelledError()
        go = partial(self.coroutine.send, value) if error is None else partial(self.coroutine.throw, error)
        before = swap_current_task(LOOP, self)
        try:
            return go() if self.context is None else self.context.run(go)
        except StopIteration as done:
            self.set_result(done.value)
        except asyncio.CancelledError as end:
            self.end = end
            super().cancel()
        except Exception as failure:
            self.set_exception(failure)
        finally:
            swap_current_task(LOOP, before)
        return None

    def stands(self) -> tuple[object, ...]:
        """What matters of a task to whoever holds it."""
        if not self.done():
            return self.number, self.is_cut, self._cancellations
        return self.number, self.cancelled(), None if self.cancelled() else (self.exception() or self.result())

    # what asyncio asks of a task

    def cancel(self, msg: Any = None) -> bool:
        if self.done():
            return False
        if STEP.strands is not self._strands:
            refuse_asyncio("cancelling what another handler has begun")
        self._cancellations += 1
        if self.awaited is not None and self.awaited.cancel():
            return True
        self.is_cut = True
        self._strands.cut(self)
        return True

    def cancelling(self) -> int:
        return self._cancellations

    def uncancel(self) -> int:
        self._cancellations = max(0, self._cancellations - 1)
        if not self._cancellations and sys.version_info >= (3, 13):
            self.is_cut = False
        return self._cancellations

    def set_name(self, value: object) -> None:
        """Names are for people who debug."""

    def get_name(self) -> str:
        return "a task"

    @property
    def _must_cancel(self) -> NoReturn:
        refuse_asyncio("the inside of a task (as anyio does)")

    @_must_cancel.setter
    def _must_cancel(self, value: bool) -> NoReturn:
        refuse_asyncio("the inside of a task (as anyio does)")

    def __hash__(self) -> int:
        """The same in every run, for the tasks of a group stand in a set."""
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other
