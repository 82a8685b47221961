"""Asking Stripe for money, so that asking twice never takes it twice.

An *attempt* is stored before Stripe hears of it, and its id is the idempotency key. A key made of the order alone
would trap the buyer: Stripe replays a decline as faithfully as a success, so no other card could ever pay.
Sources: https://docs.stripe.com/api/idempotent_requests, https://docs.stripe.com/error-low-level
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

import stripe
from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from payments_lab.shop.errors import Declined, Definite, Indefinite, OutcomeUnknown, PaymentRefused

if TYPE_CHECKING:
    from stripe.params import ChargeCreateParams

# Stripe forgets a key after 24 hours; past this age a second request would be a new charge.
KEY_IS_SAFE_FOR = timedelta(hours=23)
CLOCK_SKEW = timedelta(minutes=5)


class Attempt(BaseModel):
    """One try at one card, for ``amount`` minor units.

    ``id`` is the idempotency key that Stripe gets, ``client_key`` the one that the client sent.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    id: str
    order_id: str
    token: str
    client_key: str | None
    amount: int
    currency: str
    started_at: AwareDatetime

    def is_repeated_by(self, client_key: str | None) -> bool:
        """A client that names the same key means the same attempt."""
        return client_key is not None and client_key == self.client_key


async def charge(client: stripe.StripeClient, attempt: Attempt, now: datetime) -> stripe.Charge | None:
    """The charge of this attempt, made now or before; None when it is too old to be asked for and was never made.

    Raises Declined or PaymentRefused (definite), or OutcomeUnknown.
    """
    try:
        if now - attempt.started_at < KEY_IS_SAFE_FOR:
            return await _create(client, attempt)
        return await _look_up(client, attempt)
    except stripe.StripeError as error:
        raise explain(error) from error


async def refund(client: stripe.StripeClient, charge_id: str) -> None:
    """Give all of the charge's money back; once, however often it is asked. Raises PaymentRefused or OutcomeUnknown."""
    try:
        await client.v1.refunds.create_async({"charge": charge_id}, {"idempotency_key": f"refund-{charge_id}"})
    except stripe.StripeError as error:
        if error.code == "charge_already_refunded":
            return
        raise explain(error) from error


def explain(error: stripe.StripeError) -> Definite | Indefinite:
    """What Stripe's error means for the attempt.

    A decline and a refused parameter are the attempt's own answer: whoever asks with its key hears the same. A rate
    limit, a bad API key or a key in use are about this one request; another with the same key may have gone through,
    so they tell nothing about the attempt.
    """
    message = error.user_message or str(error)
    if isinstance(error, stripe.CardError):
        return Declined(message, decline_code=_decline_code(error))
    if isinstance(error, stripe.InvalidRequestError) and error.http_status != 409:
        return PaymentRefused(message, field=_field(error))
    return OutcomeUnknown(
        "Stripe gave no answer that settles it, so nobody knows yet whether the card was charged; "
        "ask again with the same Idempotency-Key"
    )


async def _create(client: stripe.StripeClient, attempt: Attempt) -> stripe.Charge:
    params: ChargeCreateParams = {
        "amount": attempt.amount,
        "currency": attempt.currency,
        "source": attempt.token,
        "metadata": {"orderId": attempt.order_id, "attempt": attempt.id},
    }
    return await client.v1.charges.create_async(params, {"idempotency_key": attempt.id})


async def _look_up(client: stripe.StripeClient, attempt: Attempt) -> stripe.Charge | None:
    since = int((attempt.started_at - CLOCK_SKEW).timestamp())
    until = int((attempt.started_at + KEY_IS_SAFE_FOR + CLOCK_SKEW).timestamp())
    page = await client.v1.charges.list_async({"created": {"gte": since, "lte": until}, "limit": 100})
    async for found in page.auto_paging_iter():
        if found.paid and found.metadata.to_dict().get("attempt") == attempt.id:
            return found
    return None


def _decline_code(error: stripe.CardError) -> str:
    body = cast("dict[str, dict[str, str]]", error.json_body or {})
    return body.get("error", {}).get("decline_code") or error.code or "generic_decline"


def _field(error: stripe.StripeError) -> str | None:
    param = getattr(error, "param", None)
    return {"source": "token", "payment_method": "paymentMethod"}.get(param or "", param)
