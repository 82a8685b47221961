"""Charges: one attempt to take money each. Source: https://docs.stripe.com/api/charges"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from payments_lab.local_stripe.cards import CHARGE_UNAUTHENTICATED, BankCard, Decline
from payments_lab.local_stripe.errors import StripeRefusal, conflict, invalid_request
from payments_lab.local_stripe.events import changed, emit
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.listing import listing_form, page
from payments_lab.local_stripe.money import check_amount, check_currency
from payments_lab.local_stripe.objects import balance, sources, tokens
from payments_lab.local_stripe.objects.bank_accounts import BankAccount
from payments_lab.local_stripe.objects.card_shapes import CardOnFile, charge_card, legacy_card
from payments_lab.local_stripe.objects.shapes import SHIPPING, billing_details, shipping
from payments_lab.local_stripe.parameters import (
    NOTHING,
    anything,
    boolean,
    form,
    integer,
    merged,
    metadata,
    nested,
    one_of,
    positive,
    read,
    text,
)
from payments_lab.local_stripe.search import SEARCH, search

AUTHORIZATION_DAYS = 7
STATEMENT = "PAYMENTS LAB"

NEW = form(
    {
        "amount": integer,
        "currency": text,
        "source": text,
        "customer": text,
        "capture": boolean,
        "description": text,
        "metadata": metadata,
        "radar_options": anything,
        "receipt_email": text,
        "shipping": SHIPPING,
        "statement_descriptor": text,
        "statement_descriptor_suffix": text,
        "transfer_group": text,
    },
    required=("amount", "currency"),
    elsewhere="application_fee application_fee_amount destination on_behalf_of transfer_data",
)
CHANGES = form(
    {
        "customer": text,
        "description": text,
        "fraud_details": nested({"user_report": one_of("fraudulent", "safe", "")}),
        "metadata": metadata,
        "receipt_email": text,
        "shipping": SHIPPING,
        "transfer_group": text,
    }
)
CAPTURE = form(
    {
        "amount": positive,
        "receipt_email": text,
        "statement_descriptor": text,
        "statement_descriptor_suffix": text,
        "transfer_group": text,
    },
    elsewhere="application_fee application_fee_amount transfer_data",
)
LISTING = listing_form({"customer": text, "payment_intent": text, "transfer_group": text})


@dataclass(slots=True)
class Payment:
    """What is to be paid, by what, and for whom. ``method`` is the id of the payment method or card."""

    amount: int
    currency: str
    instrument: CardOnFile | BankAccount
    method: str
    source: dict[str, Any] | None = None
    billing: dict[str, Any] | None = None
    customer: str | None = None
    intent: str | None = None
    capture: bool = True
    decline: Decline | None = None
    authenticated: str | None = None
    description: str | None = None
    metadata: dict[str, str] | None = None
    receipt_email: str | None = None
    shipping: dict[str, Any] | None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None
    transfer_group: str | None = None
    book_later: bool = False


def create(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    """Charge a card; a decline leaves a failed charge behind and is answered with 402."""
    asked = read(NEW, params)
    if asked["amount"] < 1:
        raise invalid_request("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    currency = check_currency(asked["currency"])
    check_amount(asked["amount"], currency)
    payment = _payment(ledger, asked, currency)
    charge = pay(ledger, payment)
    if payment.decline is not None:
        raise refusal(charge, payment.decline)
    return charge


def pay(ledger: Ledger, payment: Payment) -> StripeObject:
    """Make the charge that the payment comes to, in the books and in the events; ``decline`` makes it a failed one."""
    charge_id = ledger.new_id("ch")
    made = _charge(ledger, charge_id, payment)
    if made["captured"] and made["status"] == "succeeded" and not payment.book_later:
        made["balance_transaction"] = _book(ledger, made, payment.instrument)
    ledger.add(made)
    emit(ledger, {"failed": "charge.failed", "pending": "charge.pending"}.get(made["status"], "charge.succeeded"), made)
    _look_ahead(ledger, made, payment)
    return made


def refusal(charge: StripeObject, decline: Decline, **details: Any) -> StripeRefusal:
    """402, as the bank's no is told."""
    return StripeRefusal(
        402,
        "card_error",
        decline.message,
        code=decline.code,
        param=decline.param,
        decline_code=decline.decline_code,
        charge=charge["id"],
        **details,
    )


