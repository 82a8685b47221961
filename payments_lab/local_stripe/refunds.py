"""Refunds: money that goes back, in parts or whole, never more than was taken. Source: https://docs.stripe.com/api/refunds"""

from __future__ import annotations

from typing import Any

from payments_lab.local_stripe.balance import book
from payments_lab.local_stripe.errors import invalid_request
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.listing import page
from payments_lab.local_stripe.money import format_amount
from payments_lab.local_stripe.parameters import Schema, metadata, one_of, positive, read, text, texts

NEW: Schema = {
    "charge": text,
    "amount": positive,
    "expand": texts,
    "metadata": metadata,
    "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
}


def create(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    """Give ``amount`` back, or all that is left; a charge that was only authorised is released instead."""
    asked = read(NEW, params)
    if "charge" not in asked:
        raise invalid_request(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
        )
    charge = ledger.get("charge", asked["charge"], "charge")
    if not charge["paid"]:
        raise invalid_request(f"Charge {charge['id']} has not succeeded, so it can't be refunded.", param="charge")
    left = charge["amount"] - charge["amount_refunded"]
    if not left:
        raise invalid_request(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded", param="charge"
        )
    amount = asked.get("amount", left)
    if amount > left:
        raise invalid_request(
            f"Refund amount ({format_amount(amount, charge['currency'])}) is greater than unrefunded amount on charge "
            f"({format_amount(left, charge['currency'])})",
            param="amount",
        )
    refund = ledger.add(_refund(ledger, asked, charge, amount))
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    if charge["captured"]:
        made = book(ledger, "refund", -amount, charge["currency"], refund["id"], None)
        refund["balance_transaction"] = made["id"]
    return refund


def retrieve(ledger: Ledger, params: dict[str, Any], refund_id: str) -> StripeObject:
    read({"expand": texts}, params)
    return ledger.get("refund", refund_id)


def listing(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    return page(ledger, "refund", "/v1/refunds", params, {"charge": text, "payment_intent": text})


def _refund(ledger: Ledger, asked: dict[str, Any], charge: StripeObject, amount: int) -> StripeObject:
    return {
        "id": ledger.new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": ledger.now(),
        "currency": charge["currency"],
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": asked.get("metadata", {}),
        "payment_intent": charge["payment_intent"],
        "reason": asked.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
