"""Binding a service to the bus: one durable consumer for each subject that it hears, in its own queue group."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import ValidationError

from payments_lab.bus.protocol import Bus, Delivery, Handler, Subscription
from payments_lab.shop.errors import NotYet
from payments_lab.shop.events import Event

E = TypeVar("E", bound=Event)

SHORTEST_DELAY = 1.0
LONGEST_DELAY = 60.0


class Listens(Protocol):
    """A service that hears events: the name of its queue group, and a method for each kind of event."""

    queue_group: ClassVar[str]
    hears: ClassVar[dict[type[Event], str]]


def listener(event_type: type[E], handle: Callable[[E], Awaitable[None]]) -> Handler:
    """A handler of deliveries: parse, handle, acknowledge.

    A message that does not parse becomes a dead letter with its reason. NotYet asks for it again, after 1 second at
    first and twice as long each time, so that what it waits for may be late by minutes. Any other exception leaves it
    unacknowledged, so that it comes again after the ack wait.
    """

    async def on_delivery(delivery: Delivery) -> None:
        try:
            event = event_type.model_validate_json(delivery.data)
        except ValidationError as error:
            await delivery.term(_malformed(event_type, error))
            return
        try:
            await handle(event)
        except NotYet:
            await delivery.nak(patience(delivery.attempt))
            return
        await delivery.ack()

    return on_delivery


def patience(attempt: int) -> float:
    """Seconds to wait before an event that came early is delivered again: 1, 2, 4, … up to 60."""
    return min(SHORTEST_DELAY * 2 ** (attempt - 1), LONGEST_DELAY)


async def start_listeners(service: Listens, bus: Bus) -> list[Subscription]:
    """Subscribe every handler of ``service``; deliveries start at once."""
    handlers: dict[type[Any], str] = dict(service.hears)
    return [
        await bus.subscribe(
            event_type.subject, listener(event_type, getattr(service, method)), queue=service.queue_group
        )
        for event_type, method in handlers.items()
    ]


def _malformed(event_type: type[Event], error: ValidationError) -> str:
    problems = (f"{'.'.join(map(str, problem['loc'])) or 'message'}: {problem['msg']}" for problem in error.errors())
    return f"malformed {event_type.subject}: {'; '.join(problems)}"