def retrieve(ledger: Ledger, params: dict[str, Any], charge_id: str) -> StripeObject:
    read(NOTHING, params)
    return ledger.get("charge", charge_id)


def update(ledger: Ledger, params: dict[str, Any], charge_id: str) -> StripeObject:
    charge = ledger.get("charge", charge_id)
    asked = read(CHANGES, params)
    before = dict(charge)
    if "customer" in asked and charge["customer"] not in (None, asked["customer"]):
        raise invalid_request("You cannot change the customer of a charge that has one.", param="customer")
    if "customer" in asked:
        ledger.get("customer", asked["customer"], "customer")
    if "metadata" in asked:
        asked["metadata"] = merged(charge["metadata"], asked["metadata"]) if asked["metadata"] else {}
    if "shipping" in asked:
        asked["shipping"] = shipping(asked["shipping"])
    if "fraud_details" in asked:
        asked["fraud_details"] = {name: value for name, value in asked["fraud_details"].items() if value}
    charge |= asked
    ledger.save(charge)
    emit(ledger, "charge.updated", charge, changed(before, charge))
    return charge


def capture(ledger: Ledger, params: dict[str, Any], charge_id: str) -> StripeObject:
    """Take the money of an authorised charge, all of it or less; what is left is released."""
    charge = ledger.get("charge", charge_id)
    asked = read(CAPTURE, params)
    if charge["payment_intent"] is not None:
        raise invalid_request(
            "This charge was made by a PaymentIntent; capture the PaymentIntent instead: "
            f"/v1/payment_intents/{charge['payment_intent']}/capture."
        )
    capture_held(ledger, charge, asked.pop("amount", charge["amount"]), "amount")
    charge |= asked
    ledger.save(charge)
    emit(ledger, "charge.captured", charge)
    return charge


def capture_held(ledger: Ledger, charge: StripeObject, amount: int, param: str) -> None:
    """Capture ``amount`` of a charge that is authorised and no more; the caller saves it and says so."""
    if ledger.backstage(charge["id"]).get("expired"):
        raise conflict(
            f"Charge {charge['id']} could not be captured because its authorization has expired.",
            code="charge_expired_for_capture",
        )
    if charge["captured"] or charge["refunded"] or charge["status"] != "succeeded":
        raise conflict(f"Charge {charge['id']} has already been captured.", code="charge_already_captured")
    if amount > charge["amount"]:
        raise invalid_request(
            f"The amount to capture ({amount}) is more than what was authorized ({charge['amount']}).",
            code="amount_too_large",
            param=param,
        )
    charge |= {"captured": True, "amount_captured": amount}
    instrument = CardOnFile(**ledger.backstage(charge["id"])["card"])
    charge["balance_transaction"] = _book(ledger, charge, instrument)
    charge["payment_method_details"]["card"].pop("capture_before", None)
    _dispute(ledger, charge, instrument.card)


