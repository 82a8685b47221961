"""What Stripe tells by itself: each event once, in whatever order, whether or not our own request has heard the same.

Stripe delivers an event at least once, late, and not in order. So nothing here believes an event about a state that
may have passed: what is final is taken at its word, for the rest Stripe is asked. An event is marked as done after its
effect; a crash between the two brings it again, and every effect is one that may be repeated. To mark it first would
lose it.
Source: https://docs.stripe.com/webhooks#behaviors
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pymongo.errors import DuplicateKeyError

from payments_lab.ports import Clock
from payments_lab.shop.errors import InvalidRequest
from payments_lab.shop.events import Id
from payments_lab.shop.payments import PaymentsService
from payments_lab.shop.status import PaymentStatus
from payments_lab.stores.documents import Collection, Document

log = logging.getLogger("payments_lab.shop")

Amount = Annotated[int, Field(ge=0, strict=True)]
DECIDED = ["won", "lost", "warning_closed"]


class Facts(BaseModel):
    """What is read of an event; the rest of it may be anything."""

    model_config = ConfigDict(frozen=True)


class EventData(Facts):
    object: dict[str, Any]


class StripeEvent(Facts):
    """An event as Stripe posts it. Source: https://docs.stripe.com/api/events/object"""

    id: Id
    type: Id
    data: EventData


class Metadata(Facts):
    """What our own requests carry; others may carry anything."""

    order_id: Id | None = Field(None, alias="orderId")
    attempt: Id | None = None


class IntentFacts(Facts):
    id: Id
    latest_charge: Id | None = None
    metadata: Metadata


class ChargeFacts(Facts):
    """Amounts in minor units."""

    id: Id
    amount: Amount
    amount_refunded: Amount
    metadata: Metadata


class DisputeFacts(Facts):
    """``amount`` in minor units."""

    id: Id
    charge: Id
    amount: Amount
    reason: Id
    status: Id


F = TypeVar("F", bound=Facts)


def parse_event(document: object) -> StripeEvent:
    """The event; InvalidRequest for a document that is none."""
    return _read(StripeEvent, document)


class StripeInbox:
    """Takes Stripe's events for the payments service. ``inbox`` keeps the ids of those that are done."""

    def __init__(self, payments: PaymentsService, inbox: Collection, clock: Clock) -> None:
        self.inbox = inbox
        self._payments = payments
        self._clock = clock
        self._handlers: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "payment_intent.succeeded": self._intent_succeeded,
            "payment_intent.payment_failed": self._intent_changed,
            "payment_intent.canceled": self._intent_changed,
            "payment_intent.processing": self._intent_changed,
            "charge.refunded": self._charge_refunded,
            "charge.dispute.created": self._charge_disputed,
            "charge.dispute.updated": self._charge_disputed,
            "charge.dispute.closed": self._charge_disputed,
        }

    @property
    def heeds(self) -> list[str]:
        """The types of event that change anything here; every other is acknowledged and forgotten."""
        return sorted(self._handlers)

    async def receive(self, event: StripeEvent) -> bool:
        """Let the event have its effect; False when it has had it, or can have none here.

        Raises InvalidRequest for an event that Stripe never sends, and whatever keeps it from its effect: then it is
        not done, and Stripe is to send it again.
        """
        handle = self._handlers.get(event.type)
        if handle is None or await self.inbox.find_one({"_id": event.id}) is not None:
            return False
        await handle(event.data.object)
        try:
            await self.inbox.insert_one({"_id": event.id, "type": event.type, "at": self._clock.now()})
        except DuplicateKeyError:
            return False
        return True

    async def _intent_succeeded(self, document: dict[str, Any]) -> None:
        intent = _read(IntentFacts, document)
        ours = intent.metadata
        if ours.order_id is None or ours.attempt is None or intent.latest_charge is None:
            return
        known = await self._payments.intent_succeeded(
            order_id=ours.order_id, attempt_id=ours.attempt, charge_id=intent.latest_charge
        )
        if not known:
            log.warning(
                "intent %s has succeeded for an order that has no payment; the reconciler knows more", intent.id
            )

    async def _intent_changed(self, document: dict[str, Any]) -> None:
        ours = _read(IntentFacts, document).metadata
        if ours.order_id is not None and ours.attempt is not None:
            await self._payments.intent_changed(order_id=ours.order_id, attempt_id=ours.attempt)

    async def _charge_refunded(self, document: dict[str, Any]) -> None:
        """Somebody gave money back, maybe by hand: the payment knows how much, and is refunded once all of it went."""
        charge = _read(ChargeFacts, document)
        payment = await self._payment_of(charge)
        if payment is None:
            return
        this: Document = {"_id": payment["_id"], "stripeId": charge.id}
        await self._payments.payments.update_one(this, {"$max": {"amountRefunded": charge.amount_refunded}})
        if charge.amount_refunded == charge.amount:
            paid = {**this, "status": PaymentStatus.PAID.value}
            await self._payments.payments.update_one(paid, {"$set": {"status": PaymentStatus.REFUNDED.value}})

    async def _payment_of(self, charge: ChargeFacts) -> Document | None:
        """The payment that has this charge, once its own outcome is known."""
        payment = await self._payments.payments.find_one({"orderId": charge.metadata.order_id or ""})
        if payment is None:
            return None
        settled = await self._payments.follow_up(payment)
        return settled if settled.get("stripeId") == charge.id else None

    async def _charge_disputed(self, document: dict[str, Any]) -> None:
        """The buyer's bank took the money back for now. That is for a person to answer: the payment keeps the facts."""
        dispute = _read(DisputeFacts, document)
        undecided: Document = {"stripeId": dispute.charge, "dispute.status": {"$nin": DECIDED}}
        facts = dispute.model_dump(exclude={"charge"})
        await self._payments.payments.update_one(undecided, {"$set": {"dispute": facts}})
        log.warning("charge %s is disputed (%s): %s", dispute.charge, dispute.reason, dispute.status)


def _read(kind: type[F], document: object) -> F:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        problem = error.errors()[0]
    where = ".".join(map(str, problem["loc"])) or "the event"
    raise InvalidRequest(f"{where}: {problem['msg']}")
