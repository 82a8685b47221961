"""Refusing what cannot be explored, so that a handler which catches everything does not hide it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from payments_lab.explore.strands import Strands


class Refused(BaseException):
    """The code under test did something that cannot be explored: ``kind`` names it, the message says what and where.

    No ``Exception``, so that a handler which catches everything does not hide it.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class _Step(threading.local):
    """The step of code under test that this thread is in: whether there is one, what was refused in it, what it has let
    go of without an await, and whose ``strands`` the tasks are that it starts.
    """

    under_way: bool = False
    refusal: Refused | None = None
    unawaited: str = ""
    strands: Strands | None = None


STEP = _Step()


def refuse(kind: str, message: str) -> NoReturn:
    """Refuse what the step under way does; code that catches even this is refused all the same, once it is done."""
    refusal = Refused(kind, message)
    STEP.refusal = STEP.refusal or refusal
    raise refusal
