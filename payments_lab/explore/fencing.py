"""What code under test may not even begin: it is stopped at the call, with its line.

What blocks the thread would hold up everything else in the process; threads, processes and the network are not the
same twice. The calls are fenced in while code under test runs, for its own thread alone.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from payments_lab.explore.places import caller, standing
from payments_lab.explore.refusing import STEP, refuse
from payments_lab.local_stripe.transport import InProcessTransport

ONLY_PORTS = "a handler may only use its ports: self.clock, self.ids and what it is told"

_BLOCKS = "which holds up everything else in the process; await asyncio.sleep, or an operation of a port"
_UNAWAITED = "waits for Stripe without an await, and meanwhile nobody else is served; await create_async, or its like"
_NETWORK = f"talks to the network by itself; {ONLY_PORTS}, and self.stripe"
_OTHERS = "uses all_tasks of asyncio, which the explorer cannot follow; keep the tasks that you have begun"
_PROCESS = f"starts a process; {ONLY_PORTS}"
_FENCED: list[tuple[Any, str, str, str]] = [
    (time, "sleep", "stuck", f"blocks the thread (time.sleep), {_BLOCKS}"),
    (threading.Condition, "wait", "stuck", f"waits for another thread, {_BLOCKS}"),
    (InProcessTransport, "request", "stuck", _UNAWAITED),
    (threading.Thread, "start", "nondeterministic", f"starts a thread; {ONLY_PORTS}"),
    (subprocess.Popen, "__init__", "nondeterministic", _PROCESS),
    (os, "system", "nondeterministic", _PROCESS),
    (socket.socket, "connect", "nondeterministic", _NETWORK),
    (asyncio, "all_tasks", "asyncio", _OTHERS),
    (socket, "getaddrinfo", "nondeterministic", _NETWORK),
]

if find_spec("httpx") is not None:
    import httpx

    # Before its connection is opened, asyncio's own tools are used, which would be told instead.
    _FENCED.append((httpx.AsyncClient, "send", "nondeterministic", _NETWORK))

# The stripe library asks the operating system for its name, once.
_MAY_BE_A_LIBRARY_S = frozenset({_PROCESS})


@contextmanager
def fenced_in() -> Generator[None]:
    """While this lasts, a step of code under test is refused what it may not do; other threads notice nothing."""
    before: list[tuple[Any, str, Any, Any]] = [
        (owner, name, vars(owner).get(name), getattr(owner, name))  # pyright: ignore[reportUnknownMemberType]
        for owner, name, _, _ in _FENCED
    ]
    for (owner, name, _, call), (_, _, kind, words) in zip(before, _FENCED, strict=True):
        setattr(owner, name, _fence(call, kind, words))
    try:
        yield
    finally:
        for owner, name, own, _ in before:
            if own is None:
                delattr(owner, name)
            else:
                setattr(owner, name, own)


def _fence(call: Callable[..., Any], kind: str, words: str) -> Callable[..., Any]:
    def fence(*arguments: Any, **named: Any) -> Any:
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        if STEP.under_way and (words not in _MAY_BE_A_LIBRARY_S or caller(frame)):
            refuse(kind, f"{standing(frame)} {words}")
        return call(*arguments, **named)

    return fence
