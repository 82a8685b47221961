"""Card details as a buyer types them: checked, and refused as Stripe refuses them.

Source: https://docs.stripe.com/testing#invalid-data
"""

from __future__ import annotations

from typing import Any

from payments_lab.local_stripe.cards import luhn
from payments_lab.local_stripe.errors import StripeRefusal
from payments_lab.local_stripe.ledger import Ledger
from payments_lab.local_stripe.objects.card_shapes import CardOnFile


def typed_card(ledger: Ledger, given: dict[str, Any]) -> CardOnFile:
    """The card behind ``number``, ``exp_month``, ``exp_year`` and perhaps ``cvc``; a 402 for wrong ones."""
    number = "".join(given["number"].replace("-", " ").split())
    if not luhn(number):
        raise card_error("incorrect_number", "Your card number is incorrect.", "number")
    month, year = _whole(given["exp_month"]), _whole(given["exp_year"])
    if not 1 <= month <= 12:
        raise card_error("invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month")
    year += 2000 if 0 <= year < 100 else 0
    today = ledger.clock.now()
    if not (today.year, today.month) <= (year, month) < (today.year + 51, 1):
        raise card_error("invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year")
    cvc = given.get("cvc")
    if cvc is not None and not (cvc.isascii() and cvc.isdigit() and len(cvc) in (3, 4)):
        raise card_error("invalid_cvc", "Your card's security code is invalid.", "cvc")
    return CardOnFile(
        number,
        month,
        year,
        cvc is not None,
        given.get("name"),
        given.get("address_line1"),
        given.get("address_line2"),
        given.get("address_city"),
        given.get("address_state"),
        given.get("address_zip"),
        given.get("address_country"),
    )


def card_error(code: str, message: str, param: str) -> StripeRefusal:
    """402 for a card whose details are wrong."""
    return StripeRefusal(402, "card_error", message, code=code, param=param)


def _whole(value: str | int) -> int:
    return int(value) if str(value).isascii() and str(value).isdigit() and len(str(value)) < 6 else -1
