"""Charges. Source: https://docs.stripe.com/api/charges"""

from __future__ import annotations

from typing import Any

from payments_lab.local_stripe.balance import book
from payments_lab.local_stripe.cards import TOKENS, Decline, TestCard
from payments_lab.local_stripe.errors import StripeRefusal, invalid_request, no_such
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.listing import page
from payments_lab.local_stripe.money import check_amount
from payments_lab.local_stripe.parameters import (
    Schema,
    boolean,
    metadata,
    positive,
    read,
    text,
    texts,
)

NEW: Schema = {
    "amount": positive,
    "currency": text,
    "source": text,
    "capture": boolean,
    "description": text,
    "expand": texts,
    "metadata": metadata,
    "receipt_email": text,
    "statement_descriptor": text,
    "statement_descriptor_suffix": text,
    "transfer_group": text,
}
CHANGES: Schema = {
    "description": text,
    "expand": texts,
    "metadata": metadata,
    "receipt_email": text,
    "transfer_group": text,
}


def create(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    """Charge a card; a decline leaves a failed charge behind and is answered with 402."""
    asked = read(NEW, params, required=("amount", "currency"))
    currency = asked["currency"].lower()
    check_amount(asked["amount"], currency)
    if "source" not in asked:
        raise invalid_request("Must provide source or customer.", code="parameter_missing")
    card = _card(asked["source"])
    charge = ledger.add(_charge(ledger, asked, currency, card))
    if card.decline is not None:
        raise _refuse(charge, card.decline)
    if charge["captured"]:
        _book(ledger, charge)
    return charge


def retrieve(ledger: Ledger, params: dict[str, Any], charge_id: str) -> StripeObject:
    read({"expand": texts}, params)
    return ledger.get("charge", charge_id)


def update(ledger: Ledger, params: dict[str, Any], charge_id: str) -> StripeObject:
    asked = read(CHANGES, params)
    charge = ledger.get("charge", charge_id)
    asked.pop("expand", None)
    pairs = {**charge["metadata"], **asked.pop("metadata", {})}
    charge |= {**asked, "metadata": {name: value for name, value in pairs.items() if value}}
    return charge


def capture(ledger: Ledger, params: dict[str, Any], charge_id: str) -> StripeObject:
    """Take the money of an authorised charge, all of it or less; what is left is released."""
    asked = read({"amount": positive, "expand": texts, "receipt_email": text}, params)
    charge = ledger.get("charge", charge_id)
    if charge["status"] != "succeeded" or charge["captured"] or charge["refunded"]:
        raise invalid_request(f"Charge {charge_id} has already been captured.", code="charge_already_captured")
    amount = asked.get("amount", charge["amount"])
    if amount > charge["amount"]:
        raise invalid_request("You cannot capture a charge for an amount greater than it already has.", param="amount")
    charge |= {"captured": True, "amount_captured": amount, "amount_refunded": charge["amount"] - amount}
    _book(ledger, charge)
    return charge


def listing(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    return page(
        ledger, "charge", "/v1/charges", params, {"customer": text, "payment_intent": text, "transfer_group": text}
    )


def _card(source: str) -> TestCard:
    card = TOKENS.get(source)
    if card is None:
        raise no_such("token", source, "source")
    return card


def _book(ledger: Ledger, charge: StripeObject) -> None:
    made = book(ledger, "charge", charge["amount_captured"], charge["currency"], charge["id"], charge["description"])
    charge["balance_transaction"] = made["id"]


def _refuse(charge: StripeObject, decline: Decline) -> StripeRefusal:
    return StripeRefusal(
        402,
        "card_error",
        decline.message,
        code=decline.code,
        decline_code=decline.decline_code,
        param={"incorrect_cvc": "cvc", "expired_card": "exp_month"}.get(decline.code),
        charge=charge["id"],
    )


def _charge(ledger: Ledger, asked: dict[str, Any], currency: str, card: TestCard) -> StripeObject:
    charge_id = ledger.new_id("ch")
    decline = card.decline
    captured = decline is None and asked.get("capture", True)
    source = _source(ledger.new_id("card"), card)
    return {
        "id": charge_id,
        "object": "charge",
        "amount": asked["amount"],
        "amount_captured": asked["amount"] if captured else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": {"address": _ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None},
        "calculated_statement_descriptor": asked.get("statement_descriptor", "PAYMENTS LAB"),
        "captured": captured,
        "created": ledger.now(),
        "currency": currency,
        "customer": None,
        "description": asked.get("description"),
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": asked.get("metadata", {}),
        "on_behalf_of": None,
        "outcome": _outcome(decline),
        "paid": decline is None,
        "payment_intent": None,
        "payment_method": source["id"],
        "payment_method_details": {"card": _details(asked["amount"], card), "type": "card"},
        "receipt_email": asked.get("receipt_email"),
        "receipt_number": None,
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{charge_id}" if decline is None else None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": source,
        "source_transfer": None,
        "statement_descriptor": asked.get("statement_descriptor"),
        "statement_descriptor_suffix": asked.get("statement_descriptor_suffix"),
        "status": "failed" if decline else "succeeded",
        "transfer_data": None,
        "transfer_group": asked.get("transfer_group"),
    }


_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def _outcome(decline: Decline | None) -> dict[str, Any]:
    outcome = dict.fromkeys(("advice_code", "network_advice_code", "network_decline_code", "reason"))
    if decline is None:
        return outcome | {
            "network_status": "approved_by_network",
            "risk_level": "normal",
            "risk_score": 20,
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    return outcome | {
        "network_status": "not_sent_to_network" if decline.blocked else "declined_by_network",
        "reason": decline.decline_code or decline.code,
        "risk_level": "highest" if decline.blocked else "normal",
        "risk_score": 90 if decline.blocked else 20,
        "seller_message": "Stripe blocked this payment." if decline.blocked else "The bank declined the payment.",
        "type": "blocked" if decline.blocked else "issuer_declined",
    }


def _source(card_id: str, card: TestCard) -> dict[str, Any]:
    address = dict.fromkeys(f"address_{part}" for part in ("city", "country", "line1", "line1_check", "line2", "state"))
    return {
        "id": card_id,
        "object": "card",
        **address,
        "address_zip": None,
        "address_zip_check": None,
        "brand": _BRANDS[card.brand],
        "country": card.country,
        "customer": None,
        "cvc_check": None,
        "dynamic_last4": None,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": f"lab{card.number[-8:]}",
        "funding": card.funding,
        "last4": card.last4,
        "metadata": {},
        "name": None,
        "regulated_status": "unregulated",
        "tokenization_method": None,
        "wallet": None,
    }


_BRANDS = {
    "visa": "Visa",
    "mastercard": "MasterCard",
    "amex": "American Express",
    "discover": "Discover",
    "diners": "Diners Club",
    "jcb": "JCB",
    "unionpay": "UnionPay",
}


def _details(amount: int, card: TestCard) -> dict[str, Any]:
    return {
        "amount_authorized": None if card.decline else amount,
        "authorization_code": None,
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None},
        "country": card.country,
        "exp_month": 12,
        "exp_year": 2034,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": f"lab{card.number[-8:]}",
        "funding": card.funding,
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card.last4,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "wallet": None,
    }
