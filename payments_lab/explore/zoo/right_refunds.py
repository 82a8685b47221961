"""Right services that give money back, and say what they took, in other ways."""

from __future__ import annotations

from payments_lab.explore.zoo.bug import correct
from payments_lab.explore.zoo.plain import PAID, REFUNDED, PlainPaymentsService
from payments_lab.shop.charging import refund
from payments_lab.shop.events import OrderCancelled
from payments_lab.shop.replica import advance_order
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.documents import Document

REFUNDING = "refunding"


class IntendsTheRefund(PlainPaymentsService):
    """The intention to refund is stored before Stripe is asked, and whoever finds it carries it out."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        await advance_order(self.orders, event.id, event.version, OrderStatus.CANCELLED)
        due = {"orderId": event.id, "status": {"$in": [PAID, REFUNDING]}}
        payment = await self.payments.find_one(due)
        if payment is not None:
            await self.refund(payment)

    async def refund(self, payment: Document) -> Document:
        paid = {"_id": payment["_id"], "status": PAID}
        await self.payments.update_one(paid, {"$set": {"status": REFUNDING}})
        await refund(self.stripe, payment["stripeId"])
        intended = {"_id": payment["_id"], "status": REFUNDING}
        await self.payments.update_one(intended, {"$set": {"status": REFUNDED}})
        return {**payment, "status": REFUNDED}

    async def recover(self) -> int:
        unknown = await super().recover()
        for payment in await self.payments.find({"status": REFUNDING}).to_list():
            await self.refund(payment)
        return unknown


class QueuesItsRefunds(PlainPaymentsService):
    """A cancellation leaves a job in the database; the job goes when it is done, or when there is nothing to refund."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        job = {"_id": f"refund-{event.id}", "orderId": event.id}
        await self.outbox.update_one({"_id": job["_id"]}, {"$setOnInsert": job}, upsert=True)
        await advance_order(self.orders, event.id, event.version, OrderStatus.CANCELLED)
        await self.work_off(job)

    async def work_off(self, job: Document) -> None:
        order = await self.orders.find_one({"_id": job["orderId"]})
        if order is None or order["status"] != OrderStatus.CANCELLED:
            return
        payment = await self.payments.find_one({"orderId": job["orderId"], "status": PAID})
        if payment is not None:
            await self.refund(payment)
        await self.outbox.delete_one({"_id": job["_id"]})

    async def recover(self) -> int:
        for job in await self.outbox.find({}).to_list():
            await self.work_off(job)
        return await super().recover()


class SaysItAgain(PlainPaymentsService):
    """Nothing remembers what was said: every start says every payment again, and the message id makes that harmless."""

    async def finish(self, payment: Document) -> Document:
        if payment["status"] != PAID:
            return payment
        await self.announce(payment)
        return await self.look_again(payment)

    async def recover(self) -> int:
        unknown = await super().recover()
        for payment in await self.payments.find({"status": PAID}).to_list():
            await self.finish(payment)
        return unknown


CORRECT = (
    correct("intends-the-refund", IntendsTheRefund),
    correct("queues-its-refunds", QueuesItsRefunds),
    correct("says-it-again", SaysItAgain),
)
