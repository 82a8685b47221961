"""Refunds: money that goes back, in parts or whole, never more than was taken.

Source: https://docs.stripe.com/api/refunds
"""

from __future__ import annotations

from typing import Any

from payments_lab.local_stripe.cards import card_of
from payments_lab.local_stripe.errors import conflict, invalid_request
from payments_lab.local_stripe.events import changed, emit
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.listing import listing_form, page
from payments_lab.local_stripe.money import format_amount
from payments_lab.local_stripe.objects import balance, charges
from payments_lab.local_stripe.parameters import NOTHING, form, merged, metadata, one_of, positive, read, text

NEW = form(
    {
        "charge": text,
        "payment_intent": text,
        "amount": positive,
        "metadata": metadata,
        "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
    },
    elsewhere="currency customer instructions_email origin refund_application_fee reverse_transfer",
)
CHANGES = form({"metadata": metadata})
LISTING = listing_form({"charge": text, "payment_intent": text})

SETTLING_SECONDS = 60


def create(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    """Give ``amount`` back, or all that is left; a charge that was only authorised is released instead."""
    asked = read(NEW, params)
    charge = _charge_to_refund(ledger, asked)
    amount = _amount(charge, asked.get("amount"))
    if charge["captured"]:
        charges.book_now(ledger, charge["id"])
    behaviour = _behaviour(ledger, charge)
    refund = _refund(ledger, asked, charge, amount, "pending" if behaviour == "pending" else "succeeded")
    if charge["captured"]:
        made = balance.book(ledger, "refund", -amount, charge["currency"], refund["id"])
        refund["balance_transaction"] = made["id"]
    ledger.add(refund)
    _count(ledger, charge, amount)
    emit(ledger, "charge.refunded", charge)
    emit(ledger, "refund.created", refund)
    if behaviour:
        ledger.schedule(SETTLING_SECONDS, f"refund {behaviour}", refund["id"])
    return refund


def retrieve(ledger: Ledger, params: dict[str, Any], refund_id: str) -> StripeObject:
    read(NOTHING, params)
    return ledger.get("refund", refund_id)


def update(ledger: Ledger, params: dict[str, Any], refund_id: str) -> StripeObject:
    refund = ledger.get("refund", refund_id)
    asked = read(CHANGES, params)
    before = dict(refund)
    if "metadata" in asked:
        refund["metadata"] = merged(refund["metadata"], asked["metadata"]) if asked["metadata"] else {}
    ledger.save(refund)
    _tell(ledger, refund, changed(before, refund))
    return refund


def cancel(ledger: Ledger, params: dict[str, Any], refund_id: str) -> StripeObject:
    """Refunds to cards can't be taken back through the API, so this always refuses."""
    refund = ledger.get("refund", refund_id)
    read(NOTHING, params)
    raise conflict(
        f"Refund {refund_id} has a status of {refund['status']}. Only refunds with a status of requires_action can be "
        "canceled."
    )


def listing(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    asked = read(LISTING, params)
    for kind in ("charge", "payment_intent"):
        if kind in asked:
            ledger.get(kind, asked[kind], kind)
    return page(ledger, "refund", "/v1/refunds", asked)


def listing_of_charge(ledger: Ledger, params: dict[str, Any], charge_id: str) -> StripeObject:
    ledger.get("charge", charge_id)
    asked = read(LISTING, params) | {"charge": charge_id}
    return page(ledger, "refund", f"/v1/charges/{charge_id}/refunds", asked)


def succeed(ledger: Ledger, refund_id: str) -> None:
    """What comes of a pending refund in the end."""
    refund = ledger.get("refund", refund_id)
    refund["status"] = "succeeded"
    refund["destination_details"]["card"]["type"] = "refund"
    ledger.save(refund)
    _tell(ledger, refund, {"status": "pending"})


def fail(ledger: Ledger, refund_id: str) -> None:
    """The bank sends the money back: it is the account's again, and the charge counts as not refunded."""
    refund = ledger.get("refund", refund_id)
    charge = ledger.get("charge", refund["charge"])
    made = balance.book(ledger, "refund_failure", refund["amount"], refund["currency"], refund_id)
    refund |= {
        "failure_balance_transaction": made["id"],
        "failure_reason": "expired_or_canceled_card",
        "status": "failed",
    }
    ledger.save(refund)
    _count(ledger, charge, -refund["amount"])
    emit(ledger, "refund.failed", refund)
    _tell(ledger, refund, {"status": "succeeded"})


def _tell(ledger: Ledger, refund: StripeObject, previous: dict[str, Any]) -> None:
    emit(ledger, "charge.refund.updated", refund, previous)
    emit(ledger, "refund.updated", refund, previous)


def _charge_to_refund(ledger: Ledger, asked: dict[str, Any]) -> StripeObject:
    if "charge" not in asked and "payment_intent" not in asked:
        raise invalid_request(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
        )
    if "charge" in asked and "payment_intent" in asked:
        raise invalid_request(
            "You may only specify one of these parameters: charge, payment_intent.", code="parameters_exclusive"
        )
    if "payment_intent" in asked:
        intent = ledger.get("payment_intent", asked["payment_intent"], "payment_intent")
        charge = ledger.get("charge", intent["latest_charge"]) if intent["latest_charge"] else None
    else:
        charge = ledger.get("charge", asked["charge"], "charge")
        intent = ledger.get("payment_intent", charge["payment_intent"]) if charge["payment_intent"] else None
    if intent is not None and (charge is None or intent["status"] not in ("succeeded", "requires_capture")):
        raise conflict(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            param="payment_intent" if "payment_intent" in asked else None,
        )
    assert charge is not None
    _check_refundable(ledger, charge)
    return charge


def _check_refundable(ledger: Ledger, charge: StripeObject) -> None:
    if charge["status"] != "succeeded":
        raise conflict(f"Charge {charge['id']} has not succeeded, so it can't be refunded.", param="charge")
    if charge["payment_intent"] is not None and not charge["captured"]:
        raise conflict(
            f"This PaymentIntent ({charge['payment_intent']}) does not have a successful charge to refund. To release "
            "an authorization, cancel the PaymentIntent."
        )
    disputes = ledger.table("dispute")
    if any(not disputes.at(place)["is_charge_refundable"] for place in disputes.where("charge", charge["id"])):
        raise conflict(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")


def _amount(charge: StripeObject, asked: int | None) -> int:
    left = (charge["amount_captured"] if charge["captured"] else charge["amount"]) - charge["amount_refunded"]
    if left <= 0:
        raise conflict(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if not charge["captured"] and asked not in (None, left):
        raise invalid_request(
            "You cannot partially refund an uncaptured charge. Instead, capture the charge for an amount less than the "
            "original amount.",
            param="amount",
        )
    if asked is not None and asked > left:
        raise conflict(
            f"Refund amount ({format_amount(asked, charge['currency'])}) is greater than unrefunded amount on charge "
            f"({format_amount(left, charge['currency'])})",
            param="amount",
        )
    return left if asked is None else asked


def _behaviour(ledger: Ledger, charge: StripeObject) -> str:
    on_file = ledger.backstage(charge["id"]).get("card")
    return card_of(on_file["number"]).refund if on_file and charge["captured"] else ""


def _count(ledger: Ledger, charge: StripeObject, amount: int) -> None:
    charge["amount_refunded"] += amount
    whole = charge["amount_captured"] if charge["captured"] else charge["amount"]
    charge["refunded"] = charge["amount_refunded"] == whole
    ledger.save(charge)


def _refund(ledger: Ledger, asked: dict[str, Any], charge: StripeObject, amount: int, status: str) -> StripeObject:
    bank = charge["payment_method_details"]["type"] == "us_bank_account"
    kind = "pending" if status == "pending" else "refund" if charge["captured"] else "reversal"
    made: StripeObject = {
        "id": ledger.new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": ledger.now(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"type": "us_bank_transfer", "us_bank_transfer": {}}
        if bank
        else {"card": {"type": kind}, "type": "card"},
        "metadata": merged({}, asked.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"] if charge["payment_intent"] else None,
        "reason": asked.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }
    if status == "pending":
        made["pending_reason"] = "processing"
    return made
