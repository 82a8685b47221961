"""Short words for what the tests of the contract do with a Stripe."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import uuid4

import stripe

T = TypeVar("T")

PATIENCE = float(os.environ.get("STRIPE_CONTRACT_PATIENCE", "90"))
NO_REDIRECTS: dict[str, Any] = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}


def charge(client: stripe.StripeClient, source: str = "tok_visa", **more: Any) -> stripe.Charge:
    return client.v1.charges.create({"amount": 2000, "currency": "usd", "source": source, **more})


def intent(client: stripe.StripeClient, **more: Any) -> stripe.PaymentIntent:
    return client.v1.payment_intents.create({"amount": 2000, "currency": "usd", **NO_REDIRECTS, **more})


def paid(client: stripe.StripeClient, method: str = "pm_card_visa", **more: Any) -> stripe.PaymentIntent:
    return intent(client, payment_method=method, confirm=True, **more)


def new_key() -> str:
    """An idempotency key that nobody used before."""
    return f"contract-{uuid4()}"


def error_of(error: stripe.StripeError) -> dict[str, Any]:
    """The error object that Stripe sent."""
    body: Any = error.json_body
    return body["error"]


def eventually(look: Callable[[], T | None]) -> T:
    """What ``look`` sees once it sees something; Stripe itself takes its time with some things."""
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not seen within {PATIENCE:g} seconds")
