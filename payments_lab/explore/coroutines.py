"""Driving real coroutines by hand: one await at a time, without an event loop."""

from __future__ import annotations

import opcode
import types
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from payments_lab.explore.awaiting import awaits_noticed
from payments_lab.explore.eventloop import stood_in
from payments_lab.explore.fencing import fenced_in
from payments_lab.explore.places import innermost
from payments_lab.explore.refusing import STEP, Refused
from payments_lab.explore.watching import TooLate, begin_step, end_step, watched
from payments_lab.ports import Operation, scheduled_by

T = TypeVar("T")

PATIENCE = 3.0

_RAISE = opcode.opmap["RAISE_VARARGS"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a coroutine waits for: an operation, and the deed behind it."""

    operation: Operation
    perform: Callable[[], Any]


PAUSE = Wish(Operation("pause", "sleep", None, writes=False), lambda: None)


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
    with scheduled_by(_SUSPENDER), watched(), fenced_in(), awaits_noticed(), stood_in():
        yield


def resume(coroutine: Coroutine[Wish, Any, Any], answer: Any = None, error: Exception | None = None) -> Wish | Finished:
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
    return outcome


def _step(coroutine: Coroutine[Wish, Any, Any], answer: Any, error: Exception | None) -> Wish | Finished:
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


_SUSPENDER = Suspender()
