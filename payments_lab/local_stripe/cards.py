"""Stripe's test cards and what becomes of a payment on each.

Numbers, tokens (``tok_…``), payment methods (``pm_card_…``) and outcomes are those of https://docs.stripe.com/testing
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

MESSAGES = {
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "card_velocity_exceeded": "Your card was declined for making repeated attempts too frequently "
    "or exceeding its amount limit.",
    "expired_card": "Your card has expired.",
    "fraudulent": "Your card was declined.",
    "generic_decline": "Your card was declined.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "stolen_card": "Your card was declined.",
    "test_mode_live_card": "Your card was declined. Your request was in test mode, but used a non test (live) card. "
    "For a list of valid test cards, visit: https://docs.stripe.com/testing.",
}
PARAMS = {"expired_card": "exp_month", "incorrect_cvc": "cvc"}

Authentication = Literal["", "always", "unless set up", "on session", "optional", "frictionless"]
Risk = Literal["normal", "elevated", "highest"]
Dispute = Literal["", "fraudulent", "product_not_received", "inquiry", "twice"]
Refund = Literal["", "pending", "fails"]
Check = Literal["pass", "fail", "unavailable"]


@dataclass(frozen=True, slots=True)
class Decline:
    """Why the bank says no: Stripe's ``code``, and the ``decline_code`` where the bank gives one.

    ``blocked`` is Stripe's own no, before any bank was asked.
    """

    code: str
    decline_code: str | None = None
    blocked: bool = False

    @property
    def message(self) -> str:
        return MESSAGES[self.decline_code or self.code]

    @property
    def param(self) -> str | None:
        return PARAMS.get(self.code)


@dataclass(frozen=True, slots=True)
class BankCard:
    """A card of Stripe's test mode, and how it behaves.

    ``decline`` is what every payment meets, ``later`` what it meets although the card can be attached to a customer,
    ``authentication`` when 3-D Secure is asked for, ``authenticated`` what comes after it; ``risk``, ``dispute``,
    ``refund`` and the three checks are what happens beside a payment that succeeds, ``available`` that its money is.
    """

    number: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    decline: Decline | None = None
    later: Decline | None = None
    authentication: Authentication = ""
    authenticated: Decline | None = None
    supports_authentication: bool = True
    risk: Risk = "normal"
    dispute: Dispute = ""
    refund: Refund = ""
    cvc_check: Check = "pass"
    line1_check: Check = "pass"
    zip_check: Check = "pass"
    available: bool = False

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        """The same for the same number, as Stripe's is."""
        return f"lab{int(self.number) * 7919 % 10**13:013d}"

    @property
    def refusal(self) -> Decline | None:
        """What a payment that needs no authentication meets."""
        return self.decline or self.later


GENERIC = Decline("card_declined", "generic_decline")
INSUFFICIENT = Decline("card_declined", "insufficient_funds")
LOST = Decline("card_declined", "lost_card")
STOLEN = Decline("card_declined", "stolen_card")
VELOCITY = Decline("card_declined", "card_velocity_exceeded")
EXPIRED = Decline("expired_card")
WRONG_CVC = Decline("incorrect_cvc")
PROCESSING = Decline("processing_error")
BLOCKED = Decline("card_declined", "fraudulent", blocked=True)
UNAUTHENTICATED = Decline("authentication_required", "authentication_required")
CHARGE_UNAUTHENTICATED = Decline("card_declined", "authentication_required")
NOT_A_TEST_CARD = Decline("card_declined", "test_mode_live_card")

_VISA = BankCard("4242424242424242")


def _visa(number: str, **behaviour: object) -> BankCard:
    return replace(_VISA, number=number, **behaviour)


_BRANDS = {
    "visa": _VISA,
    "visa_debit": _visa("4000056655665556", funding="debit"),
    "mastercard": BankCard("5555555555554444", "mastercard"),
    "mastercard_debit": BankCard("5200828282828210", "mastercard", "debit"),
    "mastercard_prepaid": BankCard("5105105105105100", "mastercard", "prepaid"),
    "amex": BankCard("378282246310005", "amex", supports_authentication=False),
    "amex_threeDSecureNotSupported": BankCard("378282246310005", "amex", supports_authentication=False),
    "discover": BankCard("6011111111111117", "discover"),
    "diners": BankCard("3056930009020004", "diners"),
    "jcb": BankCard("3566002020360505", "jcb", country="JP"),
    "unionpay": BankCard("6200000000000005", "unionpay", country="CN"),
    "visa_cartesBancaires": _visa("4000002500001001", country="FR"),
    "mastercard_cartesBancaires": BankCard("5555552500001001", "mastercard", country="FR"),
    "visa_debit_eftposAuCoBranded": _visa("4000050360000001", funding="debit", country="AU"),
    "mastercard_debit_eftposAuCoBranded": BankCard("5555050360000080", "mastercard", "debit", "AU"),
}

