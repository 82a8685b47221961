"""Payment methods: cards, and bank accounts of the United States.

Source: https://docs.stripe.com/api/payment_methods
"""

from __future__ import annotations

from typing import Any

from payments_lab.local_stripe.cards import PAYMENT_METHODS
from payments_lab.local_stripe.errors import conflict, invalid_request, no_such
from payments_lab.local_stripe.events import changed, emit
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.listing import listing_form, page
from payments_lab.local_stripe.objects import tokens
from payments_lab.local_stripe.objects.bank_accounts import BANK_ACCOUNTS, BankAccount
from payments_lab.local_stripe.objects.card_input import typed_card
from payments_lab.local_stripe.objects.card_shapes import CardOnFile, method_card
from payments_lab.local_stripe.objects.shapes import BILLING_DETAILS, billing_details
from payments_lab.local_stripe.objects.sources import refuse_declined
from payments_lab.local_stripe.parameters import (
    NOTHING,
    anything,
    form,
    integer,
    merged,
    metadata,
    nested,
    one_of,
    read,
    text,
)

TYPES = ("card", "us_bank_account")
OTHER_TYPES = """
acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit bancontact billie bizum blik boleto
cashapp crypto custom customer_balance eps fpx giropay grabpay ideal interac_present kakao_pay klarna konbini kr_card
link mb_way mobilepay multibanco naver_pay nz_bank_account oxxo p24 pay_by_bank payco paynow paypal paypay payto pix
promptpay revolut_pay samsung_pay satispay scalapay sepa_debit sequra sofort sunbit swish twint upi wechat_pay zip
"""
CARD = nested(
    {"number": text, "exp_month": text, "exp_year": text, "cvc": text, "token": text, "networks": anything},
)
DETAILS = {
    "type": text,
    "allow_redisplay": one_of("always", "limited", "unspecified"),
    "billing_details": BILLING_DETAILS,
    "card": CARD,
    "metadata": metadata,
    "radar_options": anything,
}
BANK = nested(
    {
        "account_number": text,
        "routing_number": text,
        "account_holder_type": one_of("company", "individual"),
        "account_type": one_of("checking", "savings"),
    },
    elsewhere="financial_connections_account",
)
NEW = form({**DETAILS, "us_bank_account": BANK}, required=("type",), elsewhere=f"{OTHER_TYPES} customer payment_method")
CHANGES = form(
    {
        "allow_redisplay": one_of("always", "limited", "unspecified"),
        "billing_details": BILLING_DETAILS,
        "card": nested({"exp_month": integer, "exp_year": integer, "networks": anything}),
        "metadata": metadata,
    },
    elsewhere="us_bank_account",
)
ATTACH = form({"customer": text}, elsewhere="customer_account")
LISTING = listing_form(
    {"customer": text, "type": text, "allow_redisplay": text}, elsewhere="customer_account", dated=False
)

USED_UP = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a "
    "connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use "
    "a PaymentMethod multiple times, you must attach it to a Customer first."
)
NOT_ATTACHABLE = (
    "This PaymentMethod was previously used without being attached to a Customer or was detached from a Customer, and "
    "may not be used again."
)
ACCOUNT_NUMBERS = {
    "000123456789": BANK_ACCOUNTS["pm_usBankAccount_success"],
    "000111111113": BANK_ACCOUNTS["pm_usBankAccount_accountClosed"],
    "000111111116": BANK_ACCOUNTS["pm_usBankAccount_noAccount"],
    "000222222227": BANK_ACCOUNTS["pm_usBankAccount_insufficientFunds"],
    "000333333335": BANK_ACCOUNTS["pm_usBankAccount_debitNotAuthorized"],
    "000000000009": BANK_ACCOUNTS["pm_usBankAccount_processing"],
}


