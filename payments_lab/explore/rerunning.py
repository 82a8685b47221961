"""Running what was remembered once more with the real code: a handler must do the same whenever it is told the same.

One that reads the machine's clock, draws random numbers or starts threads is found by the call itself, with its line.
"""

from __future__ import annotations

import sys
import sysconfig
import types
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from payments_lab.explore.answers import frozen
from payments_lab.explore.coroutines import Finished, Wish, at, is_machinery
from payments_lab.explore.machine import Machine
from payments_lab.explore.tasks import Node

SAMPLE = 300

_STDLIB = sysconfig.get_paths()["stdlib"]
_LOGGING = str(Path(_STDLIB) / "logging")
_FOREIGN = {"site-packages", "dist-packages"}
_CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "localtime", "gmtime"}
_DATES = {"now", "utcnow", "today"}
_CHANCE = {"random", "getrandbits", "urandom", "randbytes", "getrandom", "uuid4"}


def find_nondeterminism(machine: Machine, sample: int = SAMPLE) -> str:
    """What a handler does that may differ from run to run, with its line; empty when nothing was found."""
    tasks = machine.tasks
    every = max(1, len(tasks.nodes) // sample)
    for node in tasks.nodes[::every]:
        with _listening() as heard:
            outcome = tasks.rerun(node)
        if heard:
            return f"{heard[0]}; a handler may only use its ports: self.clock, self.ids and what it is told"
        if _differs(machine, node, outcome):
            return (
                f"{node.line or tasks.scripts[node.script].label} did something else when it was told the same once "
                "more; a handler's next step may depend only on its message and on what it was told"
            )
    return ""


def _differs(machine: Machine, node: Node, outcome: Wish | Finished) -> bool:
    if isinstance(outcome, Finished):
        return node.finished is None or type(outcome.error) is not type(node.finished.error)
    if node.finished is not None:
        return True
    then, now = machine.tasks.wishes[node.operation].operation, outcome.operation
    return (then.resource, then.verb, frozen(then.arguments)) != (now.resource, now.verb, frozen(now.arguments))


@contextmanager
def _listening() -> Generator[list[str]]:
    """Notes each call of a clock, of chance or of threads that code under test makes, itself or through the library."""
    heard: list[str] = []

    def listen(frame: types.FrameType, event: str, called: Any) -> None:
        if event == "c_call" and (what := _forbidden(called)) and (place := _caller(frame)):
            heard.append(f"{place} {what}")

    before: Callable[..., Any] | None = sys.getprofile()
    sys.setprofile(listen)
    try:
        yield heard
    finally:
        sys.setprofile(before)


def _forbidden(called: Any) -> str:
    name = getattr(called, "__name__", "")
    module = getattr(called, "__module__", "") or ""
    owner = type(getattr(called, "__self__", None)).__name__
    if module == "time" and name in _CLOCKS:
        return f"reads the machine's clock (time.{name})"
    if name in _DATES and isinstance(getattr(called, "__self__", None), type):
        return f"reads the machine's clock ({called.__self__.__name__}.{name})"
    if name in _CHANCE and (owner in ("Random", "SystemRandom") or module in ("posix", "nt", "_random", "_uuid")):
        return f"draws a random number ({name})"
    if module == "_thread" and name in ("start_new_thread", "start_joinable_thread"):
        return "starts a thread"
    return ""


def _caller(frame: types.FrameType | None) -> str:
    """The line of code under test behind a call; empty where a library, or the log, calls for its own sake."""
    while frame is not None:
        name = frame.f_code.co_filename
        if is_machinery(name) or name.startswith(_LOGGING) or _FOREIGN & set(Path(name).parts):
            return ""
        if not name.startswith((_STDLIB, "<frozen")):
            return at(frame.f_code, frame.f_lineno)
        frame = frame.f_back
    return ""