_COUNTRIES = """
us 4242424242424242  ar 4000000320000021  br 4000000760000002  ca 4000001240000000  cl 4000001520000001
co 4000001700000003  cr 4000001880000005  ec 4000002180000000  mx 4000004840008001  pa 4000005910000000
py 4000006000000066  pe 4000006040000068  uy 4000008580000003  ae 4000007840000001  at 4000000400000008
be 4000000560000004  bg 4000001000000000  by 4000001120000005  hr 4000001910000009  cy 4000001960000008
cz 4000002030000002  dk 4000002080000001  ee 4000002330000009  fi 4000002460000001  fr 4000002500000003
de 4000002760000016  gi 4000002920000005  gr 4000003000000030  hu 4000003480000005  ie 4000003720000005
it 4000003800000008  lv 4000004280000005  li 4000004380000004  lt 4000004400000000  lu 4000004420000006
mt 4000004700000007  nl 4000005280000002  no 4000005780000007  pl 4000006160000005  pt 4000006200000007
ro 4000006420000001  sa 4000006820000007  si 4000007050000006  sk 4000007030000001  es 4000007240000007
se 4000007520000008  ch 4000007560000009  gb 4000008260000000  au 4000000360000006  cn 4000001560000002
hk 4000003440000004  in 4000003560000008  jp 4000003920000003  my 4000004580000002  nz 4000005540000008
sg 4000007020000003  tw 4000001580000008
"""
_MORE_COUNTRIES = {
    "ae_mastercard": BankCard("5200007840000022", "mastercard", country="AE"),
    "gb_debit": _visa("4000058260000005", funding="debit", country="GB"),
    "gb_mastercard": BankCard("5555558265554449", "mastercard", country="GB"),
    "th_credit": _visa("4000007640000003", country="TH"),
    "th_debit": _visa("4000057640000008", funding="debit", country="TH"),
}

_DECLINES = {
    "chargeDeclined": _visa("4000000000000002", decline=GENERIC),
    "chargeDeclinedInsufficientFunds": _visa("4000000000009995", decline=INSUFFICIENT),
    "chargeDeclinedLostCard": _visa("4000000000009987", decline=LOST),
    "chargeDeclinedStolenCard": _visa("4000000000009979", decline=STOLEN),
    "chargeDeclinedExpiredCard": _visa("4000000000000069", decline=EXPIRED),
    "chargeDeclinedIncorrectCvc": _visa("4000000000000127", decline=WRONG_CVC),
    "chargeDeclinedProcessingError": _visa("4000000000000119", decline=PROCESSING),
    "chargeDeclinedVelocityLimitExceeded": _visa("4000000000006975", decline=VELOCITY),
    "chargeDeclinedFraudulent": _visa("4100000000000019", decline=BLOCKED, risk="highest"),
    "chargeCustomerFail": _visa("4000000000000341", later=GENERIC),
    "chargeCustomerFailLostCard": _visa("4000000000000358", later=LOST),
    "chargeCustomerFailStolenCard": _visa("4000000000000366", later=STOLEN),
}

_RISKS = {
    "radarBlock": _visa("4100000000000019", decline=BLOCKED, risk="highest"),
    "riskLevelHighest": _visa("4000000000004954", decline=BLOCKED, risk="highest"),
    "riskLevelElevated": _visa("4000000000009235", risk="elevated"),
    "highFraudDisputeScore": _visa("4000008400000407"),
    "highEfwScore": _visa("4000008400000159"),
    "radarDynamicRiskThreshold": _visa("4000008400001017"),
    "adaptive3dsChallenge": _visa("4000008405600003"),
    "cvcCheckFail": _visa("4000000000000101", cvc_check="fail"),
    "cvcCheckFailElevatedRisk": _visa("4000058400307872", cvc_check="fail", risk="elevated"),
    "avsZipFail": _visa("4000000000000036", zip_check="fail"),
    "avsZipFailElevatedRisk": _visa("4000058400306072", zip_check="fail", risk="elevated"),
    "avsLine1Fail": _visa("4000000000000028", line1_check="fail"),
    "avsFail": _visa("4000000000000010", line1_check="fail", zip_check="fail"),
    "avsUnchecked": _visa("4000000000000044", line1_check="unavailable", zip_check="unavailable"),
}

