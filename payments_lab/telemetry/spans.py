"""Spans by the OpenTelemetry API, where it is installed; an SDK and an exporter are whoever's deploys this.

Without an SDK the API makes no ids, so they are made here: the trace runs through either way.

Source: https://opentelemetry.io/docs/specs/otel/trace/api/
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from payments_lab.telemetry.trace import Trace, under

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

NAME = "payments_lab"


@contextmanager
def span(name: str, parent: Trace | None = None) -> Generator[Trace]:
    """What runs inside is one span, ``name``, of the parent's trace, or of a new one; yields the place in it."""
    api = _api()
    provider: Any = None if api is None else api.get_tracer_provider()
    if api is None or isinstance(provider, api.ProxyTracerProvider):
        here = Trace.begin() if parent is None else parent.child()
        with under(here):
            yield here
        return
    outer = None if parent is None else api.set_span_in_context(api.NonRecordingSpan(_context_of(api, parent)))
    with provider.get_tracer(NAME).start_as_current_span(name, context=outer) as started:
        here = _place(started.get_span_context(), parent)
        with under(here):
            yield here


@cache
def _api() -> Any:
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace


def _context_of(api: Any, place: Trace) -> SpanContext:
    flags = api.TraceFlags(int(place.flags, 16))
    return api.SpanContext(int(place.trace_id, 16), int(place.span_id, 16), is_remote=True, trace_flags=flags)


def _place(context: SpanContext, parent: Trace | None) -> Trace:
    """Where an SDK's span stands; a new place where the SDK was told to make no spans."""
    if not context.is_valid:
        return Trace.begin() if parent is None else parent.child()
    here = Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", f"{context.trace_flags:02x}")
    return here if parent is None else replace(here, cause=parent.cause)