def create(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    return from_details(ledger, read(NEW, params))


def from_details(ledger: Ledger, asked: dict[str, Any]) -> StripeObject:
    """A payment method from what a buyer typed, or from a token."""
    kind = asked["type"]
    if kind == "us_bank_account":
        return _make(ledger, _typed_account(asked.get(kind)), asked)
    if kind != "card":
        known = kind in OTHER_TYPES.split()
        hint = "; the local Stripe has only card and us_bank_account" if known else ""
        raise invalid_request(f"Invalid payment method type: {kind[:50]}{hint}", param="type")
    given = asked.get("card")
    if given is None:
        raise invalid_request("Missing required param: card.", code="parameter_missing", param="card")
    if "token" in given:
        on_file = tokens.peek(ledger, given["token"], "card[token]")
        tokens.use_up(ledger, given["token"])
        return _make(ledger, on_file, asked)
    for name in ("number", "exp_month", "exp_year"):
        if name not in given:
            raise invalid_request(
                f"Missing required param: card[{name}].", code="parameter_missing", param=f"card[{name}]"
            )
    return _make(ledger, typed_card(ledger, given), asked)


def retrieve(ledger: Ledger, params: dict[str, Any], method_id: str) -> StripeObject:
    """The payment method; a name of the test page gives a fresh one."""
    read(NOTHING, params)
    return find(ledger, method_id, "id")


def update(ledger: Ledger, params: dict[str, Any], method_id: str) -> StripeObject:
    method = ledger.get("payment_method", method_id)
    asked = read(CHANGES, params)
    if method["customer"] is None:
        raise invalid_request(
            "You must save this PaymentMethod to a customer before you can update it.", param="payment_method"
        )
    if "card" in asked and method["type"] != "card":
        raise invalid_request(f"This PaymentMethod is a {method['type']} and has no card.", param="card")
    before = dict(method)
    if "metadata" in asked:
        asked["metadata"] = merged(method["metadata"], asked["metadata"]) if asked["metadata"] else {}
    if "billing_details" in asked:
        asked["billing_details"] = billing_details({**method["billing_details"], **asked["billing_details"]})
    if "card" in asked:
        dates = {name: value for name, value in asked["card"].items() if name != "networks"}
        asked["card"] = {**method["card"], **dates}
        ledger.note(method_id, card={**ledger.backstage(method_id)["card"], **dates})
    method |= asked
    ledger.save(method)
    emit(ledger, "payment_method.updated", method, changed(before, method))
    return method


def attach(ledger: Ledger, params: dict[str, Any], method_id: str) -> StripeObject:
    check_attachable(ledger, method_id, "id")
    asked = read(ATTACH, params)
    if "customer" not in asked:
        raise invalid_request("Missing required param: customer.", code="parameter_missing", param="customer")
    ledger.get("customer", asked["customer"], "customer")
    return attach_to(ledger, method_id, asked["customer"])


def attach_to(ledger: Ledger, method_id: str, customer_id: str) -> StripeObject:
    """Keep the payment method for the customer, and say so."""
    method = find(ledger, method_id, "payment_method")
    method["customer"] = customer_id
    ledger.save(method)
    emit(ledger, "payment_method.attached", method)
    return method


def check_attachable(ledger: Ledger, method_id: str, param: str = "payment_method") -> None:
    """A refusal when the payment method is somebody's, used up, or declined by its bank."""
    known = PAYMENT_METHODS.get(method_id)
    if known is not None:
        refuse_declined(CardOnFile(known.number))
        return
    if method_id in BANK_ACCOUNTS:
        return
    method = ledger.get("payment_method", method_id, param)
    if method["customer"] is not None:
        raise conflict(
            "The payment method you provided has already been attached to a customer.", param="payment_method"
        )
    if ledger.backstage(method_id).get("used"):
        raise conflict(NOT_ATTACHABLE)
    if method["type"] == "card":
        refuse_declined(CardOnFile(**ledger.backstage(method_id)["card"]))


def detach(ledger: Ledger, params: dict[str, Any], method_id: str) -> StripeObject:
    method = ledger.get("payment_method", method_id)
    read(NOTHING, params)
    if method["customer"] is None:
        raise conflict(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            param="payment_method",
        )
    before = {"customer": method["customer"]}
    method["customer"] = None
    ledger.save(method)
    ledger.note(method_id, used=True)
    emit(ledger, "payment_method.detached", method, before)
    return method


def listing(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    asked = read(LISTING, params)
    if "customer" in asked:
        ledger.get("customer", asked["customer"], "customer")
        return page(ledger, "payment_method", "/v1/payment_methods", asked)
    return page(ledger, "payment_method", "/v1/payment_methods", asked, keep=lambda method: method["customer"] is None)


def listing_of_customer(ledger: Ledger, params: dict[str, Any], customer_id: str) -> StripeObject:
    ledger.get("customer", customer_id)
    asked = read(LISTING, params) | {"customer": customer_id}
    return page(ledger, "payment_method", f"/v1/customers/{customer_id}/payment_methods", asked)


def retrieve_of_customer(ledger: Ledger, params: dict[str, Any], customer_id: str, method_id: str) -> StripeObject:
    read(NOTHING, params)
    ledger.get("customer", customer_id)
    method = ledger.get("payment_method", method_id)
    if method["customer"] != customer_id:
        raise no_such("payment_method", method_id)
    return method


def find(ledger: Ledger, method_id: str, param: str) -> StripeObject:
    """The payment method with this id, made anew for a name of the test page (``pm_card_visa``)."""
    if method_id in PAYMENT_METHODS:
        return _make(ledger, CardOnFile(PAYMENT_METHODS[method_id].number, cvc=True), {})
    if method_id in BANK_ACCOUNTS:
        return _make(ledger, BANK_ACCOUNTS[method_id], {})
    return ledger.get("payment_method", method_id, param)


def kind_of(ledger: Ledger, method_id: str, param: str) -> str:
    """The type of the payment method that :func:`find` would give, which is not made yet."""
    if method_id in PAYMENT_METHODS:
        return "card"
    if method_id in BANK_ACCOUNTS:
        return "us_bank_account"
    return ledger.get("payment_method", method_id, param)["type"]


def instrument(ledger: Ledger, method_id: str) -> CardOnFile | BankAccount:
    """What stands behind a payment method."""
    known = ledger.backstage(method_id)
    return BankAccount(**known["bank"]) if "bank" in known else CardOnFile(**known["card"])


def check_owner(ledger: Ledger, method: StripeObject, customer_id: str | None) -> None:
    """A refusal unless a payment for ``customer_id`` may use the payment method."""
    owner = method["customer"]
    if owner is None:
        if ledger.backstage(method["id"]).get("used"):
            raise conflict(USED_UP, param="payment_method")
        return
    if customer_id is None:
        raise invalid_request(
            f"The PaymentMethod {method['id']} belongs to the Customer {owner}. Please include the Customer in the "
            "`customer` parameter on the PaymentIntent.",
            param="payment_method",
        )
    if owner != customer_id:
        raise invalid_request(
            f"The customer does not have a payment method with the ID {method['id']}. The payment method must be "
            "attached to the customer.",
            code="resource_missing",
            param="payment_method",
        )


def _typed_account(given: dict[str, Any] | None) -> BankAccount:
    number = (given or {}).get("account_number")
    if number is None:
        raise invalid_request(
            "Missing required param: us_bank_account[account_number].",
            code="parameter_missing",
            param="us_bank_account[account_number]",
        )
    account = ACCOUNT_NUMBERS.get(number)
    if account is None:
        raise invalid_request(
            "You must use a test bank account number in test mode. Try 000123456789 or see more options at "
            "https://docs.stripe.com/connect/testing#account-numbers.",
            code="account_number_invalid",
            param="us_bank_account[account_number]",
        )
    return account


def _make(ledger: Ledger, behind: CardOnFile | BankAccount, asked: dict[str, Any]) -> StripeObject:
    method_id = ledger.new_id("pm")
    bank = isinstance(behind, BankAccount)
    if bank:
        ledger.note(method_id, bank=behind.facts())
    else:
        ledger.note(method_id, card=behind.facts())
    made: StripeObject = {
        "id": method_id,
        "object": "payment_method",
        "allow_redisplay": asked.get("allow_redisplay", "unspecified"),
        "billing_details": billing_details(asked.get("billing_details")),
        "created": ledger.now(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": merged({}, asked.get("metadata", {})),
        "type": "us_bank_account" if bank else "card",
    }
    made |= {"us_bank_account": behind.method_details()} if bank else {"card": method_card(behind)}
    return ledger.add(made)
