"""A card, as tokens and sources, payment methods and charges each show it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from payments_lab.local_stripe.cards import BankCard, Check, card_of

EXPIRES = (12, 2034)
BRANDS = {
    "visa": "Visa",
    "mastercard": "MasterCard",
    "amex": "American Express",
    "discover": "Discover",
    "diners": "Diners Club",
    "jcb": "JCB",
    "unionpay": "UnionPay",
}


@dataclass(frozen=True, slots=True)
class CardOnFile:
    """What a buyer typed. ``cvc`` says only that one was given: nobody may keep it."""

    number: str
    exp_month: int = EXPIRES[0]
    exp_year: int = EXPIRES[1]
    cvc: bool = False
    name: str | None = None
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None

    @property
    def card(self) -> BankCard:
        return card_of(self.number)

    def facts(self) -> dict[str, Any]:
        """As JSON values, without what was not given."""
        return {name: value for name, value in asdict(self).items() if value}

    def checks(self) -> tuple[Check | None, Check | None, Check | None]:
        """What the bank said to the address's first line, the postal code and the security code; None: not asked."""
        card = self.card
        return (
            card.line1_check if self.line1 or card.line1_check != "pass" else None,
            card.zip_check if self.postal_code or card.zip_check != "pass" else None,
            card.cvc_check if self.cvc else None,
        )


def _shown_checks(on_file: CardOnFile) -> dict[str, Any]:
    line1, postal_code, cvc = on_file.checks()
    return {"address_line1_check": line1, "address_postal_code_check": postal_code, "cvc_check": cvc}


def legacy_card(card_id: str, on_file: CardOnFile, customer: str | None = None) -> dict[str, Any]:
    """The ``card`` object of tokens, customers' sources and charges."""
    card = on_file.card
    line1_check, zip_check, cvc_check = on_file.checks()
    return {
        "id": card_id,
        "object": "card",
        "address_city": on_file.city,
        "address_country": on_file.country,
        "address_line1": on_file.line1,
        "address_line1_check": line1_check,
        "address_line2": on_file.line2,
        "address_state": on_file.state,
        "address_zip": on_file.postal_code,
        "address_zip_check": zip_check,
        "allow_redisplay": "unspecified",
        "brand": BRANDS[card.brand],
        "country": card.country,
        "customer": customer,
        "cvc_check": cvc_check,
        "dynamic_last4": None,
        "exp_month": on_file.exp_month,
        "exp_year": on_file.exp_year,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "last4": card.last4,
        "metadata": {},
        "name": on_file.name,
        "networks": {"preferred": None},
        "regulated_status": "unregulated",
        "tokenization_method": None,
    }


def method_card(on_file: CardOnFile) -> dict[str, Any]:
    """The ``card`` hash of a payment method."""
    card = on_file.card
    return {
        "brand": card.brand,
        "checks": _shown_checks(on_file),
        "country": card.country,
        "display_brand": DISPLAYED.get(card.brand, card.brand),
        "exp_month": on_file.exp_month,
        "exp_year": on_file.exp_year,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": card.supports_authentication},
        "wallet": None,
    }


DISPLAYED = {"amex": "american_express", "diners": "diners_club", "unionpay": "union_pay"}


def charge_card(
    on_file: CardOnFile, amount: int, *, authorized: bool, capture_before: int | None, authenticated: str | None
) -> dict[str, Any]:
    """The ``card`` hash of a charge's ``payment_method_details``; ``authenticated`` is the flow of 3-D Secure."""
    card = on_file.card
    shown = {
        "amount_authorized": amount if authorized else None,
        "authorization_code": None,
        "brand": card.brand,
        "capture_before": capture_before,
        "checks": _shown_checks(on_file),
        "country": card.country,
        "exp_month": on_file.exp_month,
        "exp_year": on_file.exp_year,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": card.fingerprint,
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
        "three_d_secure": three_d_secure(authenticated) if authenticated else None,
        "transaction_link_id": None,
        "wallet": None,
    }
    if capture_before is None:
        del shown["capture_before"]
    return shown


def three_d_secure(flow: str) -> dict[str, Any]:
    return {
        "authentication_flow": flow,
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }
