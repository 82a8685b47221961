"""Confirming a payment intent: the attempt, what stands in its way, and what comes of it.

Sources: https://docs.stripe.com/payments/paymentintents/lifecycle,
https://docs.stripe.com/payments/3d-secure/authentication-flow
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from payments_lab.local_stripe.cards import UNAUTHENTICATED, Decline
from payments_lab.local_stripe.errors import DOCS, StripeRefusal, conflict, invalid_request
from payments_lab.local_stripe.events import emit
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.objects import bank_accounts, charges, payment_methods
from payments_lab.local_stripe.objects.bank_accounts import BankAccount
from payments_lab.local_stripe.objects.card_shapes import CardOnFile
from payments_lab.local_stripe.objects.charges import Payment
from payments_lab.local_stripe.objects.shapes import shipping

CARD_DEFAULTS: dict[str, Any] = {
    "installments": None,
    "mandate_options": None,
    "network": None,
    "request_three_d_secure": "automatic",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """How to confirm. ``mandate`` says that the buyer agreed to a debit."""

    off_session: bool = False
    error_on_action: bool = False
    return_url: str | None = None
    mandate: bool = False


def unexpected_state(intent: StripeObject, message: str) -> StripeRefusal:
    """400: the intent's status does not allow it."""
    return conflict(message, code="payment_intent_unexpected_state", payment_intent=dict(intent))


def choose_method(ledger: Ledger, intent: StripeObject, asked: dict[str, Any]) -> None:
    """Put the payment method that was asked for, if any, on the intent. The caller saves it."""
    if "payment_method" in asked and "payment_method_data" in asked:
        raise invalid_request(
            "You may only specify one of these parameters: payment_method, payment_method_data.",
            code="parameters_exclusive",
        )
    kind = _kind(ledger, asked)
    if kind is None:
        return
    if kind not in intent["payment_method_types"]:
        raise invalid_request(
            f"The PaymentMethod provided ({kind}) is not allowed for this PaymentIntent. Please attach a "
            "PaymentMethod of one of the following types: " + ", ".join(intent["payment_method_types"]) + ".",
            code="payment_intent_incompatible_payment_method",
            param="payment_method",
        )
    if "payment_method_data" in asked:
        method = payment_methods.from_details(ledger, asked["payment_method_data"])
    else:
        known = ledger.table("payment_method").find(asked["payment_method"])
        if known is not None:
            payment_methods.check_owner(ledger, known, intent["customer"])
        method = payment_methods.find(ledger, asked["payment_method"], "payment_method")
    intent |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}


def _kind(ledger: Ledger, asked: dict[str, Any]) -> str | None:
    """The type of the payment method that is asked for, None where none is."""
    if "payment_method_data" in asked:
        return asked["payment_method_data"]["type"]
    if "payment_method" in asked:
        return payment_methods.kind_of(ledger, asked["payment_method"], "payment_method")
    return None


def set_options(intent: StripeObject, given: dict[str, Any] | None) -> None:
    """Put the options for cards that were asked for, if any, on the intent. The caller saves it."""
    card: dict[str, Any] | None = (given or {}).get("card")
    known: dict[str, dict[str, Any]] = intent["payment_method_options"]
    if not card or "card" not in known:
        return
    options = {**known["card"], **card}
    kept = {name: options[name] for name in sorted(options) if options[name] is not None or name in CARD_DEFAULTS}
    intent["payment_method_options"] = {**known, "card": kept}


def check_return_url(ledger: Ledger, intent: StripeObject, return_url: str | None) -> None:
    """A server that allows payment methods which redirect must say where to come back to."""
    automatic = intent["automatic_payment_methods"]
    if automatic is None or automatic["allow_redirects"] == "never":
        return
    if return_url is not None or ledger.origin.publishable:
        return
    known = ledger.table("payment_intent").find(intent["id"])
    raise StripeRefusal(
        400,
        "invalid_request_error",
        "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these "
        "payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't "
        "want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and "
        "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.",
        payment_intent=dict(known) if known else None,
    )