_AFTERMATHS = {
    "createDispute": _visa("4000000000000259", dispute="fraudulent"),
    "createDisputeProductNotReceived": _visa("4000000000002685", dispute="product_not_received"),
    "createDisputeInquiry": _visa("4000000000001976", dispute="inquiry"),
    "createMultipleDisputes": _visa("4000000404000079", dispute="twice"),
    "createIssuerFraudRecord": _visa("4000000000005423"),
    "pendingRefund": _visa("4000000000007726", refund="pending"),
    "refundFail": _visa("4000000000005126", refund="fails"),
    "bypassPending": _visa("4000000000000077", available=True),
    "bypassPendingInternational": _visa("4000003720000278", country="IE", available=True),
    "domesticPricing": _visa("4000000000000093"),
}

_AUTHENTICATION = {
    "authenticationRequired": _visa("4000002760003184", country="DE", authentication="always"),
    "authenticationRequiredOnSetup": _visa("4000002500003155", country="FR", authentication="unless set up"),
    "authenticationRequiredSetupForOffSession": _visa("4000003800000446", country="IT", authentication="on session"),
    "authenticationRequiredChargeDeclinedInsufficientFunds": _visa(
        "4000008260003178", country="GB", authentication="on session", authenticated=INSUFFICIENT, later=INSUFFICIENT
    ),
    "threeDSecure2Required": _visa("4000000000003220", country="IE", authentication="always"),
    "threeDSecureRequired": _visa("4000000000003063", authentication="always"),
    "threeDSecureRequiredUs": _visa("4000008400000027", authentication="always"),
    "threeDSecureRequiredChargeDeclined": _visa(
        "4000008400001629", authentication="always", authenticated=GENERIC, later=GENERIC
    ),
    "threeDSecureRequiredProcessingError": _visa("4000008400001280", later=GENERIC),
    "threeDSecureOptional": _visa("4000000000003055", authentication="optional"),
    "threeDSecureOptionalProcessingError": _visa("4000000000003097", supports_authentication=False),
    "threeDSecureFrictionless": _visa("4000000032200000", authentication="frictionless"),
}


def _by_country(table: str) -> dict[str, BankCard]:
    words = table.split()
    pairs = zip(words[::2], words[1::2], strict=True)
    return {code: _visa(number, country=code.upper()) for code, number in pairs}


_NAMED = {
    **_BRANDS,
    **_by_country(_COUNTRIES),
    **_MORE_COUNTRIES,
    **_DECLINES,
    **{f"visa_{name}": card for name, card in _DECLINES.items()},
    "visa_debit_chargeDeclinedInsufficientFunds": _visa("4000056655665572", funding="debit", decline=INSUFFICIENT),
    **_RISKS,
    **_AFTERMATHS,
    **_AUTHENTICATION,
}
_ONLY_NUMBERS = (
    BankCard("2223003122003222", "mastercard"),
    BankCard("371449635398431", "amex", supports_authentication=False),
    BankCard("6011000990139424", "discover"),
    BankCard("6011981111111113", "discover", "debit"),
    BankCard("36227206271667", "diners"),
    BankCard("6555900000604105", "discover"),
    BankCard("6200000000000047", "unionpay", "debit", "CN"),
    BankCard("6205500000000000004", "unionpay", country="CN"),
    BankCard("3530111333300000", "jcb", country="JP"),
)

TOKENS: dict[str, BankCard] = {f"tok_{name}": card for name, card in _NAMED.items()}
PAYMENT_METHODS: dict[str, BankCard] = {f"pm_card_{name}": card for name, card in _NAMED.items()}
NUMBERS: dict[str, BankCard] = {card.number: card for card in (*_NAMED.values(), *_ONLY_NUMBERS)} | {
    _VISA.number: _VISA
}


def card_of(number: str) -> BankCard:
    """The test card with this number; any other number is a real card's, which test mode declines."""
    return NUMBERS.get(number) or BankCard(number, decline=NOT_A_TEST_CARD)


def luhn(number: str) -> bool:
    """Whether the last digit of a card number fits the others. Source: ISO/IEC 7812-1."""
    if not (12 <= len(number) <= 19 and number.isascii() and number.isdigit()):
        return False
    digits = [int(digit) for digit in reversed(number)]
    return sum(digits[::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0
