"""The payments service: keeps a replica of the orders, and takes each order's money once.

There is one payment an order (a unique index holds that). A payment that is ``charging`` names its attempt; whoever
finds it so asks Stripe again with the attempt's own key and learns what became of it. When the money is there, the
outbox row is written first and deleted last: while it exists, :meth:`PaymentsService.recover` finishes the work.

A payment is a charge (the course's way) or a payment intent (today's). An intent may leave it ``waiting`` for the buyer
at the bank's page; then a webhook tells the end of it, or whoever asks Stripe first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pymongo.errors import DuplicateKeyError

from payments_lab.bus.protocol import Bus
from payments_lab.ports import Clock, Ids
from payments_lab.shop import charging, intents
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
from payments_lab.shop.intents import IntentAttempt, Standing, Taken, Waiting
from payments_lab.shop.outbox import Backlog, backlog, outbox_row, publish_row
from payments_lab.shop.replica import ReplicatedOrder, advance_order, copy_order
from payments_lab.shop.status import OrderStatus, PaymentStatus
from payments_lab.stores.documents import Collection, Document
from payments_lab.stores.transactions import Together, one_after_the_other
from payments_lab.telemetry.trace import current, kept, under

if TYPE_CHECKING:
    import stripe

OPEN = [PaymentStatus.CHARGING.value, PaymentStatus.WAITING.value]
WEBHOOKS_TAKE = timedelta(minutes=1)
OUTCOME = ("error", "declineCode", "field", "intentId", "askedAt")
NEVER_SENT: Document = {"status": PaymentStatus.FAILED.value, "error": "never sent"}


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


class WaitingPayment(BaseModel):
    """A payment that is not done: its buyer is to answer the bank, or the bank to answer us.

    ``status`` is Stripe's, ``requires_action`` or ``processing``; ``next_action`` is Stripe's too, and says where the
    buyer goes. ``client_secret`` is for the buyer's browser alone.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    id: str
    order_id: str
    status: str
    client_secret: str
    next_action: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class PaymentsPorts:
    """What the payments service stands on. ``payments`` has a unique index on ``orderId``.

    ``together`` makes the writes of a piece of work one, where the store can; they are in an order that needs it not.
    """

    orders: Collection
    payments: Collection
    outbox: Collection
    stripe: stripe.StripeClient
    bus: Bus
    clock: Clock
    ids: Ids
    together: Together = one_after_the_other


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
        self.together = ports.together

    async def on_order_created(self, event: OrderCreated) -> None:
        await copy_order(self.orders, event)

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        """Close the replica, then give back what was paid and call off what waits for its buyer.

        A repetition looks again, in case a crash came between.
        """
        await advance_order(self.orders, event.id, event.version, OrderStatus.CANCELLED)
        to_undo = [PaymentStatus.PAID.value, PaymentStatus.WAITING.value]
        payment = await self.payments.find_one({"orderId": event.id, "status": {"$in": to_undo}})
        if payment is None:
            return
        if payment["status"] == PaymentStatus.WAITING:
            await self._followed_up(payment, call_off=True)
        else:
            await self._refund(payment)

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
        payment = await self._claimed(order, user_id, idempotency_key, partial(Attempt, token=token))
        return _answer(await self._settled(payment))

    async def create_intent(
        self,
        *,
        order_id: str,
        payment_method: str,
        user_id: str,
        idempotency_key: str | None = None,
        return_url: str | None = None,
    ) -> Payment | WaitingPayment:
        """Pay the order's price with ``payment_method`` (``pm_…``) by a payment intent.

        A WaitingPayment where the buyer's bank wants to see the buyer first; afterwards ask again with the same
        ``idempotency_key`` to hear what came of it. Another key, or none, calls off what waits and begins anew.
        ``return_url`` is where the bank's page leads back to. Raises what :meth:`create_charge` raises.
        """
        _require_text("paymentMethod", payment_method)
        order = await self._order_to_pay(order_id, payment_method, user_id)
        begin = partial(IntentAttempt, token=payment_method, return_url=return_url)
        payment, standing = await self._followed_up(await self._claimed(order, user_id, idempotency_key, begin))
        if not isinstance(standing, Waiting):
            return _answer(payment)
        return WaitingPayment(
            id=payment["_id"],
            order_id=order_id,
            status=standing.status,
            client_secret=standing.client_secret,
            next_action=standing.next_action,
        )

    async def follow_up(self, payment: Document) -> Document:
        """Ask Stripe what became of a payment that is under way, and write it down. Raises OutcomeUnknown."""
        with under(kept(payment)):
            return (await self._followed_up(payment))[0]

    async def intent_succeeded(self, *, order_id: str, attempt_id: str, charge_id: str) -> bool:
        """A webhook says that an attempt's money is there; False when nothing is known of such a payment.

        Money of an attempt that was given up goes back.
        """
        payment = await self.payments.find_one({"orderId": order_id})
        if payment is None:
            return False
        with under(kept(payment)):
            if payment["attempt"]["id"] == attempt_id and payment["status"] in OPEN:
                await self._taken(payment, charge_id)
            elif payment.get("stripeId") != charge_id:
                await charging.refund(self.stripe, charge_id)
        return True

    async def intent_changed(self, *, order_id: str, attempt_id: str) -> bool:
        """A webhook says that something happened to an attempt's intent, maybe long ago: Stripe is asked again.

        False when nothing is known of such a payment.
        """
        payment = await self.payments.find_one({"orderId": order_id, "attempt.id": attempt_id})
        if payment is None:
            return False
        await self.follow_up(payment)
        return True

    async def recover(self) -> int:
        """Finish what a crash or a lost reply left half done; harmless at any time.

        A payment that waits for its buyer is asked about once a minute, in case its webhook got lost. Returns how many
        payments are still without a known outcome, to be asked for again later.
        """
        unknown = 0
        for payment in await self.payments.find({"status": {"$in": OPEN}}).to_list():
            try:
                if self._is_due(payment):
                    await self.follow_up(payment)
            except OutcomeUnknown:
                unknown += 1
        for row in await self.outbox.find({}).to_list():
            await self._finish(row, await self._record_money(row))
        return unknown

    async def backlog(self) -> Backlog:
        """What payments have not told the bus yet."""
        return backlog(await self.outbox.find({}).to_list(), self.clock.now())

    def _is_due(self, payment: Document) -> bool:
        return payment["status"] == PaymentStatus.CHARGING or self.clock.now() - payment["askedAt"] >= WEBHOOKS_TAKE

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

    async def _claimed(
        self, order: ReplicatedOrder, user_id: str, client_key: str | None, begin: Callable[..., Attempt]
    ) -> Document:
        """The payment whose current attempt is this request's: the one that it repeats, or one that begins now."""
        known = await self.payments.find_one({"orderId": order.id})
        if known is not None:
            repeated = _attempt(known).is_repeated_by(client_key)
            known = await self._settled(known) if repeated else await self._given_up(known)
            if _attempt(known).is_repeated_by(client_key):
                return known
        self._check_payable(order)
        attempt = begin(
            id=self.ids.new("att"),
            order_id=order.id,
            client_key=client_key,
            amount=order.price,
            currency=order.currency,
            started_at=self.clock.now(),
        )
        return await self._claim(known, attempt, user_id)

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
        if known["status"] == PaymentStatus.WAITING:
            raise BeingPaid(f"order {attempt.order_id} is being paid already")
        if known["status"] != PaymentStatus.FAILED:
            raise AlreadyPaid(f"order {attempt.order_id} is paid already")
        failed = {"_id": known["_id"], "status": PaymentStatus.FAILED.value, "attempt.id": known["attempt"]["id"]}
        afresh = {"$set": charging, "$unset": dict.fromkeys(OUTCOME, "")}
        claimed = await self.payments.find_one_and_update(failed, afresh, return_document=True)
        if claimed is None:
            raise BeingPaid(f"order {attempt.order_id} is being paid already")
        return claimed

    async def _settled(self, payment: Document) -> Document:
        """The payment once its outcome is known, or known to wait: asks Stripe while it is ``charging``."""
        if payment["status"] != PaymentStatus.CHARGING:
            return payment
        attempt = _attempt(payment)
        if isinstance(attempt, IntentAttempt):
            return (await self._followed_up(payment))[0]
        try:
            charge = await charging.charge(self.stripe, attempt, self.clock.now())
        except Definite as error:
            return await self._record(payment, _failure(error))
        if charge is None:
            return await self._record(payment, NEVER_SENT)
        return await self._taken(payment, charge.id)

    async def _given_up(self, payment: Document) -> Document:
        """The payment as another attempt finds it: what waits for its buyer is called off."""
        payment = await self._settled(payment)
        if payment["status"] != PaymentStatus.WAITING:
            return payment
        return (await self._followed_up(payment, call_off=True))[0]

    async def _followed_up(self, payment: Document, *, call_off: bool = False) -> tuple[Document, Standing | None]:
        """The payment once Stripe was asked, and how its own attempt's intent stands unless that has failed.

        ``call_off`` closes an intent that waits, as does an order that was cancelled meanwhile.
        """
        attempt = _attempt(payment)
        if payment["status"] not in OPEN or not isinstance(attempt, IntentAttempt):
            return await self._settled(payment), None
        try:
            standing = await self._standing(payment, attempt, call_off=call_off)
        except Definite as error:
            return await self._record(payment, _failure(error)), None
        if standing is None:
            return await self._record(payment, NEVER_SENT), None
        if isinstance(standing, Taken):
            return await self._taken(payment, standing.charge_id), standing
        known = {"status": PaymentStatus.WAITING.value, "intentId": standing.intent_id, "askedAt": self.clock.now()}
        payment = await self._record(payment, known)
        if payment["status"] != PaymentStatus.WAITING or payment["attempt"]["id"] != attempt.id:
            return payment, None
        if not call_off and await self._is_cancelled(attempt.order_id):
            return await self._followed_up(payment, call_off=True)
        return payment, standing

    async def _standing(self, payment: Document, attempt: IntentAttempt, *, call_off: bool) -> Standing | None:
        if payment["status"] == PaymentStatus.CHARGING:
            return await intents.take(self.stripe, attempt, self.clock.now())
        ask = intents.call_off if call_off else intents.look
        return await ask(self.stripe, payment["intentId"])

    async def _taken(self, payment: Document, charge_id: str) -> Document:
        """The current attempt's money is there: no crash can keep it from being recorded and announced any more."""
        event = PaymentCreated(id=payment["_id"], order_id=payment["attempt"]["orderId"], stripe_id=charge_id)
        row = outbox_row(payment["_id"], event, self.clock.now())
        row |= {"attempt": payment["attempt"]["id"], "stripeId": charge_id}

        async def record() -> Document:
            await self.outbox.update_one({"_id": row["_id"]}, {"$setOnInsert": row}, upsert=True)
            return await self._record_money(row)

        return await self._finish(row, await self.together(record))

    async def _record_money(self, row: Document) -> Document:
        paid = {"status": PaymentStatus.PAID.value, "stripeId": row["stripeId"]}
        return await self._record({"_id": row["_id"], "attempt": {"id": row["attempt"]}}, paid)

    async def _finish(self, row: Document, payment: Document) -> Document:
        """Say that the money is there, and give it back if the order was cancelled meanwhile; then drop the row."""
        if payment.get("stripeId") != row["stripeId"]:
            await charging.refund(self.stripe, row["stripeId"])
            await self.outbox.delete_one({"_id": row["_id"]})
            return payment
        await publish_row(self.bus, row)
        if await self._is_cancelled(payment["orderId"]):
            payment = await self._refund(payment)
        await self.outbox.delete_one({"_id": row["_id"]})
        return payment

    async def _record(self, payment: Document, outcome: Document) -> Document:
        """Write an attempt's outcome once; whoever comes second gets what the first one wrote."""
        current = {
            "_id": payment["_id"],
            "attempt.id": payment["attempt"]["id"],
            "status": {"$in": OPEN},
        }
        recorded = await self.payments.find_one_and_update(current, {"$set": outcome}, return_document=True)
        if recorded is not None:
            return recorded
        return await self.payments.find_one({"_id": payment["_id"]}) or payment

    async def _is_cancelled(self, order_id: str) -> bool:
        order = await self.orders.find_one({"_id": order_id})
        return order is not None and order["status"] == OrderStatus.CANCELLED

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
    attempt: Document = payment["attempt"]
    return (IntentAttempt if "by" in attempt else Attempt).model_validate(attempt)


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
    if status is PaymentStatus.WAITING:
        raise BeingPaid(f"order {payment['orderId']} is being paid: its buyer is at the bank's page")
    if status is PaymentStatus.CHARGING:
        raise OutcomeUnknown(f"order {payment['orderId']} is being paid")
    if "declineCode" in payment:
        raise Declined(payment["error"], decline_code=payment["declineCode"])
    raise PaymentRefused(payment["error"], field=payment.get("field"))