def confirm_intent(
    ledger: Ledger, intent: StripeObject, wish: Wish, asked: dict[str, Any] | None = None
) -> StripeObject:
    """Confirm an intent that is stored; ``asked`` are changes that come with it."""
    _check_confirmable(intent)
    if asked is not None:
        check_return_url(ledger, intent, wish.return_url)
    check_method(ledger, intent, asked or {}, wish)
    if asked is not None:
        _change(ledger, intent, asked)
    behind = payment_methods.instrument(ledger, intent["payment_method"])
    if isinstance(behind, BankAccount):
        return _debit(ledger, intent, behind)
    return _charge_card(ledger, intent, behind, wish)


def check_method(ledger: Ledger, intent: StripeObject, asked: dict[str, Any], wish: Wish) -> None:
    """A refusal unless there is a payment method to confirm with, and it may be used so."""
    kind = _kind(ledger, asked)
    if kind is None:
        if intent["payment_method"] is None:
            raise unexpected_state(
                intent,
                "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update "
                "the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with "
                "a payment method or ConfirmationToken.",
            )
        method = ledger.get("payment_method", intent["payment_method"])
        payment_methods.check_owner(ledger, method, intent["customer"])
        kind = method["type"]
    if kind != "us_bank_account" or kind not in intent["payment_method_types"]:
        return
    if intent["currency"] != "usd":
        raise invalid_request(
            f"The currency provided ({intent['currency']}) is invalid. Payments with us_bank_account support the "
            "following currencies: usd.",
            param="currency",
        )
    if not wish.mandate:
        raise conflict(
            "A mandate is required to debit this bank account. Provide mandate_data[customer_acceptance].",
            code="payment_intent_mandate_invalid",
            param="mandate_data",
        )


def authenticate(ledger: Ledger, intent: StripeObject, *, succeed: bool) -> StripeObject:
    """The buyer has been at the bank's page and came back, authenticated or not."""
    if intent["status"] != "requires_action":
        raise unexpected_state(
            intent, f"This PaymentIntent has a status of {intent['status']}: it waits for no authentication."
        )
    intent["next_action"] = None
    if not succeed:
        return _fail_authentication(ledger, intent)
    if intent["confirmation_method"] == "manual":
        ledger.note(intent["id"], authenticated=True)
        intent["status"] = "requires_confirmation"
        return ledger.save(intent)
    behind = payment_methods.instrument(ledger, intent["payment_method"])
    assert isinstance(behind, CardOnFile)
    try:
        return _attempt(ledger, intent, behind, behind.card.authenticated, "challenge")
    except StripeRefusal:
        # The buyer's page is told; nobody waits for an answer here.
        return intent


def settle_debit(ledger: Ledger, intent_id: str) -> None:
    """What the bank says to a debit, days later."""
    intent = ledger.get("payment_intent", intent_id)
    charge = ledger.get("charge", intent["latest_charge"])
    if intent["status"] != "processing":
        return
    account = BankAccount(**ledger.backstage(charge["id"])["bank"])
    intent["processing"] = None
    if account.failure is None:
        charge |= {"paid": True, "status": "succeeded"}
        ledger.save(charge)
        charges.book_now(ledger, charge["id"])
        intent |= {"amount_received": intent["amount"], "status": "succeeded"}
        ledger.save(intent)
        emit(ledger, "charge.succeeded", charge)
        emit(ledger, "payment_intent.succeeded", intent)
        return
    message = bank_accounts.FAILURES[account.failure]
    charge |= {
        "amount_captured": 0,
        "captured": False,
        "failure_code": account.failure,
        "failure_message": message,
        "status": "failed",
    }
    ledger.save(charge)
    error = {
        "charge": charge["id"],
        "code": "payment_intent_payment_attempt_failed",
        "doc_url": f"{DOCS}payment-intent-payment-attempt-failed",
        "message": message,
    }
    _give_back(ledger, intent, error, "invalid_request_error")
    emit(ledger, "charge.failed", charge)
    emit(ledger, "payment_intent.payment_failed", intent)


