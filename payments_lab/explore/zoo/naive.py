"""The payments service as the course's section ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from payments_lab.explore.zoo.bug import bug
from payments_lab.explore.zoo.scenarios import CALM, CRASH, ONE_CLICK, PAY_OR_EXPIRE, TWO_CLICKS
from payments_lab.shop.errors import AlreadyPaid, NotTheOwner, OrderIsCancelled, OrderNotFound
from payments_lab.shop.events import OrderCancelled, PaymentCreated
from payments_lab.shop.payments import Payment, PaymentsService
from payments_lab.shop.replica import ReplicatedOrder, advance_order
from payments_lab.shop.status import OrderStatus, PaymentStatus

if TYPE_CHECKING:
    import stripe


class NaivePaymentsService(PaymentsService):
    """The handler as every tutorial ends: check, charge, save, publish; right as long as nothing comes between."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        await advance_order(self.orders, event.id, event.version, OrderStatus.CANCELLED)

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        order = await self.order_to_pay(order_id, user_id)
        if await self.payments.find_one({"orderId": order_id}):
            raise AlreadyPaid(f"order {order_id} is paid already")
        charge = await self.charge(order, token)
        payment = Payment(
            id=self.ids.new("pay"),
            order_id=order_id,
            stripe_id=charge.id,
            amount=order.price,
            currency=order.currency,
            status=PaymentStatus.PAID,
        )
        await self.save(payment)
        await self.announce(payment)
        return payment

    async def order_to_pay(self, order_id: str, user_id: str) -> ReplicatedOrder:
        document = await self.orders.find_one({"_id": order_id})
        if document is None:
            raise OrderNotFound(f"there is no order {order_id!r}")
        order = ReplicatedOrder.from_document(document)
        if order.user_id != user_id:
            raise NotTheOwner(f"order {order_id} belongs to somebody else")
        if order.status is OrderStatus.CANCELLED:
            raise OrderIsCancelled(f"order {order_id} is cancelled and can't be paid")
        return order

    async def charge(self, order: ReplicatedOrder, token: str) -> stripe.Charge:
        return await self.stripe.v1.charges.create_async(
            {"amount": order.price, "currency": order.currency, "source": token, "metadata": {"orderId": order.id}}
        )

    async def save(self, payment: Payment) -> None:
        fields = payment.model_dump(mode="json", by_alias=True)
        await self.payments.insert_one({"_id": fields.pop("id"), **fields})

    async def announce(self, payment: Payment) -> None:
        event = PaymentCreated(id=payment.id, order_id=payment.order_id, stripe_id=payment.stripe_id)
        await self.bus.publish(event.subject, event.to_bytes())

    async def recover(self) -> int:
        return 0


class CourseChargesTwice(NaivePaymentsService):
    """Tutorials look for a payment and then charge; a second click looks before the first one saves."""


class CourseCrashesAfterTheCharge(NaivePaymentsService):
    """Stripe and the database are two writes, and tutorials write them one after the other as if nothing could stop."""


class CourseCrashesAfterTheSave(NaivePaymentsService):
    """The database and the bus are two writes as well, and a tutorial has no place that remembers what is unsaid."""


class CourseKeepsTheMoney(NaivePaymentsService):
    """The order is cancelled while Stripe is being asked; tutorials check before the charge and never after it."""


BUGS = (
    bug("the-course-charges-twice", CourseChargesTwice, "charged-at-most-once", TWO_CLICKS, CALM),
    bug("the-course-crashes-after-the-charge", CourseCrashesAfterTheCharge, "charge-has-payment", ONE_CLICK, CRASH),
    bug("the-course-crashes-after-the-save", CourseCrashesAfterTheSave, "payment-is-published", ONE_CLICK, CRASH),
    bug(
        "the-course-keeps-an-expired-orders-money",
        CourseKeepsTheMoney,
        "cancelled-order-keeps-no-money",
        PAY_OR_EXPIRE,
        CALM,
    ),
)
