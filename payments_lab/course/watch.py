"""While an answer is tried: an end to loops that have none, and an eye on coroutines that nobody awaits."""

from __future__ import annotations

import gc
import linecache
import re
import signal
import threading
import types
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from payments_lab.interrupting import is_delicate

T = TypeVar("T")

PATIENCE = 3.0
AGAIN = 0.05
_OF_OURS = "<cell of "
_UNAWAITED = re.compile(r"coroutine '(?:.*\.)?(?P<name>\w+)' was never awaited")


class Stuck(BaseException):
    """An answer has used up PATIENCE seconds of the processor; ``where`` is the line of a cell at which it stood.

    No ``Exception``, so that an answer which catches everything is stopped all the same.
    """

    def __init__(self, where: str) -> None:
        super().__init__(f"it has not come to an end after {PATIENCE:g} seconds, as if in an endless loop")
        self.where = where


def cell_name(exercise: str, source: str) -> str:
    """The name of a file that is not there, under which Python finds the lines of ``source`` again."""
    name = f"{_OF_OURS}{exercise} {hash(source)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return name


def cell_line(filename: str, line: int | None) -> str:
    """A line of a notebook's cell, or "" where a file is no cell."""
    is_cell = "ipykernel" in filename or filename.startswith(_OF_OURS)
    return linecache.getline(filename, line).strip() if line and is_cell else ""


@contextmanager
def an_end() -> Generator[None]:
    """Stuck, once what runs meanwhile has used the processor for PATIENCE seconds and is in a cell; in the main thread.

    The processor's time is counted and not the clock's, so a busy machine makes nobody impatient, and the explorer's
    own watch goes on beside this one. An import is let come to its end.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def without_waiting(work: Callable[[], T]) -> tuple[T, list[str]]:
    """What ``work`` returns, and the names of the coroutines that it made and that nobody awaited.

    Python would warn of these, in the middle of a notebook and in words for others; other warnings come through.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message=_UNAWAITED.pattern, category=RuntimeWarning)
        result = work()
        gc.collect(0)
    names: list[str] = []
    for each in caught:
        said = _UNAWAITED.match(str(each.message))
        if said is None:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        else:
            names.append(said["name"])
    return result, list(dict.fromkeys(names))


def _ring(_signal: int, frame: types.FrameType | None) -> None:
    line = ""
    while frame is not None:
        if is_delicate(frame.f_code.co_filename):
            return
        line = line or cell_line(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    if line:
        raise Stuck(line)