def _check_confirmable(intent: StripeObject) -> None:
    status = intent["status"]
    if status in ("requires_payment_method", "requires_confirmation", "requires_action"):
        return
    if status == "succeeded":
        raise unexpected_state(
            intent,
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.",
        )
    raise unexpected_state(
        intent,
        f"You cannot confirm this PaymentIntent because it has a status of {status}. Only a PaymentIntent with one of "
        "the following statuses may be confirmed: requires_confirmation, requires_action.",
    )


def _change(ledger: Ledger, intent: StripeObject, asked: dict[str, Any]) -> None:
    choose_method(ledger, intent, asked)
    plain = ("capture_method", "receipt_email", "setup_future_usage")
    intent |= {name: asked[name] for name in plain if name in asked}
    if "shipping" in asked:
        intent["shipping"] = shipping(asked["shipping"])
    set_options(intent, asked.get("payment_method_options"))
    ledger.save(intent)


def _charge_card(ledger: Ledger, intent: StripeObject, on_file: CardOnFile, wish: Wish) -> StripeObject:
    known = ledger.backstage(intent["id"])
    if known.get("authenticated"):
        ledger.note(intent["id"], authenticated=False)
        return _attempt(ledger, intent, on_file, on_file.card.authenticated, "challenge")
    if on_file.card.authentication == "frictionless":
        return _attempt(ledger, intent, on_file, on_file.card.refusal, "frictionless")
    if not _needs_authentication(ledger, intent, on_file, off_session=wish.off_session):
        return _attempt(ledger, intent, on_file, on_file.card.refusal, None)
    if wish.off_session or wish.error_on_action:
        return _attempt(ledger, intent, on_file, UNAUTHENTICATED, None)
    intent |= {
        "next_action": _next_action(ledger, intent, wish),
        "status": "requires_action",
        "last_payment_error": None,
    }
    ledger.save(intent)
    emit(ledger, "payment_intent.requires_action", intent)
    return intent


def _needs_authentication(ledger: Ledger, intent: StripeObject, on_file: CardOnFile, *, off_session: bool) -> bool:
    card = on_file.card
    asked_for = intent["payment_method_options"].get("card", {}).get("request_three_d_secure") in ("any", "challenge")
    match card.authentication:
        case "always":
            return True
        case "unless set up":
            return not (off_session and ledger.backstage(intent["payment_method"]).get("set_up"))
        case "on session":
            return not off_session
        case "optional":
            return asked_for and not off_session
        case _:
            return False


def _next_action(ledger: Ledger, intent: StripeObject, wish: Wish) -> dict[str, Any]:
    page = f"{ledger.challenge_page}/{intent['id']}"
    if wish.return_url is not None:
        return {"redirect_to_url": {"return_url": wish.return_url, "url": page}, "type": "redirect_to_url"}
    return {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"source": f"src_{intent['id']}", "stripe_js": page, "type": "three_d_secure_redirect"},
    }


def _attempt(
    ledger: Ledger, intent: StripeObject, on_file: CardOnFile, decline: Decline | None, authenticated: str | None
) -> StripeObject:
    """Ask the bank; a no raises the 402 and leaves the intent ready for another card."""
    manual = intent["capture_method"] == "manual" or (
        intent["payment_method_options"].get("card", {}).get("capture_method") == "manual"
    )
    later = intent["capture_method"] == "automatic_async" and not manual
    charge = charges.pay(
        ledger, _payment(ledger, intent, on_file, decline, authenticated, capture=not manual, book_later=later)
    )
    intent["latest_charge"] = charge["id"]
    if decline is not None:
        raise _declined(ledger, intent, charge, decline)
    _keep_method(ledger, intent)
    intent |= {"last_payment_error": None, "next_action": None}
    if manual:
        intent |= {"amount_capturable": intent["amount"], "status": "requires_capture"}
    else:
        intent |= {"amount_received": intent["amount"], "status": "succeeded"}
    ledger.save(intent)
    emit(ledger, "payment_intent.amount_capturable_updated" if manual else "payment_intent.succeeded", intent)
    return intent


