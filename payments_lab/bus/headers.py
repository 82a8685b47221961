"""Headers that tell which story a message belongs to, and which message caused it."""

from __future__ import annotations

from payments_lab.bus.protocol import Delivery

TRACE_ID = "Trace-Id"
"""Shared by all messages that one request set off."""

CAUSATION_ID = "Causation-Id"
"""The message id of the message whose handler published this one."""


def caused_by(delivery: Delivery) -> dict[str, str]:
    """Headers for what a handler publishes: the trace of ``delivery`` goes on, and it is the cause.

    A message without a trace starts one with its own id.
    """
    return {
        TRACE_ID: delivery.headers.get(TRACE_ID, delivery.message_id),
        CAUSATION_ID: delivery.message_id,
    }
