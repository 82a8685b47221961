"""Asking Stripe for money by payment intents, where the buyer's bank may want to see the buyer first (3-D Secure).

One attempt makes one intent, under the attempt's own idempotency key. An attempt has failed only once its intent can
take no money any more: the buyer holds its client secret, and could confirm it with another card behind our back.
Sources: https://docs.stripe.com/payments/paymentintents/lifecycle, https://docs.stripe.com/api/payment_intents/cancel
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

import stripe

from payments_lab.shop.charging import CLOCK_SKEW, KEY_IS_SAFE_FOR, Attempt, explain
from payments_lab.shop.errors import Declined, Definite, PaymentRefused

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCreateParams

UNDER_WAY = ("requires_action", "processing")
CLOSED = ("succeeded", "canceled")


class IntentAttempt(Attempt):
    """One try at one payment method, ``pm_…``, which stands in ``token``.

    After the bank's page the buyer comes back to ``return_url``; without one, Stripe.js shows that page in the shop's.
    """

    by: Literal["intent"] = "intent"
    return_url: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The money is there: ``charge_id`` has it."""

    intent_id: str
    charge_id: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet: ``status`` is Stripe's, ``requires_action`` or ``processing``; ``next_action`` says what the buyer does.

    The client secret is for the buyer alone, and is stored nowhere.
    """

    intent_id: str
    status: str
    client_secret: str
    next_action: dict[str, Any] | None


Standing = Taken | Waiting


async def take(client: stripe.StripeClient, attempt: IntentAttempt, now: datetime) -> Standing | None:
    """What became of this attempt's intent, made now or before; None when it is too old to ask for and was never made.

    Raises Declined or PaymentRefused (definite: the intent is closed), or OutcomeUnknown.
    """
    try:
        fresh = now - attempt.started_at < KEY_IS_SAFE_FOR
        intent = await _create(client, attempt) if fresh else await _look_up(client, attempt)
    except stripe.CardError as error:
        return await _close(client, _intent_of(error), explain(error))
    except stripe.StripeError as error:
        raise explain(error) from error
    return None if intent is None else await _conclude(client, intent)


async def look(client: stripe.StripeClient, intent_id: str) -> Standing:
    """Where an intent stands now. Raises as :func:`take` does."""
    return await _conclude(client, await _retrieve(client, intent_id))


async def call_off(client: stripe.StripeClient, intent_id: str) -> Standing:
    """Close an intent, so that it never takes money; it may have done so already.

    Raises PaymentRefused, or Declined with what the last card met, once it is closed; OutcomeUnknown.
    """
    return await _close(client, intent_id, None)


async def _conclude(client: stripe.StripeClient, intent: stripe.PaymentIntent) -> Standing:
    if intent.status == "succeeded":
        return Taken(intent.id, cast("str", intent.latest_charge))
    if intent.status in UNDER_WAY:
        action = intent.next_action.to_dict() if intent.next_action is not None else None
        return Waiting(intent.id, intent.status, cast("str", intent.client_secret), action)
    if intent.status == "canceled":
        raise _failure(intent)
    return await _close(client, intent.id, _failure(intent))


async def _close(client: stripe.StripeClient, intent_id: str, reason: Exception | None) -> Standing:
    """Cancel the intent and raise why the attempt failed, unless Stripe says that it cannot be cancelled any more."""
    try:
        closed = await client.v1.payment_intents.cancel_async(
            intent_id, {"cancellation_reason": "abandoned"}, {"idempotency_key": f"cancel-{intent_id}"}
        )
    except stripe.StripeError as error:
        if error.code != "payment_intent_unexpected_state":
            raise explain(error) from error
        closed = await _retrieve(client, intent_id)
    if closed.status == "canceled":
        raise reason or _failure(closed)
    return await _conclude(client, closed)


async def _create(client: stripe.StripeClient, attempt: IntentAttempt) -> stripe.PaymentIntent:
    params: PaymentIntentCreateParams = {
        "amount": attempt.amount,
        "currency": attempt.currency,
        "payment_method": attempt.token,
        "confirm": True,
        "metadata": {"orderId": attempt.order_id, "attempt": attempt.id},
    }
    if attempt.return_url is None:
        params["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
    else:
        params["return_url"] = attempt.return_url
    return await client.v1.payment_intents.create_async(params, {"idempotency_key": attempt.id})


async def _look_up(client: stripe.StripeClient, attempt: IntentAttempt) -> stripe.PaymentIntent | None:
    since = int((attempt.started_at - CLOCK_SKEW).timestamp())
    until = int((attempt.started_at + KEY_IS_SAFE_FOR + CLOCK_SKEW).timestamp())
    page = await client.v1.payment_intents.list_async({"created": {"gte": since, "lte": until}, "limit": 100})
    async for found in page.auto_paging_iter():
        if found.metadata.to_dict().get("attempt") == attempt.id:
            return found
    return None


async def _retrieve(client: stripe.StripeClient, intent_id: str) -> stripe.PaymentIntent:
    try:
        return await client.v1.payment_intents.retrieve_async(intent_id)
    except stripe.StripeError as error:
        raise explain(error) from error


def _intent_of(error: stripe.CardError) -> str:
    body = cast("dict[str, dict[str, Any]]", error.json_body)
    return body["error"]["payment_intent"]["id"]


def _failure(intent: stripe.PaymentIntent) -> Definite:
    """Why an intent has taken no money, as far as Stripe says."""
    if intent.last_payment_error is None:
        return PaymentRefused("the payment was called off before any bank had agreed to it")
    met = intent.last_payment_error.to_dict()
    code = met.get("decline_code") or met.get("code") or "generic_decline"
    return Declined(met.get("message") or "the payment failed", decline_code=code)
