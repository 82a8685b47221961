"""Stopping code under test that does not come to its next await.

In the main thread an alarm rings, which interrupts even a call that waits; in another one a second thread keeps the
time, and interrupts it between two instructions of Python. Whoever catches the interruption is interrupted again.
"""

from __future__ import annotations

import ctypes
import opcode
import signal
import sys
import threading
import time
import types
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from payments_lab.explore.places import standing
from payments_lab.explore.refusing import STEP, Refused
from payments_lab.interrupting import is_delicate

_LOOK_EVERY = 0.02
_HANDLES = opcode.opmap["PUSH_EXC_INFO"]


class TooLate(BaseException):
    """Thrown into a thread that takes too long; what it is told is in the step."""


class _Alarm:
    """The watch of the main thread."""

    def start(self, patience: float) -> None:
        self._patience = patience
        self._tracer = sys.gettrace()
        signal.setitimer(signal.ITIMER_REAL, patience, _LOOK_EVERY)

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if sys.gettrace() is not self._tracer:
            sys.settrace(self._tracer)

    @contextmanager
    def kept(self) -> Generator[None]:
        before = signal.signal(signal.SIGALRM, self._ring)
        try:
            yield
        finally:
            signal.signal(signal.SIGALRM, before)

    def _ring(self, _signal: int, frame: types.FrameType | None) -> None:
        if not STEP.under_way or frame is None or not _may_be_interrupted(frame):
            return
        if STEP.refusal is not None:
            _leave_the_handler(frame, STEP.refusal)
        STEP.refusal = STEP.refusal or _stuck(frame, self._patience)
        raise STEP.refusal


class _Keeper:
    """The watch of any other thread: a second thread that keeps the time while this one is at work."""

    def __init__(self) -> None:
        self._watched = threading.get_ident()
        self._lock = threading.Lock()
        self._deadline = 0.0
        self._patience = 0.0
        self._late: Refused | None = None
        self._over = threading.Event()

    def start(self, patience: float) -> None:
        self._patience = patience
        self._late = None
        self._deadline = time.monotonic() + patience

    def stop(self) -> None:
        try:
            self._end()
        except TooLate:
            self._end()
        if self._late is None:
            return
        STEP.refusal = STEP.refusal or self._late
        try:
            self._interrupt()  # whatever was still to come comes now, and here
            while True:
                time.monotonic()
        except TooLate:
            return

    def _end(self) -> None:
        with self._lock:
            self._deadline = 0.0

    def _interrupt(self) -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._watched), ctypes.py_object(TooLate))

    @contextmanager
    def kept(self) -> Generator[None]:
        keeper = threading.Thread(target=self._keep, name="payments-lab-watch", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            self._over.set()
            keeper.join()

    def _keep(self) -> None:
        wait = self._over.wait
        while not wait(_LOOK_EVERY):
            with self._lock:
                if self._deadline and time.monotonic() > self._deadline:
                    frame = sys._current_frames().get(self._watched)  # pyright: ignore[reportPrivateUsage]
                    if frame is not None and not _may_be_interrupted(frame):
                        continue
                    self._late = self._late or _stuck(frame, self._patience)
                    self._interrupt()


_OURS = frozenset({__file__, str(__file__).replace("watching", "coroutines")})
_ALARM = _Alarm()


class _Watch(threading.local):
    watch: _Alarm | _Keeper | None = None


_CURRENT = _Watch()


@contextmanager
def watched() -> Generator[None]:
    """While this lasts, each step of code under test in this thread can be timed."""
    before = _CURRENT.watch
    in_main_thread = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    watch = _ALARM if in_main_thread else _Keeper()
    with watch.kept():
        _CURRENT.watch = watch
        try:
            yield
        finally:
            _CURRENT.watch = before


def begin_step(patience: float) -> None:
    """A step of code under test begins; it is refused as "stuck" once it has taken ``patience`` seconds."""
    STEP.refusal = None
    STEP.unawaited = ""
    STEP.under_way = True
    if _CURRENT.watch is not None:
        _CURRENT.watch.start(patience)


def end_step() -> None:
    """The step is over; what was refused in it is raised, even if the step has caught it."""
    STEP.under_way = False
    if _CURRENT.watch is not None:
        _CURRENT.watch.stop()
    if STEP.refusal is not None:
        refusal, STEP.refusal = STEP.refusal, None
        raise refusal


def _may_be_interrupted(frame: types.FrameType) -> bool:
    """Not in our own code around a step, nor at a delicate place within it."""
    if frame.f_code.co_filename in _OURS:
        return False
    inner: types.FrameType | None = frame
    while inner is not None and inner.f_code.co_filename not in _OURS:
        if is_delicate(inner.f_code.co_filename):
            return False
        inner = inner.f_back
    return True


def _leave_the_handler(frame: types.FrameType, refusal: Refused) -> None:
    """What is raised next and caught is raised once more where it is caught, so that a loop around both ends."""

    def trace(at: types.FrameType, event: str, _: object) -> Any:
        if event == "opcode" and at is frame and _catches(at):
            raise refusal
        return trace

    frame.f_trace, frame.f_trace_opcodes = trace, True
    sys.settrace(trace)


def _catches(frame: types.FrameType) -> bool:
    """Whether an exception handler begins with the instruction that comes next."""
    return frame.f_code.co_code[frame.f_lasti] == _HANDLES


def _stuck(frame: types.FrameType | None, patience: float) -> Refused:
    return Refused("stuck", f"{standing(frame)} has not come to its next await within {patience:g} seconds")
