"""Wrong orders services, beside the right payments service."""

from __future__ import annotations

from payments_lab.explore.zoo.bug import bug
from payments_lab.explore.zoo.scenarios import (
    CALM,
    CANCEL_KNOWN,
    CRASH_OF_ORDERS,
    DUPLICATED,
    ONE_CLICK,
    PAY_OR_CANCEL,
    PAY_THEN_CANCEL,
)
from payments_lab.shop.events import OrderCancelled, OrderCompleted, PaymentCreated, TicketReference
from payments_lab.shop.orders import Order, OrdersService
from payments_lab.shop.outbox import outbox_row, publish_row
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.documents import Document

COMPLETE = OrderStatus.COMPLETE.value
CANCELLED = OrderStatus.CANCELLED.value


class CompletesInSilence(OrdersService):
    """The course ends so: complete raises the version, nobody is told, and a later cancellation never fits any copy."""

    async def on_payment_created(self, event: PaymentCreated) -> None:
        order = await self.get(event.order_id)
        if order.status.is_open:
            current = {"_id": order.id, "version": order.version}
            await self.orders.update_one(current, {"$set": {"status": COMPLETE, "version": order.version + 1}})


class CompletesBehindTheVersion(OrdersService):
    """A direct update sets the status and goes around the version, so there is nothing that could be announced."""

    async def on_payment_created(self, event: PaymentCreated) -> None:
        open_order = {"_id": event.order_id, "status": OrderStatus.CREATED.value}
        await self.orders.update_one(open_order, {"$set": {"status": COMPLETE}})


class RevivesTheCancelled(OrdersService):
    """Money has come, so the order is complete: 'the customer has paid' is stronger than any status, says the code."""

    async def on_payment_created(self, event: PaymentCreated) -> None:
        await super().on_payment_created(event)
        await self.orders.update_one({"_id": event.order_id}, {"$set": {"status": COMPLETE}})


class CancelsTheCompleteInSilence(OrdersService):
    """A complete order is cancelled by a direct update, to sell its ticket again: no event, so no refund."""

    async def cancel(self, order_id: str, *, user_id: str | None = None) -> Order:
        order = await self.get(order_id)
        if order.status is not OrderStatus.COMPLETE:
            return await super().cancel(order_id, user_id=user_id)
        await self.orders.update_one({"_id": order_id}, {"$set": {"status": CANCELLED}})
        return await self.get(order_id)


class WaitsForAStatusThatNobodySets(OrdersService):
    """Only an order that awaits its payment is completed; the status is in the list, and no line ever sets it."""

    async def on_payment_created(self, event: PaymentCreated) -> None:
        if (await self.get(event.order_id)).status is OrderStatus.AWAITING_PAYMENT:
            await super().on_payment_created(event)


class RefusesASecondPayment(OrdersService):
    """An order that is not open can't be completed, says an assertion; the duplicate fails it at every redelivery."""

    async def on_payment_created(self, event: PaymentCreated) -> None:
        order = await self.get(event.order_id)
        assert order.status is not OrderStatus.COMPLETE, f"order {order.id} is complete already"
        await super().on_payment_created(event)


class AnnouncesTheOldVersion(OrdersService):
    """The event is made from the order as it was read, before the save raised its version."""

    async def _cancel(self, document: Document) -> Document | None:
        event = OrderCancelled(
            id=document["_id"], version=document["version"], ticket=TicketReference(id=document["ticket"]["id"])
        )
        row = outbox_row(f"{event.id}:{event.version + 1}", event)
        return await self.orders.find_one_and_update(
            {"_id": event.id, "version": event.version},
            {"$set": {"status": CANCELLED, "version": event.version + 1}, "$push": {"outbox": row}},
            return_document=True,
        )


class ForgetsTheVersion(OrdersService):
    """A hand-written payload has the fields that its author needed; the version is not among them."""

    async def _announce(self, document: Document) -> None:
        rows = [{**row, "data": row["data"].replace('"version"', '"v"')} for row in document["outbox"]]
        early = document["status"] == OrderStatus.CREATED
        await super()._announce(document if early else {**document, "outbox": rows})


class ForgetsTheCondition(OrdersService):
    """The save names the id alone, so a cancellation and a completion both succeed, each with the same version."""

    async def _transition(
        self, document: Document, status: OrderStatus, event: OrderCancelled | OrderCompleted
    ) -> Document | None:
        row = outbox_row(f"{event.id}:{event.version}", event)
        return await self.orders.find_one_and_update(
            {"_id": document["_id"]},
            {"$set": {"status": status.value, "version": event.version}, "$push": {"outbox": row}},
            return_document=True,
        )


class PublishesThenSaves(OrdersService):
    """The event goes out first, 'to be quick'; when the process stops before the save, it told of what never was."""

    async def _transition(
        self, document: Document, status: OrderStatus, event: OrderCancelled | OrderCompleted
    ) -> Document | None:
        await publish_row(self.bus, outbox_row(f"{event.id}:{event.version}", event))
        return await super()._transition(document, status, event)


class SavesThenPublishes(OrdersService):
    """Save, then publish, with nothing that remembers the second: the usual way, and one crash from being forgotten."""

    async def _transition(
        self, document: Document, status: OrderStatus, event: OrderCancelled | OrderCompleted
    ) -> Document | None:
        changed = await self.orders.find_one_and_update(
            {"_id": document["_id"], "version": document["version"]},
            {"$set": {"status": status.value, "version": event.version}},
            return_document=True,
        )
        if changed is not None:
            await publish_row(self.bus, outbox_row(f"{event.id}:{event.version}", event))
        return changed


BUGS = (
    bug("completes-in-silence", CompletesInSilence, "nothing-is-stuck", PAY_THEN_CANCEL, CALM),
    bug("completes-behind-the-version", CompletesBehindTheVersion, "replica-converges", ONE_CLICK, CALM),
    bug("revives-the-cancelled", RevivesTheCancelled, "replica-converges", PAY_OR_CANCEL, CALM),
    bug(
        "cancels-the-complete-in-silence",
        CancelsTheCompleteInSilence,
        "cancelled-order-keeps-no-money",
        PAY_THEN_CANCEL,
        CALM,
    ),
    bug("waits-for-a-status-that-nobody-sets", WaitsForAStatusThatNobodySets, "paid-order-completes", ONE_CLICK, CALM),
    bug("refuses-a-second-payment", RefusesASecondPayment, "nothing-is-stuck", ONE_CLICK, DUPLICATED),
    bug("announces-the-old-version", AnnouncesTheOldVersion, "replica-converges", CANCEL_KNOWN, CALM),
    bug("forgets-the-version", ForgetsTheVersion, "replica-converges", CANCEL_KNOWN, CALM),
    bug("forgets-the-condition", ForgetsTheCondition, "replica-converges", PAY_OR_CANCEL, CALM),
    bug("publishes-then-saves", PublishesThenSaves, "replica-converges", CANCEL_KNOWN, CRASH_OF_ORDERS),
    bug("saves-then-publishes", SavesThenPublishes, "replica-converges", CANCEL_KNOWN, CRASH_OF_ORDERS),
)
