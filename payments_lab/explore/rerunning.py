"""Running what was remembered once more with the real code: a handler must do the same whenever it is told the same.

One that reads the machine's clock, draws random numbers or starts threads is found by the call itself, with its line.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Generator, Hashable, Iterable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from payments_lab.explore.fencing import ONLY_PORTS
from payments_lab.explore.machine import Machine
from payments_lab.explore.places import caller
from payments_lab.explore.refusing import Refused
from payments_lab.explore.tasks import Node

LEAVES = 60

_CLOCKS = frozenset(
    {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"}
    | {"process_time_ns", "clock_gettime", "clock_gettime_ns", "localtime", "gmtime", "strftime", "ctime", "asctime"}
)
_DATES = {"now", "utcnow", "today"}
_CHANCE = {"random", "getrandbits", "urandom", "randbytes", "getrandom", "uuid4"}


def find_nondeterminism(machine: Machine, leaves: int = LEAVES, among: Iterable[Node] | None = None) -> str:
    """What a handler does that may differ from run to run, with its line; empty when nothing was found.

    Every step of the code, from one line with an await to the next, is listened to once. The ways to about so many
    ``leaves``, spread evenly over all that are known (or over those ``among`` some), are compared step by step.
    """
    tasks = machine.tasks
    nodes = list({node.number: node for node in among}.values()) if among is not None else tasks.nodes
    parents = {node.parent for node in nodes}
    ends = [node for node in nodes if node.number not in parents]
    every = max(1, len(ends) // leaves)
    listened: set[Hashable] = set()
    for number, end in enumerate(ends):
        fresh = {_stretch(machine, node) for node in tasks.path(end)} - listened
        if fresh or number % every == 0:
            found = _try_again(machine, end, fresh)
            if found:
                return found
            listened |= fresh
    return ""


def _try_again(machine: Machine, end: Node, fresh: set[Hashable]) -> str:
    """Run to ``end`` once more; the ``fresh`` stretches of the way are listened to."""
    heard: list[str] = []

    def around(node: Node) -> AbstractContextManager[object]:
        return _listening(heard) if _stretch(machine, node) in fresh else nullcontext()

    try:
        machine.tasks.rerun(end, around)
    except Refused as refusal:
        heard.append(refusal.message)
    return heard[0] if heard else ""


def _stretch(machine: Machine, node: Node) -> Hashable:
    """The piece of code that leads to ``node``: from which line, and asking what, to which line or end."""
    tasks = machine.tasks
    if node.parent is None:
        return (tasks.scripts[node.script].service, node.line or node.script)
    before = tasks.nodes[node.parent]
    asked = tasks.wishes[before.operation].operation
    error = tasks.answers[node.answer].error if node.answer is not None else None
    return (before.line, asked.resource, asked.verb, type(error), node.line, node.outcome)


@contextmanager
def _listening(heard: list[str]) -> Generator[None]:
    """Notes each call of a clock, of chance or of threads that code under test makes, itself or through the library.

    A profiler that is at work is put back afterwards; one that can't be is left alone, and nothing is heard.
    """

    def listen(frame: types.FrameType, event: str, called: Any) -> None:
        if event == "c_call" and (what := _forbidden(called)) and (place := caller(frame)):
            heard.append(f"{place} {what}; {ONLY_PORTS}")

    before: Any = sys.getprofile()
    put_back = _way_back(before)
    if put_back is None:
        yield
        return
    sys.setprofile(listen)
    try:
        yield
    finally:
        sys.setprofile(None)
        put_back()


def _way_back(profiler: Any) -> Callable[[], object] | None:
    """How to put a profiler back: one from C is no function, and cProfile's is enabled again."""
    if profiler is None or callable(profiler):
        return lambda: sys.setprofile(profiler)
    return getattr(profiler, "enable", None)


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
    if module == "_uuid" and name == "generate_time_safe":
        return "makes an id from the machine's clock (uuid1)"
    return ""
