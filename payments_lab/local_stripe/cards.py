"""Stripe's test cards and what becomes of a charge on each. Source: https://docs.stripe.com/testing"""

from __future__ import annotations

from dataclasses import dataclass

MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "stolen_card": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "card_velocity_exceeded": "Your card was declined for making repeated attempts too frequently "
    "or exceeding its amount limit.",
    "fraudulent": "Your card was declined.",
}


@dataclass(frozen=True, slots=True)
class Decline:
    """Why the bank says no: Stripe's ``code``, and the ``decline_code`` where the bank gives one."""

    code: str
    decline_code: str | None = None
    blocked: bool = False

    @property
    def message(self) -> str:
        return MESSAGES[self.decline_code or self.code]


@dataclass(frozen=True, slots=True)
class TestCard:
    """A card of Stripe's test mode; ``decline`` is what a charge on it meets, None for success."""

    number: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    decline: Decline | None = None

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _declined(number: str, code: str, decline_code: str | None = None, *, blocked: bool = False) -> TestCard:
    return TestCard(number, decline=Decline(code, decline_code, blocked))


_CARDS = {
    "visa": TestCard("4242424242424242"),
    "visa_debit": TestCard("4000056655665556", funding="debit"),
    "mastercard": TestCard("5555555555554444", brand="mastercard"),
    "mastercard_debit": TestCard("5200828282828210", brand="mastercard", funding="debit"),
    "mastercard_prepaid": TestCard("5105105105105100", brand="mastercard", funding="prepaid"),
    "amex": TestCard("378282246310005", brand="amex"),
    "discover": TestCard("6011111111111117", brand="discover"),
    "diners": TestCard("3056930009020004", brand="diners"),
    "jcb": TestCard("3566002020360505", brand="jcb"),
    "unionpay": TestCard("6200000000000005", brand="unionpay"),
    "us": TestCard("4242424242424242"),
    "br": TestCard("4000000760000002", country="BR"),
    "ca": TestCard("4000001240000000", country="CA"),
    "mx": TestCard("4000004840008001", country="MX"),
    "de": TestCard("4000002760000016", country="DE"),
    "fr": TestCard("4000002500000003", country="FR"),
    "gb": TestCard("4000008260000000", country="GB"),
    "in": TestCard("4000003560000008", country="IN"),
    "chargeDeclined": _declined("4000000000000002", "card_declined", "generic_decline"),
    "chargeDeclinedInsufficientFunds": _declined("4000000000009995", "card_declined", "insufficient_funds"),
    "chargeDeclinedLostCard": _declined("4000000000009987", "card_declined", "lost_card"),
    "chargeDeclinedStolenCard": _declined("4000000000009979", "card_declined", "stolen_card"),
    "chargeDeclinedExpiredCard": _declined("4000000000000069", "expired_card"),
    "chargeDeclinedIncorrectCvc": _declined("4000000000000127", "incorrect_cvc"),
    "chargeDeclinedProcessingError": _declined("4000000000000119", "processing_error"),
    "chargeDeclinedFraudulent": _declined("4100000000000019", "card_declined", "fraudulent", blocked=True),
    "chargeDeclinedVelocityLimitExceeded": _declined("4000000000006975", "card_declined", "card_velocity_exceeded"),
}

TOKENS: dict[str, TestCard] = {f"tok_{name}": card for name, card in _CARDS.items()}
