"""A right payments service in small steps, each of which a wrong one takes wrong.

It keeps its promises as the package's own does, with one document less: the payment itself remembers that something is
still to be done for it (``done`` is false), so there is no outbox. It does not mind that Stripe forgets keys after a
day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import stripe
from pymongo.errors import DuplicateKeyError

from payments_lab.shop.charging import explain, refund
from payments_lab.shop.errors import (
    AlreadyPaid,
    BeingPaid,
    Declined,
    Definite,
    Indefinite,
    NotTheOwner,
    OrderExpired,
    OrderIsCancelled,
    OrderNotFound,
    OutcomeUnknown,
    PaymentRefused,
)
from payments_lab.shop.events import OrderCancelled, PaymentCreated
from payments_lab.shop.payments import Payment, PaymentsService
from payments_lab.shop.replica import ReplicatedOrder, advance_order
from payments_lab.shop.status import OrderStatus, PaymentStatus
from payments_lab.stores.documents import Document

if TYPE_CHECKING:
    from stripe import RequestOptions
    from stripe.params import ChargeCreateParams

CHARGING = PaymentStatus.CHARGING.value
FAILED = PaymentStatus.FAILED.value
PAID = PaymentStatus.PAID.value
REFUNDED = PaymentStatus.REFUNDED.value


class PlainPaymentsService(PaymentsService):
    """The payment is its own outbox: not done until its event is out and a late cancellation was looked for."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        """Close the copy first, so that whoever is charging now sees it; then give back what was paid."""
        await advance_order(self.orders, event.id, event.version, OrderStatus.CANCELLED)
        payment = await self.payments.find_one({"orderId": event.id, "status": PAID})
        if payment is not None:
            await self.refund(payment)

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        order, payment = await self.look(order_id, user_id)
        if payment is not None and payment["status"] == CHARGING:
            payment = await self.pursue(payment)
        if payment is not None and idempotency_key and payment["attempt"]["clientKey"] == idempotency_key:
            return self.answer(payment)
        self.check_open(order)
        payment = await self.claim(payment, self.attempt(order, token, idempotency_key))
        return self.answer(await self.pursue(payment))

    async def recover(self) -> int:
        """Go on where a crash or a lost reply has stopped; returns how many payments are still without an outcome."""
        unknown = 0
        for payment in await self.payments.find({"status": CHARGING}).to_list():
            try:
                await self.pursue(payment)
            except Indefinite:
                unknown += 1
        for payment in await self.payments.find({"status": PAID, "done": False}).to_list():
            await self.finish(payment)
        return unknown

    # before the charge

    async def look(self, order_id: str, user_id: str) -> tuple[ReplicatedOrder, Document | None]:
        """The order, and its payment if there is one."""
        return await self.order_to_pay(order_id, user_id), await self.payments.find_one({"orderId": order_id})

    async def order_to_pay(self, order_id: str, user_id: str) -> ReplicatedOrder:
        document = await self.orders.find_one({"_id": order_id})
        if document is None:
            raise OrderNotFound(f"there is no order {order_id!r}")
        order = ReplicatedOrder.from_document(document)
        if order.user_id != user_id:
            raise NotTheOwner(f"order {order_id} belongs to somebody else")
        return order

    def check_open(self, order: ReplicatedOrder) -> None:
        if order.status is OrderStatus.CANCELLED:
            raise OrderIsCancelled(f"order {order.id} is cancelled and can't be paid")
        if order.status is OrderStatus.COMPLETE:
            raise AlreadyPaid(f"order {order.id} is paid already")
        if self.clock.now() >= order.expires_at:
            raise OrderExpired(f"the time to pay order {order.id} is over")

    def attempt(self, order: ReplicatedOrder, token: str, client_key: str | None) -> Document:
        """One try at one card. Its ``id`` is the key that Stripe gets; it is stored before Stripe hears of it."""
        return {
            "id": self.ids.new("att"),
            "orderId": order.id,
            "token": token,
            "clientKey": client_key,
            "amount": self.amount(order),
            "currency": order.currency,
        }

    def amount(self, order: ReplicatedOrder) -> int:
        """Minor units."""
        return order.price

    async def claim(self, before: Document | None, attempt: Document) -> Document:
        """Make ``attempt`` the order's only one; ``before`` is the payment as found, whose attempt has failed."""
        wanted: Document = {"status": CHARGING, "attempt": attempt}
        if before is None:
            payment: Document = {"_id": self.ids.new("pay"), "orderId": attempt["orderId"], **wanted}
            try:
                await self.payments.insert_one(payment)
            except DuplicateKeyError:
                raise BeingPaid(f"order {attempt['orderId']} is being paid already") from None
            return payment
        failed = {"_id": before["_id"], "status": FAILED, "attempt.id": before["attempt"]["id"]}
        claimed = await self.payments.find_one_and_update(failed, {"$set": wanted}, return_document=True)
        if claimed is None:
            raise BeingPaid(f"order {attempt['orderId']} is being paid, or was")
        return claimed

    # the charge

    async def pursue(self, payment: Document) -> Document:
        """Learn what becomes of the payment's attempt, by making it, and write it down."""
        try:
            charge_id = await self.charge(payment["attempt"])
        except Definite as refusal:
            return await self.write(payment, failure(refusal))
        payment = await self.write(payment, {"status": PAID, "stripeId": charge_id, "done": False})
        return await self.finish(payment)

    async def charge(self, attempt: Document) -> str:
        """The id of the attempt's charge. Raises Declined, PaymentRefused or OutcomeUnknown."""
        try:
            charge = await self.stripe.v1.charges.create_async(self.params(attempt), self.options(attempt))
        except stripe.StripeError as error:
            raise explain(error) from error
        return charge.id

    def params(self, attempt: Document) -> ChargeCreateParams:
        metadata = {"orderId": attempt["orderId"]}
        return {
            "amount": attempt["amount"],
            "currency": attempt["currency"],
            "source": attempt["token"],
            "metadata": metadata,
        }

    def options(self, attempt: Document) -> RequestOptions:
        """The library need not try again by itself; whoever finds the attempt does."""
        return {"idempotency_key": attempt["id"], "max_network_retries": 0}

    # after the charge

    async def write(self, payment: Document, outcome: Document) -> Document:
        """Write the attempt's outcome, unless somebody has; returns the payment as it stands."""
        asked = {"_id": payment["_id"], "attempt.id": payment["attempt"]["id"], "status": CHARGING}
        written = await self.payments.find_one_and_update(asked, {"$set": outcome}, return_document=True)
        if written is not None:
            return written
        return await self.payments.find_one({"_id": payment["_id"]}) or payment

    async def finish(self, payment: Document) -> Document:
        """Say that it is paid, and look whether it was cancelled meanwhile; only then it is done."""
        if payment["status"] != PAID:
            return payment
        await self.announce(payment)
        payment = await self.look_again(payment)
        await self.payments.update_one({"_id": payment["_id"]}, {"$set": {"done": True}})
        return payment

    async def announce(self, payment: Document) -> None:
        event = PaymentCreated(id=payment["_id"], order_id=payment["orderId"], stripe_id=payment["stripeId"])
        await self.bus.publish(event.subject, event.to_bytes(), message_id=payment["_id"])

    async def look_again(self, payment: Document) -> Document:
        """The payment, refunded if its order was cancelled while it was being paid."""
        order = await self.orders.find_one({"_id": payment["orderId"]})
        if order is not None and order["status"] == OrderStatus.CANCELLED:
            return await self.refund(payment)
        return payment

    async def refund(self, payment: Document) -> Document:
        await refund(self.stripe, payment["stripeId"])
        paid = {"_id": payment["_id"], "status": PAID}
        await self.payments.update_one(paid, {"$set": {"status": REFUNDED}})
        return {**payment, "status": REFUNDED}

    def answer(self, payment: Document) -> Payment:
        """What the client is told."""
        if payment["status"] == PAID:
            return Payment.from_document(payment)
        if payment["status"] == FAILED:
            raise refused(payment)
        if payment["status"] == CHARGING:
            raise OutcomeUnknown(f"order {payment['orderId']} is being paid")
        raise OrderIsCancelled(f"order {payment['orderId']} was cancelled meanwhile; the charge goes back")


def failure(refusal: Definite) -> Document:
    """What to write of an attempt that failed."""
    code = refusal.decline_code if isinstance(refusal, Declined) else None
    return {"status": FAILED, "error": refusal.message, "declineCode": code}


def refused(payment: Document) -> Definite:
    """The error that a failed attempt met."""
    if payment["declineCode"] is None:
        return PaymentRefused(payment["error"])
    return Declined(payment["error"], decline_code=cast(str, payment["declineCode"]))
