"""What the services tell each other. Every event about an order carries the version that it produces."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from payments_lab.shop.status import OrderStatus

Id = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Version = Annotated[int, Field(ge=0, strict=True)]
MinorUnits = Annotated[int, Field(gt=0, strict=True)]


class Event(BaseModel):
    """A fact that has happened: immutable, JSON with camelCase names on the wire, published on its ``subject``."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True)

    subject: ClassVar[str]

    def to_bytes(self) -> bytes:
        return self.model_dump_json(by_alias=True).encode()


class TicketReference(BaseModel):
    """The ticket that an order reserves."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    id: Id


class Ticket(TicketReference):
    """A ticket with its price in minor units (cents for ``usd``)."""

    price: MinorUnits
    currency: str = "usd"


class OrderCreated(Event):
    """An order exists, at version 0; unpaid, it expires at ``expires_at``."""

    subject = "order:created"

    id: Id
    version: Version
    status: OrderStatus
    user_id: Id
    expires_at: AwareDatetime
    ticket: Ticket


class OrderCancelled(Event):
    """The order is off: nobody may pay it any more, and money that came for it goes back."""

    subject = "order:cancelled"

    id: Id
    version: Version
    ticket: TicketReference


class OrderCompleted(Event):
    """The order is paid."""

    subject = "order:completed"

    id: Id
    version: Version


class ExpirationComplete(Event):
    """The time to pay the order is over."""

    subject = "expiration:complete"

    order_id: Id


class PaymentCreated(Event):
    """The order's money has been taken by the charge ``stripe_id``."""

    subject = "payment:created"

    id: Id
    order_id: Id
    stripe_id: Id


EVENTS: tuple[type[Event], ...] = (OrderCreated, OrderCancelled, OrderCompleted, ExpirationComplete, PaymentCreated)
SUBJECTS: tuple[str, ...] = tuple(event.subject for event in EVENTS)


def iso(moment: datetime) -> str:
    """``2026-01-01T12:15:00Z``, as the events carry times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
