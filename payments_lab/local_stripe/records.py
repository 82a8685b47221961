"""What the plain views show: the fields that people and invariants look at. Each is a dict with all of Stripe's fields.

Amounts are whole numbers of minor units, moments Unix seconds.
"""

from __future__ import annotations

from typing import Any, TypedDict


class ChargeRecord(TypedDict):
    """A charge. ``paid`` is true for money that was taken or authorised."""

    id: str
    amount: int
    amount_captured: int
    amount_refunded: int
    balance_transaction: str | None
    captured: bool
    created: int
    currency: str
    customer: str | None
    description: str | None
    disputed: bool
    failure_code: str | None
    metadata: dict[str, str]
    outcome: dict[str, Any]
    paid: bool
    payment_intent: str | None
    payment_method: str | None
    refunded: bool
    status: str


class RefundRecord(TypedDict):
    """A refund."""

    id: str
    amount: int
    charge: str
    created: int
    currency: str
    metadata: dict[str, str]
    payment_intent: str | None
    reason: str | None
    status: str


class PaymentIntentRecord(TypedDict):
    """A payment intent."""

    id: str
    amount: int
    amount_capturable: int
    amount_received: int
    client_secret: str
    created: int
    currency: str
    customer: str | None
    last_payment_error: dict[str, Any] | None
    latest_charge: str | None
    metadata: dict[str, str]
    payment_method: str | None
    status: str


class BalanceTransactionRecord(TypedDict):
    """A movement of money on the account; ``net`` is ``amount`` without ``fee``."""

    id: str
    amount: int
    available_on: int
    created: int
    currency: str
    fee: int
    net: int
    reporting_category: str
    source: str
    type: str


class CustomerRecord(TypedDict):
    """A customer."""

    id: str
    created: int
    default_source: str | None
    email: str | None
    metadata: dict[str, str]
    name: str | None


class DisputeRecord(TypedDict):
    """A dispute."""

    id: str
    amount: int
    charge: str
    currency: str
    evidence: dict[str, Any]
    is_charge_refundable: bool
    reason: str
    status: str


class EventRecord(TypedDict):
    """An event; ``data["object"]`` is the object as it was then."""

    id: str
    created: int
    data: dict[str, Any]
    type: str
