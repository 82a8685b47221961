"""Payment intents: one payment from its beginning to its end, through as many attempts as it takes.

Sources: https://docs.stripe.com/api/payment_intents, https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from __future__ import annotations

import hashlib
from typing import Any

from payments_lab.local_stripe.errors import StripeRefusal, invalid_request, no_such
from payments_lab.local_stripe.events import emit
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.listing import listing_form, page
from payments_lab.local_stripe.money import check_amount, check_currency
from payments_lab.local_stripe.objects import charges, payment_methods
from payments_lab.local_stripe.objects.confirmation import (
    CARD_DEFAULTS,
    Wish,
    check_method,
    check_return_url,
    choose_method,
    confirm_intent,
    set_options,
    unexpected_state,
)
from payments_lab.local_stripe.objects.shapes import SHIPPING, shipping
from payments_lab.local_stripe.parameters import (
    Reader,
    anything,
    boolean,
    either,
    form,
    merged,
    metadata,
    nested,
    one_of,
    optional_one_of,
    optional_text,
    positive,
    read,
    text,
    texts,
    unset_or,
)
from payments_lab.local_stripe.search import SEARCH, search
from payments_lab.local_stripe.versions import before

OFF_SESSION = either(one_of("true", "false", "one_off", "recurring"), boolean)
CARD_OPTIONS = nested(
    {
        "capture_method": optional_one_of("manual"),
        "moto": boolean,
        "network": text,
        "request_extended_authorization": one_of("if_available", "never"),
        "request_incremental_authorization": one_of("if_available", "never"),
        "request_multicapture": one_of("if_available", "never"),
        "request_overcapture": one_of("if_available", "never"),
        "request_three_d_secure": one_of("any", "automatic", "challenge"),
        "require_cvc_recollection": boolean,
        "setup_future_usage": optional_one_of("none", "off_session", "on_session"),
        "statement_descriptor_suffix_kana": optional_text,
        "statement_descriptor_suffix_kanji": optional_text,
    },
    elsewhere="cvc_token installments mandate_options setup_credential_usage stored_credential_usage three_d_secure",
)
METHOD_OPTIONS = nested({"card": unset_or(CARD_OPTIONS), "us_bank_account": anything}, elsewhere="")
_CONFIRMING: dict[str, Reader] = {
    "error_on_requires_action": boolean,
    "mandate_data": unset_or(anything),
    "off_session": OFF_SESSION,
    "payment_method": text,
    "payment_method_data": nested(
        {**payment_methods.DETAILS, "us_bank_account": payment_methods.BANK},
        required=("type",),
        elsewhere=payment_methods.OTHER_TYPES,
    ),
    "payment_method_options": METHOD_OPTIONS,
    "radar_options": anything,
    "receipt_email": optional_text,
    "return_url": text,
    "setup_future_usage": optional_one_of("off_session", "on_session"),
    "shipping": unset_or(SHIPPING),
    "use_stripe_sdk": boolean,
}
_ALLOWED: dict[str, Reader] = {
    "allowed_payment_method_types": texts,
    "excluded_payment_method_types": unset_or(texts),
    "payment_method_types": texts,
}
_DESCRIBING: dict[str, Reader] = {
    "customer": text,
    "description": text,
    "metadata": metadata,
    "statement_descriptor": text,
    "statement_descriptor_suffix": text,
    "transfer_group": text,
}
_CAPTURE_METHODS = one_of("automatic", "automatic_async", "manual")
_ELSEWHERE = "amount_details hooks payment_details"
NEW = form(
    {
        **_CONFIRMING,
        **_DESCRIBING,
        **_ALLOWED,
        "amount": positive,
        "automatic_payment_methods": nested(
            {"allow_redirects": one_of("always", "never"), "enabled": boolean}, required=("enabled",)
        ),
        "capture_method": _CAPTURE_METHODS,
        "confirm": boolean,
        "confirmation_method": one_of("automatic", "manual"),
        "currency": text,
    },
    required=("amount", "currency"),
    elsewhere=f"{_ELSEWHERE} application_fee_amount confirmation_token customer_account mandate on_behalf_of "
    "payment_method_configuration transfer_data",
)
CHANGES = form(
    {
        **{name: reader for name, reader in _CONFIRMING.items() if name in ("payment_method", "payment_method_data")},
        **_DESCRIBING,
        **_ALLOWED,
        "amount": positive,
        "capture_method": _CAPTURE_METHODS,
        "currency": text,
        "payment_method_options": METHOD_OPTIONS,
        "receipt_email": optional_text,
        "setup_future_usage": optional_one_of("off_session", "on_session"),
        "shipping": unset_or(SHIPPING),
    },
    elsewhere=f"{_ELSEWHERE} application_fee_amount customer_account payment_method_configuration transfer_data",
)
CONFIRM = form(
    {**_CONFIRMING, **_ALLOWED, "capture_method": _CAPTURE_METHODS, "client_secret": text},
    elsewhere=f"{_ELSEWHERE} amount_to_confirm confirmation_token mandate",
)
CAPTURE = form(
    {
        "amount_to_capture": positive,
        "final_capture": boolean,
        "metadata": metadata,
        "statement_descriptor": text,
        "statement_descriptor_suffix": text,
    },
    elsewhere="amount_details application_fee_amount hooks payment_details transfer_data",
)
CANCEL = form({"cancellation_reason": one_of("abandoned", "duplicate", "fraudulent", "requested_by_customer")})
RETRIEVE = form({"client_secret": text})
LISTING = listing_form({"customer": text}, elsewhere="customer_account")

CHANGEABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action", "processing")
METHOD_TYPES = {"always": ["card", "klarna", "link", "cashapp", "amazon_pay"], "never": ["card", "link"]}
TYPE_DEFAULTS: dict[str, dict[str, Any]] = {
    "card": CARD_DEFAULTS,
    "amazon_pay": {},
    "cashapp": {},
    "klarna": {"preferred_locale": None},
    "link": {"persistent_token": None},
    "us_bank_account": {"verification_method": "automatic"},
}


def create(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    asked = _read(ledger, NEW, params)
    currency = check_currency(asked["currency"])
    check_amount(asked["amount"], currency)
    if "customer" in asked:
        ledger.get("customer", asked["customer"], "customer")
    intent = _intent(ledger, asked, currency)
    confirming = asked.get("confirm", False)
    _check_create(ledger, asked, intent, confirming=confirming)
    choose_method(ledger, intent, asked)
    ledger.add(intent)
    emit(ledger, "payment_intent.created", intent)
    if confirming:
        return confirm_intent(ledger, intent, _wish(asked))
    return intent


def retrieve(ledger: Ledger, params: dict[str, Any], intent_id: str) -> StripeObject:
    _refuse_secrets(intent_id)
    intent = ledger.get("payment_intent", intent_id)
    asked = read(RETRIEVE, params)
    _check_secret(ledger, intent, asked)
    return intent


def update(ledger: Ledger, params: dict[str, Any], intent_id: str) -> StripeObject:
    intent = ledger.get("payment_intent", intent_id)
    asked = _read(ledger, CHANGES, params, intent)
    _check_changeable(intent, asked)
    if "currency" in asked:
        asked["currency"] = check_currency(asked["currency"])
    if "amount" in asked or "currency" in asked:
        check_amount(asked.get("amount", intent["amount"]), asked.get("currency", intent["currency"]))
    if "customer" in asked:
        ledger.get("customer", asked["customer"], "customer")
    if "metadata" in asked:
        intent["metadata"] = merged(intent["metadata"], asked["metadata"]) if asked["metadata"] else {}
    if "shipping" in asked:
        intent["shipping"] = shipping(asked["shipping"])
    plain = ("amount", "capture_method", "currency", "receipt_email", "setup_future_usage", *_DESCRIBING)
    intent |= {name: asked[name] for name in plain if name in asked and name != "metadata"}
    set_options(intent, asked.get("payment_method_options"))
    if "payment_method_types" in asked or "allowed_payment_method_types" in asked:
        _set_types(intent, asked)
    intent["last_payment_error"] = None
    choose_method(ledger, intent, asked)
    return ledger.save(intent)


def confirm(ledger: Ledger, params: dict[str, Any], intent_id: str) -> StripeObject:
    """Try to take the money now."""
    _refuse_secrets(intent_id)
    intent = ledger.get("payment_intent", intent_id)
    asked = _read(ledger, CONFIRM, params, intent)
    _check_secret(ledger, intent, asked)
    return confirm_intent(ledger, intent, _wish(asked), asked)


def capture(ledger: Ledger, params: dict[str, Any], intent_id: str) -> StripeObject:
    """Take what was authorised, all of it or less; what is left is released."""
    intent = ledger.get("payment_intent", intent_id)
    asked = _read(ledger, CAPTURE, params, intent)
    _check_capturable(intent)
    charge = ledger.get("charge", intent["latest_charge"])
    amount = asked.get("amount_to_capture", intent["amount_capturable"])
    if amount > intent["amount_capturable"]:
        raise invalid_request(
            f"The requested capture amount ({amount}) is greater than the authorized amount "
            f"({intent['amount_capturable']}).",
            code="amount_too_large",
            param="amount_to_capture",
        )
    charges.capture_held(ledger, charge, amount, "amount_to_capture")
    if "metadata" in asked:
        intent["metadata"] = merged(intent["metadata"], asked["metadata"]) if asked["metadata"] else {}
    ledger.save(charge)
    intent |= {"amount_capturable": 0, "amount_received": amount, "status": "succeeded"}
    ledger.save(intent)
    emit(ledger, "charge.captured", charge)
    emit(ledger, "payment_intent.succeeded", intent)
    return intent


def cancel(ledger: Ledger, params: dict[str, Any], intent_id: str) -> StripeObject:
    intent = ledger.get("payment_intent", intent_id)
    asked = _read(ledger, CANCEL, params, intent)
    if intent["status"] not in CANCELABLE:
        allowed = "requires_payment_method, requires_capture, requires_reauthorization, requires_confirmation, "
        raise unexpected_state(
            intent,
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            f"with one of the following statuses may be canceled: {allowed}requires_action, processing.",
        )
    return end(ledger, intent, asked.get("cancellation_reason"))


def end(ledger: Ledger, intent: StripeObject, reason: str | None) -> StripeObject:
    """Close the intent unpaid; what was authorised is released."""
    if intent["status"] in ("requires_capture", "processing") and intent["latest_charge"] is not None:
        ledger.note(intent["latest_charge"], expired=True)
    intent |= {
        "amount_capturable": 0,
        "canceled_at": ledger.now(),
        "cancellation_reason": reason,
        "next_action": None,
        "processing": None,
        "status": "canceled",
    }
    ledger.save(intent)
    emit(ledger, "payment_intent.canceled", intent)
    return intent


def listing(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    asked = read(LISTING, params)
    if "customer" in asked:
        ledger.get("customer", asked["customer"], "customer")
    return page(ledger, "payment_intent", "/v1/payment_intents", asked)


def searching(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    return search(ledger, "payment_intent", "/v1/payment_intents/search", read(SEARCH, params))


def _read(ledger: Ledger, form: Any, params: dict[str, Any], intent: StripeObject | None = None) -> dict[str, Any]:
    """The parameters; a refusal shows the intent, as Stripe does."""
    try:
        if "payment_method_types" in params and not before(ledger.origin.version, "2026-09-30"):
            raise invalid_request(
                "The `payment_method_types` parameter is no longer supported. Use `allowed_payment_method_types`, or "
                "leave it out to use the payment methods that are enabled in your Dashboard.",
                code="payment_method_types_no_longer_supported",
                param="payment_method_types",
            )
        return read(form, params)
    except StripeRefusal as refusal:
        if intent is not None:
            refusal.error["payment_intent"] = dict(intent)
        raise


def _wish(asked: dict[str, Any]) -> Wish:
    off_session = asked.get("off_session", "false")
    return Wish(
        off_session=off_session not in ("false", False),
        error_on_action=asked.get("error_on_requires_action", False),
        return_url=asked.get("return_url"),
        mandate="mandate_data" in asked,
    )


def _check_create(ledger: Ledger, asked: dict[str, Any], intent: StripeObject, *, confirming: bool) -> None:
    if not confirming:
        for name in ("error_on_requires_action", "off_session", "return_url", "mandate_data"):
            if name in asked:
                raise invalid_request(f"You can only provide {name} when confirm is set to true.", param=name)
        return
    check_return_url(ledger, intent, asked.get("return_url"))
    try:
        check_method(ledger, intent, asked, _wish(asked))
    except StripeRefusal as refusal:
        # The intent is not made, so there is none to show.
        refusal.error.pop("payment_intent", None)
        raise


def _check_changeable(intent: StripeObject, asked: dict[str, Any]) -> None:
    if intent["status"] in CHANGEABLE:
        return
    fixed = next((name for name in asked if name not in ("description", "metadata", "receipt_email", "shipping")), None)
    if fixed is not None:
        raise unexpected_state(
            intent,
            f"This PaymentIntent's {fixed} could not be updated because it has a status of {intent['status']}. You may "
            f"only update the {fixed} of a PaymentIntent with one of the following statuses: "
            f"{', '.join(CHANGEABLE)}.",
        )


def _check_capturable(intent: StripeObject) -> None:
    if intent["status"] == "requires_capture":
        return
    if intent["status"] == "succeeded":
        raise unexpected_state(intent, "This PaymentIntent could not be captured because it has already been captured.")
    raise unexpected_state(
        intent,
        f"This PaymentIntent could not be captured because it has a status of {intent['status']}. Only a PaymentIntent "
        "with one of the following statuses may be captured: requires_capture.",
    )


def _check_secret(ledger: Ledger, intent: StripeObject, asked: dict[str, Any]) -> None:
    """A browser has only a publishable key, and proves with the secret that the payment is its own."""
    secret = asked.pop("client_secret", None)
    if secret is None and ledger.origin.publishable:
        raise invalid_request("Missing required param: client_secret.", code="parameter_missing", param="client_secret")
    if secret is not None and secret != intent["client_secret"]:
        raise no_such("payment_intent", intent["id"])


def _refuse_secrets(intent_id: str) -> None:
    if "_secret_" in intent_id:
        raise StripeRefusal(
            404,
            "invalid_request_error",
            "You passed a string that looks like a client secret as the PaymentIntent ID, but you must provide a valid "
            "PaymentIntent ID. Please use the value in the `id` field of the PaymentIntent.",
            param="intent",
        )


def _intent(ledger: Ledger, asked: dict[str, Any], currency: str) -> StripeObject:
    intent_id = ledger.new_id("pi")
    intent: StripeObject = {
        "id": intent_id,
        "object": "payment_intent",
        "amount": asked["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": asked.get("capture_method", "automatic_async"),
        "client_secret": f"{intent_id}_secret_{hashlib.sha256(intent_id.encode()).hexdigest()[:24]}",
        "confirmation_method": asked.get("confirmation_method", "automatic"),
        "created": ledger.now(),
        "currency": currency,
        "customer": asked.get("customer"),
        "customer_account": None,
        "description": asked.get("description"),
        "excluded_payment_method_types": asked.get("excluded_payment_method_types"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": merged({}, asked.get("metadata", {})),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": [],
        "processing": None,
        "receipt_email": asked.get("receipt_email"),
        "review": None,
        "setup_future_usage": asked.get("setup_future_usage"),
        "shipping": shipping(asked.get("shipping")),
        "source": None,
        "statement_descriptor": asked.get("statement_descriptor"),
        "statement_descriptor_suffix": asked.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": asked.get("transfer_group"),
    }
    _set_types(intent, asked)
    set_options(intent, asked.get("payment_method_options"))
    return intent


def _set_types(intent: StripeObject, asked: dict[str, Any]) -> None:
    """Which payment methods may pay: the named ones, or those that the account has enabled."""
    named = asked.get("payment_method_types") or asked.get("allowed_payment_method_types")
    automatic = asked.get("automatic_payment_methods", {"enabled": True})
    if named is not None and automatic["enabled"] and "automatic_payment_methods" in asked:
        raise invalid_request(
            "You may only specify one of these parameters: automatic_payment_methods, "
            f"{'payment_method_types' if 'payment_method_types' in asked else 'allowed_payment_method_types'}.",
            code="parameters_exclusive",
        )
    if named is None and automatic["enabled"]:
        redirects = automatic.get("allow_redirects", "always")
        intent["automatic_payment_methods"] = {"allow_redirects": redirects, "enabled": True}
        intent["payment_method_configuration_details"] = {"id": "pmc_1", "parent": None}
        named = METHOD_TYPES[redirects]
        excluded = intent["excluded_payment_method_types"] or ()
        named = [kind for kind in named if kind not in excluded]
    else:
        intent |= {"automatic_payment_methods": None, "payment_method_configuration_details": None}
    intent["payment_method_types"] = list(named or ["card"])
    intent["payment_method_options"] = {
        kind: dict(TYPE_DEFAULTS.get(kind, {})) for kind in sorted(intent["payment_method_types"])
    }
