"""A right service on payment intents: one for an order, confirmed with card after card.

Source: https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import stripe
from pymongo.errors import DuplicateKeyError

from payments_lab.explore.zoo.bug import correct
from payments_lab.explore.zoo.plain import CHARGING, PAID, PlainPaymentsService
from payments_lab.shop.charging import explain
from payments_lab.shop.errors import Declined, Indefinite
from payments_lab.shop.events import OrderCancelled
from payments_lab.shop.payments import Payment
from payments_lab.shop.replica import ReplicatedOrder, advance_order
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.documents import Document

if TYPE_CHECKING:
    from stripe import RequestOptions


class IntentPaymentsService(PlainPaymentsService):
    """An order has one payment intent, which Stripe lets succeed only once, so no attempt need be remembered."""

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        order = await self.order_to_pay(order_id, user_id)
        payment = await self.payments.find_one({"orderId": order_id})
        if payment is None or payment["status"] == CHARGING:
            self.check_open(order)
            payment = await self.confirm(payment or await self.open(order), token)
        return self.answer(payment)

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        await advance_order(self.orders, event.id, event.version, OrderStatus.CANCELLED)
        payment = await self.payments.find_one({"orderId": event.id})
        if payment is not None and payment["status"] == CHARGING:
            payment = await self.catch_up(payment)
        if payment is not None and payment["status"] == PAID:
            await self.refund(payment)

    async def recover(self) -> int:
        unknown = 0
        for payment in await self.payments.find({"status": CHARGING}).to_list():
            try:
                await self.catch_up(payment)
            except Indefinite:
                unknown += 1
        for payment in await self.payments.find({"status": PAID, "done": False}).to_list():
            await self.finish(payment)
        return unknown

    async def open(self, order: ReplicatedOrder) -> Document:
        """The order's payment, with its intent, both made once; stored before any card is tried."""
        payment: Document = {
            "_id": f"pay-{order.id}",
            "orderId": order.id,
            "status": CHARGING,
            "attempt": {"id": f"intent-{order.id}", "amount": order.price, "currency": order.currency},
            "intent": await self.make_intent(order),
        }
        try:
            await self.payments.insert_one(payment)
        except DuplicateKeyError:
            return await self.payments.find_one({"_id": payment["_id"]}) or payment
        return payment

    async def make_intent(self, order: ReplicatedOrder) -> str:
        try:
            intent = await self.stripe.v1.payment_intents.create_async(
                {
                    "amount": order.price,
                    "currency": order.currency,
                    "metadata": {"orderId": order.id},
                    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                },
                self.once(f"intent-{order.id}"),
            )
        except stripe.StripeError as error:
            raise explain(error) from error
        return intent.id

    async def confirm(self, payment: Document, token: str) -> Document:
        """Try a card. An intent that has succeeded takes no other; then what it has become is what counts."""
        try:
            intent = await self.stripe.v1.payment_intents.confirm_async(
                payment["intent"],
                {"payment_method_data": {"type": "card", "card": {"token": token}}},  # pyright: ignore[reportArgumentType]
                self.once(self.ids.new("try")),
            )
        except stripe.InvalidRequestError as error:
            if error.code != "payment_intent_unexpected_state":
                raise explain(error) from error
            return await self.catch_up(payment)
        except stripe.StripeError as error:
            raise explain(error) from error
        return await self.note(payment, intent)

    async def catch_up(self, payment: Document) -> Document:
        """Ask what the intent has become, and write it down."""
        try:
            intent = await self.stripe.v1.payment_intents.retrieve_async(payment["intent"])
        except stripe.StripeError as error:
            raise explain(error) from error
        return await self.note(payment, intent)

    async def note(self, payment: Document, intent: stripe.PaymentIntent) -> Document:
        if intent.status != "succeeded":
            return payment
        return await self.finish(
            await self.write(payment, {"status": PAID, "stripeId": intent.latest_charge, "done": False})
        )

    def answer(self, payment: Document) -> Payment:
        if payment["status"] == CHARGING:
            raise Declined("the card was not charged", decline_code="authentication_required")
        return super().answer(payment)

    def once(self, key: str) -> RequestOptions:
        return {"idempotency_key": key, "max_network_retries": 0}


CORRECT = (correct("one-intent-an-order", IntentPaymentsService),)
