"""Headers that tell which story a message belongs to, and which message caused it."""

from __future__ import annotations

from payments_lab.bus.protocol import Delivery
from payments_lab.telemetry.trace import Trace

TRACE_ID = "Trace-Id"
"""Shared by all messages that one request set off."""

CAUSATION_ID = "Causation-Id"
"""The message id of the message whose handler published this one."""

TRACEPARENT = "traceparent"
"""Where in its trace the message was published (https://www.w3.org/TR/trace-context/)."""


def caused_by(delivery: Delivery) -> dict[str, str]:
    """Headers for what a handler publishes: the trace of ``delivery`` goes on, and it is the cause.

    A message without a trace starts one with its own id.
    """
    return {
        TRACE_ID: delivery.headers.get(TRACE_ID, delivery.message_id),
        CAUSATION_ID: delivery.message_id,
    }


def headers_of(trace: Trace | None) -> dict[str, str] | None:
    """Headers for what is published in ``trace``; None where there is none."""
    if trace is None:
        return None
    headers = {TRACE_ID: trace.trace_id, TRACEPARENT: trace.traceparent}
    return headers if trace.cause is None else {**headers, CAUSATION_ID: trace.cause}


def trace_of(delivery: Delivery) -> Trace | None:
    """Where the handler of ``delivery`` stands; None for a message that belongs to no trace."""
    headers = delivery.headers
    return Trace.parse(headers[TRACEPARENT], cause=delivery.message_id) if TRACEPARENT in headers else None
