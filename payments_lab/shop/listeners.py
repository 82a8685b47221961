"""Binding a service to the bus: one durable consumer for each subject that it hears, in its own queue group."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import ValidationError

from payments_lab.bus.headers import trace_of
from payments_lab.bus.protocol import Bus, Delivery, Handler, Subscription
from payments_lab.shop.errors import NotYet
from payments_lab.shop.events import Event
from payments_lab.telemetry.spans import span

log = logging.getLogger("payments_lab.shop")

E = TypeVar("E", bound=Event)

SHORTEST_DELAY = 1.0
LONGEST_DELAY = 60.0


class Listens(Protocol):
    """A service that hears events: the name of its queue group, and a method for each kind of event."""

    queue_group: ClassVar[str]
    hears: ClassVar[dict[type[Event], str]]


def listener(event_type: type[E], handle: Callable[[E], Awaitable[None]], group: str = "") -> Handler:
    """A handler of deliveries: parse, handle, acknowledge. A message that belongs to a trace is handled within it.

    A message that does not parse becomes a dead letter with its reason. NotYet asks for it again, after 1 second at
    first and twice as long each time, so that what it waits for may be late by minutes. Any other exception leaves it
    unacknowledged, so that it comes again after the ack wait.
    """

    async def on_delivery(delivery: Delivery) -> None:
        trace = trace_of(delivery)
        if trace is None:
            await answer(delivery)
            return
        with span(event_type.subject, trace):
            await answer(delivery)

    async def answer(delivery: Delivery) -> None:
        try:
            event = event_type.model_validate_json(delivery.data)
        except ValidationError as error:
            reason = _malformed(event_type, error)
            await delivery.term(reason)
            log.error("%s gave up a message: %s", group, reason, extra=_facts(delivery, group))
            return
        try:
            await handle(event)
        except NotYet:
            await delivery.nak(patience(delivery.attempt))
            log.info("%s came early", event_type.subject, extra=_facts(delivery, group))
            return
        await delivery.ack()
        if log.isEnabledFor(logging.INFO):
            log.info("handled %s", event_type.subject, extra=_facts(delivery, group))

    return on_delivery


def patience(attempt: int) -> float:
    """Seconds to wait before an event that came early is delivered again: 1, 2, 4, … up to 60."""
    return min(SHORTEST_DELAY * 2 ** (attempt - 1), LONGEST_DELAY)


async def start_listeners(service: Listens, bus: Bus) -> list[Subscription]:
    """Subscribe every handler of ``service``; deliveries start at once."""
    handlers: dict[type[Any], str] = dict(service.hears)
    return [
        await bus.subscribe(
            event_type.subject,
            listener(event_type, getattr(service, method), service.queue_group),
            queue=service.queue_group,
        )
        for event_type, method in handlers.items()
    ]


def _facts(delivery: Delivery, group: str) -> dict[str, Any]:
    return {"listener": group, "message_id": delivery.message_id, "attempt": delivery.attempt}


def _malformed(event_type: type[Event], error: ValidationError) -> str:
    problems = (f"{'.'.join(map(str, problem['loc'])) or 'message'}: {problem['msg']}" for problem in error.errors())
    return f"malformed {event_type.subject}: {'; '.join(problems)}"
