"""Right orders services that are written differently from the package's."""

from __future__ import annotations

from payments_lab.explore.zoo.bug import correct
from payments_lab.shop.errors import Definite
from payments_lab.shop.events import Event, OrderCancelled, OrderCompleted, OrderCreated, TicketReference
from payments_lab.shop.orders import Order, OrdersService
from payments_lab.shop.outbox import outbox_row, publish_row
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.documents import Document


class OrderIsComplete(Definite):
    """A complete order can't be cancelled."""


class KeepsCompleteOrders(OrdersService):
    """A later edition of the course: a complete order is not cancelled, so only a cancellation in time is refunded."""

    async def cancel(self, order_id: str, *, user_id: str | None = None) -> Order:
        document = await self._find(order_id)
        while document["status"] != OrderStatus.CANCELLED:
            if document["status"] == OrderStatus.COMPLETE:
                raise OrderIsComplete(f"order {order_id} is complete and can't be cancelled")
            document = await self._cancel(document) or await self._find(order_id)
        await self._announce(document)
        return Order.from_document(document)


class TellsWhatItHasNotTold(OrdersService):
    """Instead of events, an order keeps how far it was told; what is to be told follows from its version and status."""

    async def _announce(self, document: Document) -> None:
        order = Order.from_document(document)
        for version in range(document.get("told", 0), order.version + 1):
            await publish_row(self.bus, outbox_row(f"{order.id}:{version}", self.event(order, version)))
            untold = {"_id": order.id, "told": {"$not": {"$gt": version}}}
            await self.orders.update_one(untold, {"$set": {"told": version + 1, "outbox": []}})

    async def recover(self) -> None:
        for document in await self.orders.find({}).to_list():
            await self._announce(document)

    def event(self, order: Order, version: int) -> Event:
        if version == 0:
            return OrderCreated(
                id=order.id,
                version=0,
                status=OrderStatus.CREATED,
                user_id=order.user_id,
                expires_at=order.expires_at,
                ticket=order.ticket,
            )
        if order.status is OrderStatus.CANCELLED and version == order.version:
            return OrderCancelled(id=order.id, version=version, ticket=TicketReference(id=order.ticket.id))
        return OrderCompleted(id=order.id, version=version)


CORRECT = (
    correct("keeps-complete-orders", KeepsCompleteOrders),
    correct("tells-what-it-has-not-told", TellsWhatItHasNotTold),
)
