"""The trace that the code running now belongs to, in the words of W3C Trace Context.

A trace begins with a request and goes on through every event that it sets off, whichever process handles it. Code that
no request set off, as in the lab, belongs to none, and nothing is written down for it.

Source: https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_LONGEST = 200
_SAMPLED = "01"


@dataclass(frozen=True, slots=True)
class Trace:
    """One place in a trace: 32 and 16 hexadecimal digits, and the two of the flags.

    ``cause`` is the id of the message whose handler runs here.
    """

    trace_id: str
    span_id: str
    flags: str = _SAMPLED
    cause: str | None = None

    @classmethod
    def begin(cls, trace_id: str | None = None) -> Trace:
        """A trace of its own, or a new part of the one with this id."""
        return cls(trace_id or secrets.token_hex(16), secrets.token_hex(8))

    @classmethod
    def parse(cls, traceparent: str | None, cause: str | None = None) -> Trace | None:
        """The place that a ``traceparent`` header names; None for one that is missing or malformed."""
        if not traceparent or len(traceparent) > _LONGEST:
            return None
        found = _TRACEPARENT.fullmatch(traceparent)
        if found is None or int(found[1], 16) == 0 or int(found[2], 16) == 0:
            return None
        return cls(found[1], found[2], found[3], cause)

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    def child(self) -> Trace:
        """The next place in the same trace."""
        return replace(self, span_id=secrets.token_hex(8))

    def to_document(self) -> dict[str, Any]:
        """As it is kept beside something that is still to be done; :func:`kept` reads it."""
        return {"parent": self.traceparent, "cause": self.cause}


_current: ContextVar[Trace | None] = ContextVar("payments_lab_trace", default=None)

current: Callable[[], Trace | None] = _current.get
"""The trace that the code running now belongs to, or None."""


@contextmanager
def under(trace: Trace | None) -> Generator[None]:
    """What runs inside belongs to ``trace``; to the one that is current already where it is None."""
    if trace is None:
        yield
        return
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)


def kept(document: Mapping[str, Any]) -> Trace | None:
    """The trace that a document has kept under ``trace``."""
    found = document.get("trace")
    return Trace.parse(found["parent"], found["cause"]) if found else None


def is_trace_id(text: str) -> bool:
    return _TRACE_ID.fullmatch(text) is not None
