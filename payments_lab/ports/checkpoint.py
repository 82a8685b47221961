"""The one place through which every operation on an embedded engine passes.

Every ``await`` is a place where the world can change: another task may run, the process may crash, a
reply may be lost. An embedded engine therefore never answers directly; it describes what it is about to
do and hands the deed over to :func:`checkpoint`. With no scheduler in charge (a notebook, a test) the
deed is done at once. A scheduler in charge (the explorer) decides when, and whether the caller hears of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Operation:
    """What one await is about to do.

    ``resource`` names the state that it touches (``"payments.orders"``, ``"stripe"``, ``"bus"``),
    ``verb`` the call (``"find_one"``, ``"POST /v1/charges"``), ``arguments`` everything that the answer depends on
    beside that state, as plain data (dicts, lists, strings, numbers), and ``writes`` whether the state may change.
    """

    resource: str
    verb: str
    arguments: Any
    writes: bool


class Resource(Protocol):
    """An embedded engine whose whole state can be taken out and put back.

    A snapshot is bytes, equal exactly when the states are equal, so a search may use it as a key.
    """

    @property
    def name(self) -> str: ...
    def snapshot(self) -> bytes: ...
    def restore(self, snapshot: bytes) -> None: ...


class Divided(Resource, Protocol):
    """A resource that is made of parts, as a collection is of documents, so that what concerns one is known apart.

    What an operation that ``concerns`` a part returns, and does to it, hangs on that part alone, and it changes no
    other. None: on anything. ``unite`` makes a snapshot of ``parts``.
    """

    def parts(self) -> dict[str, bytes]: ...
    def unite(self, parts: Mapping[str, bytes]) -> bytes: ...
    def concerns(self, operation: Operation) -> str | None: ...


class Scheduler(Protocol):
    """Decides when an operation happens and what its caller is told."""

    def step(self, operation: Operation, perform: Callable[[], T]) -> Awaitable[T]: ...


_in_charge: ContextVar[Scheduler | None] = ContextVar("payments_lab_scheduler", default=None)


in_charge: Callable[[], Scheduler | None] = _in_charge.get
"""The scheduler in charge of the code that runs now, or None."""


async def checkpoint(operation: Operation, perform: Callable[[], T]) -> T:
    """Do ``perform()`` now, or when the scheduler in charge says so; return or raise what it does."""
    scheduler = _in_charge.get()
    if scheduler is None:
        return perform()
    return await scheduler.step(operation, perform)


@contextmanager
def scheduled_by(scheduler: Scheduler) -> Generator[None]:
    """Put ``scheduler`` in charge of every checkpoint that is reached inside the ``with`` block."""
    token = _in_charge.set(scheduler)
    try:
        yield
    finally:
        _in_charge.reset(token)
