"""Disputes: a buyer asks the bank for the money back. The cards that provoke one, and the evidence that ends one, are
those of https://docs.stripe.com/testing#disputes. Source: https://docs.stripe.com/api/disputes
"""

from __future__ import annotations

from typing import Any

from payments_lab.local_stripe.errors import conflict
from payments_lab.local_stripe.events import changed, emit
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.listing import listing_form, page
from payments_lab.local_stripe.objects import balance
from payments_lab.local_stripe.parameters import (
    NOTHING,
    anything,
    boolean,
    form,
    merged,
    metadata,
    nested,
    one_of,
    optional_text,
    read,
    text,
)

FEE = 1500
DAYS_TO_RESPOND = 9
OPEN = ("needs_response", "warning_needs_response")
_EVIDENCE = """
access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal
customer_communication customer_email_address customer_name customer_purchase_ip customer_signature
duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt
refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation shipping_address
shipping_carrier shipping_date shipping_documentation shipping_tracking_number uncategorized_file uncategorized_text
"""
EVIDENCE = tuple(_EVIDENCE.split())
CHANGES = form(
    {
        "evidence": nested(
            {**dict.fromkeys(EVIDENCE, optional_text), "enhanced_evidence": anything}, elsewhere="appeal"
        ),
        "intended_submission_method": one_of("manual", "prefer_manual", "prefer_smart_disputes", "smart_disputes"),
        "metadata": metadata,
        "submit": boolean,
    }
)
LISTING = listing_form({"charge": text, "payment_intent": text})
REASON_CODES = {"fraudulent": "10.4", "product_not_received": "13.1", "general": "0"}


def retrieve(ledger: Ledger, params: dict[str, Any], dispute_id: str) -> StripeObject:
    read(NOTHING, params)
    return ledger.get("dispute", dispute_id)


def listing(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    return page(ledger, "dispute", "/v1/disputes", read(LISTING, params))


def update(ledger: Ledger, params: dict[str, Any], dispute_id: str) -> StripeObject:
    """Add evidence, and send it to the bank unless ``submit`` is false."""
    dispute = ledger.get("dispute", dispute_id)
    asked = read(CHANGES, params)
    before = dict(dispute)
    if "metadata" in asked:
        dispute["metadata"] = merged(dispute["metadata"], asked["metadata"]) if asked["metadata"] else {}
    if "evidence" in asked:
        _add_evidence(dispute, asked["evidence"])
    if "intended_submission_method" in asked:
        dispute["intended_submission_method"] = asked["intended_submission_method"]
    if "evidence" in asked and asked.get("submit", True):
        _submit(ledger, dispute)
    ledger.save(dispute)
    emit(ledger, "charge.dispute.updated", dispute, changed(before, dispute))
    return dispute


def close(ledger: Ledger, params: dict[str, Any], dispute_id: str) -> StripeObject:
    """Give in: the dispute is lost."""
    dispute = ledger.get("dispute", dispute_id)
    read(NOTHING, params)
    if dispute["status"] not in OPEN:
        raise conflict(f"This dispute is already closed: {dispute_id} has a status of {dispute['status']}.")
    _end(ledger, dispute, "warning_closed" if dispute["status"].startswith("warning") else "lost")
    return dispute


def open_dispute(ledger: Ledger, charge_id: str) -> None:
    """What the card behind the charge brings about."""
    charge = ledger.get("charge", charge_id)
    kind: str = ledger.backstage(charge_id)["dispute"]
    reason = {"inquiry": "general", "twice": "fraudulent"}.get(kind, kind)
    _open(ledger, charge, reason, inquiry=kind == "inquiry")
    if kind == "twice":
        _open(ledger, charge, "product_not_received", inquiry=False)


def decide(ledger: Ledger, dispute_id: str) -> None:
    """The bank has read the evidence."""
    dispute = ledger.get("dispute", dispute_id)
    said = dispute["evidence"]["uncategorized_text"]
    inquiry = dispute["status"].startswith("warning")
    if said == "escalate_inquiry_evidence" and inquiry:
        _withdraw(ledger, dispute)
        dispute |= {"status": "needs_response", "is_charge_refundable": False}
        dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
        ledger.save(dispute)
        emit(ledger, "charge.dispute.updated", dispute, {"status": "warning_under_review"})
        emit(ledger, "charge.dispute.funds_withdrawn", dispute)
    elif said == "winning_evidence":
        _end(ledger, dispute, "warning_closed" if inquiry else "won")
    elif said == "losing_evidence":
        _end(ledger, dispute, "warning_closed" if inquiry else "lost")


def _open(ledger: Ledger, charge: StripeObject, reason: str, *, inquiry: bool) -> None:
    dispute = _dispute(ledger, charge, reason, inquiry=inquiry)
    if not inquiry:
        _withdraw(ledger, dispute)
    ledger.add(dispute)
    charge["disputed"] = True
    ledger.save(charge)
    emit(ledger, "charge.dispute.created", dispute)
    if not inquiry:
        emit(ledger, "charge.dispute.funds_withdrawn", dispute)


def _add_evidence(dispute: StripeObject, given: dict[str, Any]) -> None:
    if dispute["status"] not in OPEN:
        raise conflict(f"This dispute is closed: {dispute['id']} has a status of {dispute['status']}.")
    known = {name: value for name, value in given.items() if name != "enhanced_evidence"}
    dispute["evidence"] = {**dispute["evidence"], **known}
    dispute["evidence_details"] = {
        **dispute["evidence_details"],
        "has_evidence": any(dispute["evidence"][name] for name in EVIDENCE),
    }


def _submit(ledger: Ledger, dispute: StripeObject) -> None:
    details = dispute["evidence_details"]
    dispute["evidence_details"] = {
        **details,
        "submission_count": details["submission_count"] + 1,
        "submission_method": "manual",
    }
    dispute["status"] = "warning_under_review" if dispute["status"].startswith("warning") else "under_review"
    ledger.schedule(0, "decide dispute", dispute["id"])


def _end(ledger: Ledger, dispute: StripeObject, status: str) -> None:
    before = dispute["status"]
    dispute["status"] = status
    if status == "won":
        made = balance.book(ledger, "dispute_reversal", dispute["amount"], dispute["currency"], dispute["id"], fee=-FEE)
        dispute["balance_transactions"] = [*dispute["balance_transactions"], dict(made)]
    ledger.save(dispute)
    if status == "won":
        emit(ledger, "charge.dispute.funds_reinstated", dispute)
    emit(ledger, "charge.dispute.closed", dispute, {"status": before})


def _withdraw(ledger: Ledger, dispute: StripeObject) -> None:
    made = balance.book(
        ledger,
        "dispute",
        -dispute["amount"],
        dispute["currency"],
        dispute["id"],
        fee=FEE,
        description=f"Chargeback withdrawal for {dispute['charge']}",
    )
    dispute["balance_transactions"] = [*dispute["balance_transactions"], dict(made)]


def _dispute(ledger: Ledger, charge: StripeObject, reason: str, *, inquiry: bool) -> StripeObject:
    now = ledger.now()
    return {
        "id": ledger.new_id("du"),
        "object": "dispute",
        "amount": charge["amount_captured"] - charge["amount_refunded"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": now + DAYS_TO_RESPOND * 86400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": charge["payment_method_details"]["card"]["network"],
                "network_reason_code": REASON_CODES[reason],
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
