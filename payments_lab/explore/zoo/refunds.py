"""Wrong ways to give money back."""

from __future__ import annotations

from contextlib import suppress

import stripe

from payments_lab.explore.scenario import Cancel, Pay, Placed, Scenario
from payments_lab.explore.zoo.bug import bug
from payments_lab.explore.zoo.plain import PAID, REFUNDED, PlainPaymentsService, failure
from payments_lab.explore.zoo.scenarios import CALM, CRASH, DUPLICATED, LOST_REPLY, PAY_OR_CANCEL, PAY_THEN_CANCEL
from payments_lab.shop.charging import refund
from payments_lab.shop.errors import Definite
from payments_lab.shop.events import OrderCancelled
from payments_lab.shop.replica import advance_order
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.documents import Document

CANCEL_THE_OLDER = Scenario(
    "cancel-the-older",
    (Pay(key="click-1"), Pay("ord_2", key="click-2", after=0), Cancel(after=1)),
    orders=(Placed(), Placed("ord_2")),
    known=True,
    sentence="Ada pays two orders and cancels the first.",
)


class ClosesWithoutRefund(PlainPaymentsService):
    """The course ends here: the copy is cancelled, and that somebody may have paid before is no part of the story."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        await advance_order(self.orders, event.id, event.version, OrderStatus.CANCELLED)


class NeverLooksAgain(PlainPaymentsService):
    """The order was open when it was read, and is not read again after the charge, which takes seconds."""

    async def look_again(self, payment: Document) -> Document:
        return payment


class LooksTooSoon(PlainPaymentsService):
    """It looks again after the charge, but before the payment is saved: a cancellation in between finds nothing."""

    async def pursue(self, payment: Document) -> Document:
        try:
            charge_id = await self.charge(payment["attempt"])
        except Definite as refusal:
            return await self.write(payment, failure(refusal))
        payment = await super().look_again({**payment, "stripeId": charge_id})
        outcome = {"status": REFUNDED if payment["status"] == REFUNDED else PAID, "stripeId": charge_id, "done": False}
        return await self.finish(await self.write(payment, outcome))

    async def look_again(self, payment: Document) -> Document:
        return payment


class RefundsThenCloses(PlainPaymentsService):
    """First the money, then the copy of the order: who pays in between is charged for what is being cancelled."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        payment = await self.payments.find_one({"orderId": event.id, "status": PAID})
        if payment is not None:
            await self.refund(payment)
        await advance_order(self.orders, event.id, event.version, OrderStatus.CANCELLED)


class RefundsOnlyTheFirstTime(PlainPaymentsService):
    """A duplicate changes nothing, so it ends early; so does the redelivery after a crash before the refund."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        if not await advance_order(self.orders, event.id, event.version, OrderStatus.CANCELLED):
            return
        payment = await self.payments.find_one({"orderId": event.id, "status": PAID})
        if payment is not None:
            await self.refund(payment)


class MarksThenRefunds(PlainPaymentsService):
    """'Refunded' is saved first, so that nobody refunds twice; after a crash nobody refunds at all."""

    async def refund(self, payment: Document) -> Document:
        await self.payments.update_one({"_id": payment["_id"]}, {"$set": {"status": REFUNDED}})
        await refund(self.stripe, payment["stripeId"])
        return {**payment, "status": REFUNDED}


class HopesForTheRefund(PlainPaymentsService):
    """A refund that timed out 'will have worked'; nobody asks again, though with its key it would cost nothing."""

    async def refund(self, payment: Document) -> Document:
        with suppress(stripe.APIConnectionError):
            await self.stripe.v1.refunds.create_async(
                {"charge": payment["stripeId"]},
                {"idempotency_key": f"refund-{payment['stripeId']}", "max_network_retries": 0},
            )
        await self.payments.update_one({"_id": payment["_id"]}, {"$set": {"status": REFUNDED}})
        return {**payment, "status": REFUNDED}


class RefundsInDollars(PlainPaymentsService):
    """The charge was in cents and the refund is in dollars: a hundredth goes back, and the status says 'refunded'."""

    async def refund(self, payment: Document) -> Document:
        amount = payment["attempt"]["amount"] // 100
        await self.stripe.v1.refunds.create_async(
            {"charge": payment["stripeId"], "amount": amount},
            {"idempotency_key": f"refund-{payment['stripeId']}"},
        )
        await self.payments.update_one({"_id": payment["_id"]}, {"$set": {"status": REFUNDED}})
        return {**payment, "status": REFUNDED}


class RefundsAgain(PlainPaymentsService):
    """A key that holds the status is another one the second time; Stripe refuses, and the event comes for ever."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        await advance_order(self.orders, event.id, event.version, OrderStatus.CANCELLED)
        payment = await self.payments.find_one({"orderId": event.id})
        if payment is None or "stripeId" not in payment:
            return
        key = f"refund-{payment['stripeId']}-{payment['status']}"
        await self.stripe.v1.refunds.create_async({"charge": payment["stripeId"]}, {"idempotency_key": key})
        await self.payments.update_one({"_id": payment["_id"]}, {"$set": {"status": REFUNDED}})


class RefundsTheLatest(PlainPaymentsService):
    """The charge to refund is looked for among the latest at Stripe, by its amount; an amount is no identity."""

    async def refund(self, payment: Document) -> Document:
        latest = await self.stripe.v1.charges.list_async({"limit": 10})
        amount = payment["attempt"]["amount"]
        found = next(charge for charge in latest.data if charge.amount == amount)
        return await super().refund({**payment, "stripeId": found.id})


BUGS = (
    bug("closes-without-refund", ClosesWithoutRefund, "cancelled-order-keeps-no-money", PAY_THEN_CANCEL, CALM),
    bug("never-looks-again", NeverLooksAgain, "cancelled-order-keeps-no-money", PAY_OR_CANCEL, CALM),
    bug("looks-too-soon", LooksTooSoon, "cancelled-order-keeps-no-money", PAY_OR_CANCEL, CALM),
    bug("refunds-then-closes", RefundsThenCloses, "cancelled-order-keeps-no-money", PAY_OR_CANCEL, CALM),
    bug(
        "refunds-only-the-first-time", RefundsOnlyTheFirstTime, "cancelled-order-keeps-no-money", PAY_THEN_CANCEL, CRASH
    ),
    bug("marks-then-refunds", MarksThenRefunds, "cancelled-order-keeps-no-money", PAY_THEN_CANCEL, CRASH),
    bug("hopes-for-the-refund", HopesForTheRefund, "cancelled-order-keeps-no-money", PAY_THEN_CANCEL, LOST_REPLY),
    bug("refunds-in-dollars", RefundsInDollars, "cancelled-order-keeps-no-money", PAY_THEN_CANCEL, CALM),
    bug("refunds-again", RefundsAgain, "nothing-is-stuck", PAY_THEN_CANCEL, DUPLICATED),
    bug("refunds-the-latest", RefundsTheLatest, "cancelled-order-keeps-no-money", CANCEL_THE_OLDER, CALM),
)
