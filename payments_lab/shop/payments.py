"""The payments service: keeps a replica of the orders, and takes each order's money once.

There is one payment an order (a unique index holds that). A payment that is ``charging`` names its attempt; whoever
finds it so asks Stripe again with the attempt's own key and learns what became of it. When the money is there, the
outbox row is written first and deleted last: while it exists, :meth:`PaymentsService.recover` finishes the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pymongo.errors import DuplicateKeyError

from payments_lab.bus.protocol import Bus
from payments_lab.ports import Clock, Ids
from payments_lab.shop import charging
from payments_lab.shop.charging import Attempt
from payments_lab.shop.errors import (
    AlreadyPaid,
    BeingPaid,
    Declined,
    Definite,
    InvalidRequest,
    NotTheOwner,
    OrderExpired,
    OrderIsCancelled,
    OrderNotFound,
    OutcomeUnknown,
    PaymentRefused,
)
from payments_lab.shop.events import Event, OrderCancelled, OrderCompleted, OrderCreated, PaymentCreated
from payments_lab.shop.outbox import Backlog, backlog, outbox_row, publish_row
from payments_lab.shop.replica import ReplicatedOrder, advance_order, copy_order
from payments_lab.shop.status import OrderStatus, PaymentStatus
from payments_lab.stores.documents import Collection, Document
from payments_lab.telemetry.trace import current, kept, under

if TYPE_CHECKING:
    import stripe


class Payment(BaseModel):
    """What ties an order to a charge. ``amount`` is in minor units; ``stripe_id`` is the charge's id."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    id: str
    order_id: str
    stripe_id: str
    amount: int
    currency: str
    status: PaymentStatus

    @classmethod
    def from_document(cls, document: Document) -> Payment:
        return cls(
            id=document["_id"],
            order_id=document["orderId"],
            stripe_id=document["stripeId"],
            amount=document["attempt"]["amount"],
            currency=document["attempt"]["currency"],
            status=PaymentStatus(document["status"]),
        )


@dataclass(frozen=True, slots=True)
class PaymentsPorts:
    """What the payments service stands on. ``payments`` has a unique index on ``orderId``."""

    orders: Collection
    payments: Collection
    outbox: Collection
    stripe: stripe.StripeClient
    bus: Bus
    clock: Clock
    ids: Ids