def listing(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    asked = read(LISTING, params)
    if "customer" in asked:
        ledger.get("customer", asked["customer"], "customer")
    return page(ledger, "charge", "/v1/charges", asked)


def searching(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    return search(ledger, "charge", "/v1/charges/search", read(SEARCH, params))


def expire(ledger: Ledger, charge_id: str) -> StripeObject:
    """What happens to an authorised charge that nobody captured in time: the money is the buyer's again."""
    charge = ledger.get("charge", charge_id)
    ledger.note(charge_id, expired=True)
    emit(ledger, "charge.expired", charge)
    return charge


def book_now(ledger: Ledger, charge_id: str) -> None:
    """Enter a charge into the books that was captured asynchronously; harmless when that is done."""
    charge = ledger.get("charge", charge_id)
    if charge["balance_transaction"] is not None or not charge["captured"]:
        return
    charge["balance_transaction"] = _book(ledger, charge, _instrument(ledger, charge_id))
    ledger.save(charge)
    emit(ledger, "charge.updated", charge, {"balance_transaction": None})


def _payment(ledger: Ledger, asked: dict[str, Any], currency: str) -> Payment:
    on_file, method, source = _card(ledger, asked)
    payment = Payment(
        asked["amount"],
        currency,
        on_file,
        method,
        source,
        customer=asked.get("customer"),
        capture=asked.get("capture", True),
        decline=_decline(on_file.card),
        description=asked.get("description"),
        metadata=asked.get("metadata"),
        receipt_email=asked.get("receipt_email"),
        shipping=shipping(asked.get("shipping")),
        statement_descriptor=asked.get("statement_descriptor"),
        statement_descriptor_suffix=asked.get("statement_descriptor_suffix"),
        transfer_group=asked.get("transfer_group"),
    )
    if "customer" not in asked:
        tokens.use_up(ledger, asked["source"])
    return payment


def _card(ledger: Ledger, asked: dict[str, Any]) -> tuple[CardOnFile, str, dict[str, Any]]:
    """The card to charge, its id, and how the charge shows it."""
    if "customer" in asked:
        return sources.to_charge(ledger, asked["customer"], asked.get("source"))
    if "source" not in asked:
        raise invalid_request("Must provide source or customer.", code="parameter_missing")
    on_file = tokens.peek(ledger, asked["source"], "source")
    token = ledger.table("token").find(asked["source"])
    card_id = token["card"]["id"] if token else ledger.new_id("card")
    return on_file, card_id, legacy_card(card_id, on_file)


def _decline(card: BankCard) -> Decline | None:
    """Charges know no 3-D Secure, so a card that insists on it can't pay."""
    if card.authentication in ("always", "unless set up", "on session"):
        return CHARGE_UNAUTHENTICATED
    return card.refusal


def _instrument(ledger: Ledger, charge_id: str) -> CardOnFile | BankAccount:
    known = ledger.backstage(charge_id)
    return BankAccount(**known["bank"]) if "bank" in known else CardOnFile(**known["card"])


def _book(ledger: Ledger, charge: StripeObject, instrument: CardOnFile | BankAccount) -> str:
    amount = charge["amount_captured"]
    if isinstance(instrument, BankAccount):
        fee = balance.debit_fee(amount)
    else:
        fee = balance.charge_fee(amount, foreign=instrument.card.country != "US")
    made = balance.book(
        ledger,
        "charge",
        amount,
        charge["currency"],
        charge["id"],
        fee=fee,
        description=charge["description"],
        at_once=isinstance(instrument, CardOnFile) and instrument.card.available,
    )
    return made["id"]


def _look_ahead(ledger: Ledger, charge: StripeObject, payment: Payment) -> None:
    """Remember what the charge will need later, and nothing for a plain one."""
    if charge["status"] == "failed":
        return
    if isinstance(payment.instrument, BankAccount):
        ledger.note(charge["id"], bank=payment.instrument.facts())
        return
    card = payment.instrument.card
    if not payment.capture or payment.book_later or card.refund:
        ledger.note(charge["id"], card=payment.instrument.facts())
    if payment.book_later:
        ledger.schedule(ASYNCHRONOUS_CAPTURE_SECONDS, "book", charge["id"])
    if payment.capture:
        _dispute(ledger, charge, card)
    else:
        ledger.schedule(AUTHORIZATION_DAYS * 86400, "expire", charge["id"])


ASYNCHRONOUS_CAPTURE_SECONDS = 2


def _dispute(ledger: Ledger, charge: StripeObject, card: BankCard) -> None:
    if card.dispute:
        ledger.note(charge["id"], dispute=card.dispute)
        ledger.schedule(0, "dispute", charge["id"])


def _charge(ledger: Ledger, charge_id: str, payment: Payment) -> StripeObject:
    decline = payment.decline
    bank = isinstance(payment.instrument, BankAccount)
    paid = decline is None and not bank
    captured = decline is None and payment.capture
    return {
        "id": charge_id,
        "object": "charge",
        "amount": payment.amount,
        "amount_captured": payment.amount if captured else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": billing_details(payment.billing),
        "calculated_statement_descriptor": None if bank else _on_the_statement(payment),
        "captured": captured,
        "created": ledger.now(),
        "currency": payment.currency,
        "customer": payment.customer,
        "description": payment.description,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": merged({}, payment.metadata or {}),
        "on_behalf_of": None,
        "outcome": _outcome(payment),
        "paid": paid,
        "payment_intent": payment.intent,
        "payment_method": payment.method,
        "payment_method_details": _details(ledger, payment),
        "radar_options": {},
        "receipt_email": payment.receipt_email,
        "receipt_number": None,
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{charge_id}" if paid else None,
        "refunded": False,
        "review": None,
        "shipping": payment.shipping,
        "source": payment.source,
        "source_transfer": None,
        "statement_descriptor": payment.statement_descriptor,
        "statement_descriptor_suffix": payment.statement_descriptor_suffix,
        "status": "failed" if decline else "pending" if bank else "succeeded",
        "transfer_data": None,
        "transfer_group": payment.transfer_group,
    }


def _on_the_statement(payment: Payment) -> str:
    if payment.statement_descriptor is not None:
        return payment.statement_descriptor
    suffix = payment.statement_descriptor_suffix
    return f"{STATEMENT}* {suffix}" if suffix else STATEMENT


def _details(ledger: Ledger, payment: Payment) -> dict[str, Any]:
    if isinstance(payment.instrument, BankAccount):
        return {"type": "us_bank_account", "us_bank_account": payment.instrument.charge_details()}
    held = payment.decline is None and not payment.capture
    card = charge_card(
        payment.instrument,
        payment.amount,
        authorized=payment.decline is None,
        capture_before=ledger.now() + AUTHORIZATION_DAYS * 86400 if held else None,
        authenticated=payment.authenticated,
    )
    return {"card": card, "type": "card"}


_PLAIN = {"advice_code": None, "network_advice_code": None, "network_decline_code": None}
RISK_SCORES = {"normal": 20, "elevated": 68, "highest": 92}


def _outcome(payment: Payment) -> dict[str, Any]:
    decline = payment.decline
    if isinstance(payment.instrument, BankAccount):
        return _PLAIN | {
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "not_assessed",
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    risk = payment.instrument.card.risk
    assessed = {"risk_level": risk, "risk_score": RISK_SCORES[risk]}
    if decline is not None:
        return _PLAIN | {
            "network_status": "not_sent_to_network" if decline.blocked else "declined_by_network",
            "reason": "highest_risk_level" if decline.blocked else decline.decline_code or decline.code,
            **assessed,
            "seller_message": _why(decline),
            "type": "blocked" if decline.blocked else "issuer_declined",
        }
    elevated = risk == "elevated"
    return _PLAIN | {
        "network_status": "approved_by_network",
        "reason": "elevated_risk_level" if elevated else None,
        **assessed,
        "seller_message": "Stripe evaluated this payment as having elevated risk, and placed it in your manual review "
        "queue."
        if elevated
        else "Payment complete.",
        "type": "manual_review" if elevated else "authorized",
    }


def _why(decline: Decline) -> str:
    if decline.blocked:
        return "Stripe blocked this payment as too risky."
    code = decline.decline_code or decline.code
    if code == "generic_decline":
        return "The bank did not return any further details with this decline."
    return f"The bank returned the decline code `{code}`."
