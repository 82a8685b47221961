"""Wrong ways to answer a delivery: too early, never, or whatever happened."""

from __future__ import annotations

from pymongo.errors import PyMongoError

from payments_lab.explore.zoo.bug import bug
from payments_lab.explore.zoo.scenarios import (
    CALM,
    CANCEL,
    CANCEL_KNOWN,
    CRASH,
    DUPLICATED,
    LOST_REPLY,
    PAY_THEN_CANCEL,
)
from payments_lab.shop import charging
from payments_lab.shop.errors import NotYet
from payments_lab.shop.events import OrderCancelled, OrderCompleted, OrderCreated
from payments_lab.shop.payments import PaymentsPorts, PaymentsService
from payments_lab.shop.replica import ReplicatedOrder, advance_order
from payments_lab.shop.status import OrderStatus


class AcknowledgesFirst(PaymentsService):
    """The event goes into a list and is acknowledged, and the work is done later: a queue that a restart empties."""

    def __init__(self, ports: PaymentsPorts) -> None:
        super().__init__(ports)
        self.later: list[OrderCancelled] = []

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        self.later.append(event)

    async def on_order_completed(self, event: OrderCompleted) -> None:
        await super().on_order_completed(event)
        await self.work_off()

    async def recover(self) -> int:
        await self.work_off()
        return await super().recover()

    async def work_off(self) -> None:
        while self.later:
            await super().on_order_cancelled(self.later[0])
            del self.later[0]


class NeverAcknowledges(PaymentsService):
    """Acknowledgements are sent in batches, and on a quiet day the batch is never full."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        await super().on_order_cancelled(event)
        raise NotYet("acknowledged when the batch is full")


class LogsAndGoesOn(PaymentsService):
    """'Log it and go on' keeps the consumer alive, and acknowledges what was not done while the database was away."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        try:
            await super().on_order_cancelled(event)
        except PyMongoError:
            return


class StumblesOverUnpaidOrders(PaymentsService):
    """Written for the order that was paid; the one that was not stops the listener, again at every redelivery."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        await advance_order(self.orders, event.id, event.version, OrderStatus.CANCELLED)
        payment = await self.payments.find_one({"orderId": event.id})
        assert payment is not None, f"order {event.id} has no payment"
        await self._refund(payment)


class RefusesDuplicates(PaymentsService):
    """The insert meets its own document and fails, is not acknowledged, and comes again to fail again."""

    async def on_order_created(self, event: OrderCreated) -> None:
        await self.orders.insert_one(ReplicatedOrder.from_event(event).to_document())


class WaitsForThePast(PaymentsService):
    """'Not the version that I wait for' is taken for 'too early', also when it is long past."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        before = {"_id": event.id, "version": event.version - 1}
        closed = {"$set": {"status": OrderStatus.CANCELLED.value, "version": event.version}}
        if await self.orders.find_one_and_update(before, closed) is None:
            raise NotYet(f"version {event.version} of order {event.id} came early")
        paid = await self.payments.find_one({"orderId": event.id, "status": "paid"})
        if paid is not None:
            await charging.refund(self.stripe, paid["stripeId"])


BUGS = (
    bug("acknowledges-first", AcknowledgesFirst, "cancelled-order-keeps-no-money", PAY_THEN_CANCEL, CRASH),
    bug("never-acknowledges", NeverAcknowledges, "nothing-is-stuck", CANCEL_KNOWN, CALM),
    bug("logs-and-goes-on", LogsAndGoesOn, "replica-converges", CANCEL_KNOWN, LOST_REPLY),
    bug("stumbles-over-unpaid-orders", StumblesOverUnpaidOrders, "nothing-is-stuck", CANCEL_KNOWN, CALM),
    bug("refuses-duplicates", RefusesDuplicates, "nothing-is-stuck", CANCEL, DUPLICATED),
    bug("waits-for-the-past", WaitsForThePast, "nothing-is-stuck", CANCEL_KNOWN, DUPLICATED),
)