class PaymentsService:
    """Takes payments, hardened against duplicates, reordering, crashes and lost replies. Override what you try."""

    name: ClassVar[str] = "payments"
    queue_group: ClassVar[str] = "payments-service"
    hears: ClassVar[dict[type[Event], str]] = {
        OrderCreated: "on_order_created",
        OrderCancelled: "on_order_cancelled",
        OrderCompleted: "on_order_completed",
    }

    def __init__(self, ports: PaymentsPorts) -> None:
        self.orders = ports.orders
        self.payments = ports.payments
        self.outbox = ports.outbox
        self.stripe = ports.stripe
        self.bus = ports.bus
        self.clock = ports.clock
        self.ids = ports.ids

    async def on_order_created(self, event: OrderCreated) -> None:
        await copy_order(self.orders, event)

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        """Close the replica, then give back what was paid. A repetition looks again, in case a crash came between."""
        await advance_order(self.orders, event.id, event.version, OrderStatus.CANCELLED)
        paid = await self.payments.find_one({"orderId": event.id, "status": PaymentStatus.PAID.value})
        if paid is not None:
            await self._refund(paid)

    async def on_order_completed(self, event: OrderCompleted) -> None:
        await advance_order(self.orders, event.id, event.version, OrderStatus.COMPLETE)

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        """Charge the order's price to the card behind ``token`` and say so to the other services.

        With the same ``idempotency_key`` the same answer comes again, and no second charge. Raises InvalidRequest,
        OrderNotFound, NotTheOwner, OrderIsCancelled, OrderExpired, AlreadyPaid, BeingPaid, Declined, PaymentRefused
        (all definite), or OutcomeUnknown: then ask again with the same key.
        """
        order = await self._order_to_pay(order_id, token, user_id)
        known = await self.payments.find_one({"orderId": order_id})
        if known is not None:
            known = await self._settled(known)
            if _attempt(known).is_repeated_by(idempotency_key):
                return _answer(known)
        self._check_payable(order)
        attempt = Attempt(
            id=self.ids.new("att"),
            order_id=order_id,
            token=token,
            client_key=idempotency_key,
            amount=order.price,
            currency=order.currency,
            started_at=self.clock.now(),
        )
        claimed = await self._claim(known, attempt, user_id)
        return _answer(await self._settled(claimed))

    async def recover(self) -> int:
        """Finish what a crash or a lost reply left half done; harmless at any time.

        Returns how many payments are still without a known outcome, to be asked for again later.
        """
        unknown = 0
        for payment in await self.payments.find({"status": PaymentStatus.CHARGING.value}).to_list():
            try:
                with under(kept(payment)):
                    await self._settled(payment)
            except OutcomeUnknown:
                unknown += 1
        for row in await self.outbox.find({}).to_list():
            await self._finish(row)
        return unknown

    async def backlog(self) -> Backlog:
        """What payments have not told the bus yet."""
        return backlog(await self.outbox.find({}).to_list(), self.clock.now())

    async def _order_to_pay(self, order_id: str, token: str, user_id: str) -> ReplicatedOrder:
        for field, value in (("orderId", order_id), ("token", token), ("userId", user_id)):
            _require_text(field, value)
        document = await self.orders.find_one({"_id": order_id})
        if document is None:
            raise OrderNotFound(f"there is no order {order_id!r}")
        if document["userId"] != user_id:
            raise NotTheOwner(f"order {order_id} belongs to somebody else")
        return ReplicatedOrder.from_document(document)

    def _check_payable(self, order: ReplicatedOrder) -> None:
        if order.status is OrderStatus.CANCELLED:
            raise OrderIsCancelled(f"order {order.id} is cancelled and can't be paid")
        if order.status is OrderStatus.COMPLETE:
            raise AlreadyPaid(f"order {order.id} is paid already")
        if self.clock.now() >= order.expires_at:
            raise OrderExpired(f"the time to pay order {order.id} is over")

    async def _claim(self, known: Document | None, attempt: Attempt, user_id: str) -> Document:
        """Make ``attempt`` the order's current one; only one of several may."""
        charging: Document = {"status": PaymentStatus.CHARGING.value, "attempt": attempt.model_dump(by_alias=True)}
        trace = current()
        if trace is not None:
            charging["trace"] = trace.to_document()
        if known is None:
            fresh: Document = {"_id": self.ids.new("pay"), "orderId": attempt.order_id, "userId": user_id, **charging}
            try:
                await self.payments.insert_one(fresh)
            except DuplicateKeyError:
                raise BeingPaid(f"order {attempt.order_id} is being paid already") from None
            return fresh
        if known["status"] != PaymentStatus.FAILED:
            raise AlreadyPaid(f"order {attempt.order_id} is paid already")
        failed = {"_id": known["_id"], "status": PaymentStatus.FAILED.value, "attempt.id": known["attempt"]["id"]}
        claimed = await self.payments.find_one_and_update(failed, {"$set": charging}, return_document=True)
        if claimed is None:
            raise BeingPaid(f"order {attempt.order_id} is being paid already")
        return claimed

    async def _settled(self, payment: Document) -> Document:
        """The payment once its outcome is known: asks Stripe while it is ``charging``."""
        if payment["status"] != PaymentStatus.CHARGING:
            return payment
        attempt = _attempt(payment)
        try:
            charge = await charging.charge(self.stripe, attempt, self.clock.now())
        except Definite as error:
            return await self._record(payment, _failure(error))
        if charge is None:
            return await self._record(payment, {"status": PaymentStatus.FAILED.value, "error": "never sent"})
        event = PaymentCreated(id=payment["_id"], order_id=attempt.order_id, stripe_id=charge.id)
        row = {**outbox_row(payment["_id"], event, self.clock.now()), "attempt": attempt.id, "stripeId": charge.id}
        await self.outbox.update_one({"_id": row["_id"]}, {"$setOnInsert": row}, upsert=True)
        return await self._finish(row)

    async def _finish(self, row: Document) -> Document:
        """Record the money, say so, and give it back if the order was cancelled meanwhile; then drop the row."""
        paid = {"status": PaymentStatus.PAID.value, "stripeId": row["stripeId"]}
        payment = await self._record({"_id": row["_id"], "attempt": {"id": row["attempt"]}}, paid)
        if payment.get("stripeId") != row["stripeId"]:
            await charging.refund(self.stripe, row["stripeId"])
            await self.outbox.delete_one({"_id": row["_id"]})
            return payment
        await publish_row(self.bus, row)
        order = await self.orders.find_one({"_id": payment["orderId"]})
        if order is not None and order["status"] == OrderStatus.CANCELLED:
            payment = await self._refund(payment)
        await self.outbox.delete_one({"_id": row["_id"]})
        return payment

    async def _record(self, payment: Document, outcome: Document) -> Document:
        """Write an attempt's outcome once; whoever comes second gets what the first one wrote."""
        current = {
            "_id": payment["_id"],
            "attempt.id": payment["attempt"]["id"],
            "status": PaymentStatus.CHARGING.value,
        }
        recorded = await self.payments.find_one_and_update(current, {"$set": outcome}, return_document=True)
        if recorded is not None:
            return recorded
        return await self.payments.find_one({"_id": payment["_id"]}) or payment

    async def _refund(self, payment: Document) -> Document:
        if payment["status"] != PaymentStatus.PAID:
            return payment
        await charging.refund(self.stripe, payment["stripeId"])
        refunded = await self.payments.find_one_and_update(
            {"_id": payment["_id"], "status": PaymentStatus.PAID.value},
            {"$set": {"status": PaymentStatus.REFUNDED.value}},
            return_document=True,
        )
        return refunded or {**payment, "status": PaymentStatus.REFUNDED.value}


def _require_text(field: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest(f"{field} must be a text that is not empty, not {value!r}", field=field)


def _attempt(payment: Document) -> Attempt:
    return Attempt.model_validate(payment["attempt"])


def _failure(error: Definite) -> Document:
    failed = {"status": PaymentStatus.FAILED.value, "error": error.message}
    if isinstance(error, Declined):
        return {**failed, "declineCode": error.decline_code}
    return {**failed, "field": error.field}


def _answer(payment: Document) -> Payment:
    """What the client is told of an attempt whose outcome is known."""
    status = PaymentStatus(payment["status"])
    if status is PaymentStatus.PAID:
        return Payment.from_document(payment)
    if status is PaymentStatus.REFUNDED:
        raise OrderIsCancelled(f"order {payment['orderId']} was cancelled meanwhile; the charge has been refunded")
    if status is PaymentStatus.CHARGING:
        raise OutcomeUnknown(f"order {payment['orderId']} is being paid")
    if "declineCode" in payment:
        raise Declined(payment["error"], decline_code=payment["declineCode"])
    raise PaymentRefused(payment["error"], field=payment.get("field"))