def _payment(
    ledger: Ledger,
    intent: StripeObject,
    behind: CardOnFile | BankAccount,
    decline: Decline | None,
    authenticated: str | None,
    *,
    capture: bool,
    book_later: bool,
) -> Payment:
    method = ledger.get("payment_method", intent["payment_method"])
    return Payment(
        intent["amount"],
        intent["currency"],
        behind,
        method["id"],
        billing=method["billing_details"],
        customer=intent["customer"],
        intent=intent["id"],
        capture=capture,
        decline=decline,
        authenticated=authenticated,
        description=intent["description"],
        metadata=intent["metadata"],
        receipt_email=intent["receipt_email"],
        shipping=intent["shipping"],
        statement_descriptor=intent["statement_descriptor"],
        statement_descriptor_suffix=intent["statement_descriptor_suffix"],
        transfer_group=intent["transfer_group"],
        book_later=book_later,
    )


def _declined(ledger: Ledger, intent: StripeObject, charge: StripeObject, decline: Decline) -> StripeRefusal:
    method = ledger.get("payment_method", intent["payment_method"])
    refusal = charges.refusal(charge, decline, payment_method=dict(method))
    error = {name: value for name, value in refusal.error.items() if name not in ("payment_method", "type")}
    _give_back(ledger, intent, error, "card_error")
    emit(ledger, "payment_intent.payment_failed", intent)
    del refusal.error["type"], refusal.error["payment_method"]
    refusal.error |= {"payment_intent": dict(intent), "payment_method": dict(method), "type": "card_error"}
    return refusal


def _fail_authentication(ledger: Ledger, intent: StripeObject) -> StripeObject:
    error = {
        "code": "payment_intent_authentication_failure",
        "doc_url": f"{DOCS}payment-intent-authentication-failure",
        "message": "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
        "PaymentMethod to attempt to fulfill this PaymentIntent again.",
    }
    _give_back(ledger, intent, error, "invalid_request_error")
    emit(ledger, "payment_intent.payment_failed", intent)
    return intent


def _give_back(ledger: Ledger, intent: StripeObject, error: dict[str, Any], kind: str) -> None:
    """The attempt failed: the intent wants another payment method, and remembers why."""
    method = ledger.get("payment_method", intent["payment_method"])
    if method["customer"] is None:
        ledger.note(method["id"], used=True)
    intent |= {
        "last_payment_error": {**error, "payment_method": dict(method), "type": kind},
        "next_action": None,
        "payment_method": None,
        "processing": None,
        "status": "requires_payment_method",
    }
    ledger.save(intent)


def _keep_method(ledger: Ledger, intent: StripeObject) -> None:
    """A method that was paid with belongs to its customer from now on, or to nobody any more."""
    method = ledger.get("payment_method", intent["payment_method"])
    if intent["setup_future_usage"] is not None and intent["customer"] is not None and method["customer"] is None:
        method["customer"] = intent["customer"]
        ledger.save(method)
        emit(ledger, "payment_method.attached", method)
    if intent["setup_future_usage"] == "off_session":
        ledger.note(method["id"], set_up=True)
    if method["customer"] is None:
        ledger.note(method["id"], used=True)


def _debit(ledger: Ledger, intent: StripeObject, account: BankAccount) -> StripeObject:
    """Debit a bank account: its bank answers later."""
    payment = _payment(ledger, intent, account, None, None, capture=True, book_later=True)
    charge = charges.pay(ledger, payment)
    intent |= {
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "next_action": None,
        "status": "processing",
    }
    _keep_method(ledger, intent)
    ledger.save(intent)
    emit(ledger, "payment_intent.processing", intent)
    if not account.stuck:
        ledger.schedule(bank_accounts.SETTLING_SECONDS, "settle debit", intent["id"])
    return intent
