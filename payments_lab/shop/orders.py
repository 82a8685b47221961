"""The orders service: owns the orders, and says what becomes of them.

An order's events ride in its own document until the bus has them: one write changes the order and records what is
to be announced, so no crash can part the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pymongo.errors import DuplicateKeyError

from payments_lab.bus.protocol import Bus
from payments_lab.ports import Clock, Ids
from payments_lab.shop.errors import DuplicateOrder, InvalidRequest, NotTheOwner, OrderNotFound
from payments_lab.shop.events import (
    Event,
    ExpirationComplete,
    Id,
    OrderCancelled,
    OrderCompleted,
    OrderCreated,
    PaymentCreated,
    Ticket,
    TicketReference,
    Version,
)
from payments_lab.shop.money import check_currency, check_price
from payments_lab.shop.outbox import Backlog, backlog, outbox_row, publish_row
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.documents import Collection, Document

TIME_TO_PAY = timedelta(minutes=15)


class Order(BaseModel):
    """An order at its source of truth. ``price`` is in minor units of ``currency``."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    id: Id
    version: Version
    user_id: Id
    status: OrderStatus
    expires_at: AwareDatetime
    ticket: Ticket

    @property
    def price(self) -> int:
        return self.ticket.price

    @property
    def currency(self) -> str:
        return self.ticket.currency

    @classmethod
    def from_document(cls, document: Document) -> Order:
        return cls.model_validate({**document, "id": document["_id"]})


@dataclass(frozen=True, slots=True)
class OrdersPorts:
    """What the orders service stands on."""

    orders: Collection
    bus: Bus
    clock: Clock
    ids: Ids


class OrdersService:
    """Creates, cancels and completes orders."""

    name: ClassVar[str] = "orders"
    queue_group: ClassVar[str] = "orders-service"
    hears: ClassVar[dict[type[Event], str]] = {
        ExpirationComplete: "on_expiration_complete",
        PaymentCreated: "on_payment_created",
    }

    def __init__(self, ports: OrdersPorts) -> None:
        self.orders = ports.orders
        self.bus = ports.bus
        self.clock = ports.clock
        self.ids = ports.ids

    async def create(self, *, user_id: str, price: int, currency: str = "usd", order_id: str | None = None) -> Order:
        """Take an order for a new ticket that costs ``price`` minor units.

        Raises InvalidRequest for a bad user, price or currency, and DuplicateOrder when ``order_id`` is taken.
        """
        if not user_id:
            raise InvalidRequest("an order belongs to a user; user_id is empty", field="userId")
        ticket = Ticket(id=self.ids.new("tkt"), price=check_price(price), currency=check_currency(currency))
        event = OrderCreated(
            id=order_id or self.ids.new("ord"),
            version=0,
            status=OrderStatus.CREATED,
            user_id=user_id,
            expires_at=self.clock.now() + TIME_TO_PAY,
            ticket=ticket,
        )
        document: Document = {
            "_id": event.id,
            "version": 0,
            "status": event.status.value,
            "userId": user_id,
            "expiresAt": event.expires_at,
            "ticket": ticket.model_dump(),
            "outbox": [self._row(event.id, 0, event)],
        }
        try:
            await self.orders.insert_one(document)
        except DuplicateKeyError:
            raise DuplicateOrder(f"an order with the id {event.id!r} exists already", field="id") from None
        await self._announce(document)
        return Order.from_document(document)

    async def get(self, order_id: str) -> Order:
        """The order as it stands; OrderNotFound when there is none."""
        return Order.from_document(await self._find(order_id))

    async def cancel(self, order_id: str, *, user_id: str | None = None) -> Order:
        """Call the order off, on behalf of its owner when ``user_id`` is given.

        A complete order may be cancelled too: payments hears of it and refunds. Cancelling twice changes nothing.
        """
        document = await self._find(order_id)
        if user_id is not None and document["userId"] != user_id:
            raise NotTheOwner(f"order {order_id} belongs to somebody else")
        while document["status"] != OrderStatus.CANCELLED:
            changed = await self._cancel(document)
            document = changed or await self._find(order_id)
        await self._announce(document)
        return Order.from_document(document)

    async def on_expiration_complete(self, event: ExpirationComplete) -> None:
        """Cancel the order unless it is paid: a completed order does not expire."""
        document = await self._find(event.order_id)
        while OrderStatus(document["status"]).is_open:
            changed = await self._cancel(document)
            document = changed or await self._find(event.order_id)
        await self._announce(document)

    async def on_payment_created(self, event: PaymentCreated) -> None:
        """Complete the order unless it was cancelled meanwhile; payments refunds it then."""
        document = await self._find(event.order_id)
        while OrderStatus(document["status"]).is_open:
            completed = OrderCompleted(id=event.order_id, version=document["version"] + 1)
            changed = await self._transition(document, OrderStatus.COMPLETE, completed)
            document = changed or await self._find(event.order_id)
        await self._announce(document)

    async def recover(self) -> None:
        """Announce what a crash left unannounced."""
        for document in await self._unannounced():
            await self._announce(document)

    async def backlog(self) -> Backlog:
        """What orders have not told the bus yet."""
        return backlog([row for document in await self._unannounced() for row in document["outbox"]], self.clock.now())

    async def _unannounced(self) -> list[Document]:
        return await self.orders.find({"outbox._id": {"$gt": ""}}).to_list()

    async def _find(self, order_id: str) -> Document:
        document = await self.orders.find_one({"_id": order_id})
        if document is None:
            raise OrderNotFound(f"there is no order {order_id!r}")
        return document

    async def _cancel(self, document: Document) -> Document | None:
        ticket = TicketReference(id=document["ticket"]["id"])
        event = OrderCancelled(id=document["_id"], version=document["version"] + 1, ticket=ticket)
        return await self._transition(document, OrderStatus.CANCELLED, event)

    async def _transition(
        self, document: Document, status: OrderStatus, event: OrderCancelled | OrderCompleted
    ) -> Document | None:
        """Update-if-current: None when another writer came first."""
        return await self.orders.find_one_and_update(
            {"_id": document["_id"], "version": document["version"]},
            {
                "$set": {"status": status.value, "version": event.version},
                "$push": {"outbox": self._row(event.id, event.version, event)},
            },
            return_document=True,
        )

    async def _announce(self, document: Document) -> None:
        for row in document["outbox"]:
            await publish_row(self.bus, row)
            await self.orders.update_one({"_id": document["_id"]}, {"$pull": {"outbox": {"_id": row["_id"]}}})

    def _row(self, order_id: str, version: int, event: Event) -> Document:
        return outbox_row(f"{order_id}:{version}", event, self.clock.now())
