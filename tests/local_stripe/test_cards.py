"""The cards of Stripe's test page do what the page says, through charges and through payment intents."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.cards import NUMBERS, PAYMENT_METHODS, TOKENS, BankCard, luhn
from payments_lab.local_stripe.errors import StripeRefusal
from payments_lab.local_stripe.money import MINIMUM, check_amount, format_amount

DECLINES = {
    "chargeDeclined": ("card_declined", "generic_decline"),
    "chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "chargeDeclinedVelocityLimitExceeded": ("card_declined", "card_velocity_exceeded"),
    "chargeDeclinedFraudulent": ("card_declined", "fraudulent"),
    "chargeDeclinedExpiredCard": ("expired_card", None),
    "chargeDeclinedIncorrectCvc": ("incorrect_cvc", None),
    "chargeDeclinedProcessingError": ("processing_error", None),
    "chargeCustomerFail": ("card_declined", "generic_decline"),
    "radarBlock": ("card_declined", "fraudulent"),
}
ASKS_FOR_AUTHENTICATION = (
    "authenticationRequired",
    "authenticationRequiredOnSetup",
    "authenticationRequiredSetupForOffSession",
    "authenticationRequiredChargeDeclinedInsufficientFunds",
    "threeDSecure2Required",
    "threeDSecureRequired",
    "threeDSecureRequiredChargeDeclined",
)

PLAIN_CARDS = sorted(name for name, card in TOKENS.items() if not (card.refusal or card.authentication))
DECLINED_AFTER = ("threeDSecureRequiredChargeDeclined", "authenticationRequiredChargeDeclinedInsufficientFunds")


def fields(error: stripe.StripeError) -> dict[str, Any]:
    body: Any = error.json_body
    return body["error"]


def pay(local: LocalStripe, method: str, **more: Any) -> stripe.PaymentIntent:
    asked = {"amount": 2000, "currency": "usd", "confirm": True, "return_url": "https://shop.test", **more}
    return local.client().v1.payment_intents.create({**asked, "payment_method": method})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", DECLINES)
def test_a_declining_card_declines_a_charge_and_an_intent_alike(local_stripe: LocalStripe, name: str) -> None:
    code, decline_code = DECLINES[name]
    v1 = local_stripe.client().v1

    with pytest.raises(stripe.CardError) as charge:
        v1.charges.create({"amount": 2000, "currency": "usd", "source": f"tok_{name}"})
    with pytest.raises(stripe.CardError) as intent:
        pay(local_stripe, f"pm_card_{name}")

    for error in (charge.value, intent.value):
        assert (error.code, fields(error).get("decline_code")) == (code, decline_code)
    assert [made["status"] for made in local_stripe.charges()] == ["failed", "failed"]


@pytest.mark.parametrize(
    "name", sorted(name for name, card in TOKENS.items() if not (card.refusal or card.authentication))
)
def test_every_other_card_pays(local_stripe: LocalStripe, name: str) -> None:
    made = local_stripe.client().v1.charges.create({"amount": 2000, "currency": "usd", "source": name})

    assert made.paid is True
    assert pay(local_stripe, name.replace("tok_", "pm_card_")).status == "succeeded"


def test_every_number_is_one_that_could_be_a_cards() -> None:
    assert [card.number for card in NUMBERS.values() if not luhn(card.number)] == []
    assert len(NUMBERS) > 125
    assert set(TOKENS) == {name.replace("pm_card_", "tok_") for name in PAYMENT_METHODS}


@pytest.mark.parametrize("number", ["4242424242424241", "4242", "424242424242424242424242", "4242424242424٣4٢", ""])
def test_a_number_that_no_card_has_is_told_apart(number: str) -> None:
    assert luhn(number) is False


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        ({"number": "4242424242424241"}, "incorrect_number", "number"),
        ({"exp_month": "13"}, "invalid_expiry_month", "exp_month"),
        ({"exp_month": "x"}, "invalid_expiry_month", "exp_month"),
        ({"exp_year": "1995"}, "invalid_expiry_year", "exp_year"),
        ({"exp_year": "95"}, "invalid_expiry_year", "exp_year"),
        ({"cvc": "99"}, "invalid_cvc", "cvc"),
        ({"cvc": "abc"}, "invalid_cvc", "cvc"),
    ],
)
def test_wrong_details_of_a_card_are_a_card_error(
    local_stripe: LocalStripe, wrong: dict[str, str], code: str, param: str
) -> None:
    details = {"number": "4242424242424242", "exp_month": "12", "exp_year": "34", "cvc": "123", **wrong}

    with pytest.raises(stripe.CardError) as refused:
        local_stripe.client().v1.tokens.create({"card": details})  # pyright: ignore[reportArgumentType]

    assert (refused.value.code, refused.value.param) == (code, param)


def test_a_number_that_is_no_test_card_is_declined_as_a_live_one(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    details = {"number": "4111 1111-1111 1111", "exp_month": "12", "exp_year": "34", "cvc": "123"}
    token = v1.tokens.create({"card": details})  # pyright: ignore[reportArgumentType]

    with pytest.raises(stripe.CardError, match="used a non test") as declined:
        v1.charges.create({"amount": 2000, "currency": "usd", "source": token.id})

    assert fields(declined.value)["decline_code"] == "test_mode_live_card"


def test_a_token_of_ones_own_serves_once(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    token = v1.tokens.create({"card": {"number": "4242424242424242", "exp_month": "12", "exp_year": "34"}})
    made = v1.charges.create({"amount": 2000, "currency": "usd", "source": token.id})

    with pytest.raises(stripe.InvalidRequestError, match="more than once") as refused:
        v1.charges.create({"amount": 2000, "currency": "usd", "source": token.id})

    assert token.card is not None
    assert made.payment_method == token.card.id
    assert refused.value.code == "token_already_used"
    assert v1.tokens.retrieve(token.id).used is True


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cvcCheckFail", {"cvc_check": "fail"}),
        ("avsZipFail", {"address_postal_code_check": "fail"}),
        ("avsLine1Fail", {"address_line1_check": "fail"}),
        ("avsFail", {"address_line1_check": "fail", "address_postal_code_check": "fail"}),
        ("avsUnchecked", {"address_line1_check": "unavailable", "address_postal_code_check": "unavailable"}),
    ],
)
def test_a_check_that_fails_is_shown_on_the_charge(local_stripe: LocalStripe, name: str, shown: dict[str, str]) -> None:
    made = local_stripe.client().v1.charges.create({"amount": 2000, "currency": "usd", "source": f"tok_{name}"})

    checks = made.to_dict()["payment_method_details"]["card"]["checks"]
    assert {field: result for field, result in checks.items() if result is not None} == shown


def test_elevated_risk_goes_to_review_and_the_highest_is_blocked(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1

    made = v1.charges.create({"amount": 2000, "currency": "usd", "source": "tok_riskLevelElevated"})
    with pytest.raises(stripe.CardError):
        v1.charges.create({"amount": 2000, "currency": "usd", "source": "tok_radarBlock"})

    assert made.outcome is not None
    assert (made.outcome.type, made.outcome.risk_level) == ("manual_review", "elevated")
    outcome = local_stripe.charges()[1]["outcome"]
    assert (outcome["type"], outcome["network_status"]) == ("blocked", "not_sent_to_network")


@pytest.mark.parametrize("name", ASKS_FOR_AUTHENTICATION)
def test_a_three_d_secure_card_asks_its_buyer_and_fails_as_a_plain_charge(local_stripe: LocalStripe, name: str) -> None:
    assert pay(local_stripe, f"pm_card_{name}").status == "requires_action"

    with pytest.raises(stripe.CardError) as declined:
        local_stripe.client().v1.charges.create({"amount": 2000, "currency": "usd", "source": f"tok_{name}"})

    assert fields(declined.value)["decline_code"] == "authentication_required"


def test_authentication_completes_the_payment(local_stripe: LocalStripe) -> None:
    made = pay(local_stripe, "pm_card_authenticationRequired")

    after = local_stripe.authenticate(made.id)

    assert after["status"] == "succeeded"
    (charge,) = local_stripe.client().v1.charges.list({"payment_intent": made.id}).data
    secured = charge.to_dict()["payment_method_details"]["card"]["three_d_secure"]
    assert (secured["result"], secured["authentication_flow"]) == ("authenticated", "challenge")


def test_failed_authentication_leaves_the_intent_open_and_charges_nothing(local_stripe: LocalStripe) -> None:
    made = pay(local_stripe, "pm_card_authenticationRequired")

    after = local_stripe.authenticate(made.id, succeed=False)

    assert (after["status"], after["latest_charge"]) == ("requires_payment_method", None)
    assert after["last_payment_error"] is not None
    assert after["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    assert local_stripe.charges() == []


@pytest.mark.parametrize(
    "name", ["threeDSecureRequiredChargeDeclined", "authenticationRequiredChargeDeclinedInsufficientFunds"]
)
def test_a_card_may_be_declined_after_authentication(local_stripe: LocalStripe, name: str) -> None:
    made = pay(local_stripe, f"pm_card_{name}")

    after = local_stripe.authenticate(made.id)

    assert after["status"] == "requires_payment_method"
    assert after["last_payment_error"] is not None
    assert after["last_payment_error"]["code"] == "card_declined"
    assert [charge["status"] for charge in local_stripe.charges()] == ["failed"]


def test_authentication_without_friction_asks_nobody(local_stripe: LocalStripe) -> None:
    made = pay(local_stripe, "pm_card_threeDSecureFrictionless", expand=["latest_charge"])

    secured = made.to_dict()["latest_charge"]["payment_method_details"]["card"]["three_d_secure"]
    assert (made.status, secured["authentication_flow"]) == ("succeeded", "frictionless")


def test_optional_authentication_happens_when_it_is_asked_for(local_stripe: LocalStripe) -> None:
    wanted = {"payment_method_options": {"card": {"request_three_d_secure": "any"}}}

    assert pay(local_stripe, "pm_card_threeDSecureOptional").status == "succeeded"
    assert pay(local_stripe, "pm_card_threeDSecureOptional", **wanted).status == "requires_action"
    assert pay(local_stripe, "pm_card_visa", **wanted).status == "succeeded"


def test_a_card_that_is_set_up_once_pays_alone_later(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    owner = v1.customers.create({}).id
    method = v1.payment_methods.attach("pm_card_authenticationRequiredOnSetup", {"customer": owner}).id
    with pytest.raises(stripe.CardError):
        pay(local_stripe, method, customer=owner, off_session=True)

    first = pay(local_stripe, method, customer=owner, setup_future_usage="off_session")
    local_stripe.authenticate(first.id)

    assert pay(local_stripe, method, customer=owner, off_session=True).status == "succeeded"
    assert pay(local_stripe, method, customer=owner).status == "requires_action"


def test_with_manual_confirmation_the_server_confirms_once_more(local_stripe: LocalStripe) -> None:
    made = pay(local_stripe, "pm_card_authenticationRequired", confirmation_method="manual")

    assert local_stripe.authenticate(made.id)["status"] == "requires_confirmation"
    again = local_stripe.client().v1.payment_intents.confirm(made.id, {"return_url": "https://shop.test"})

    assert again.status == "succeeded"


def test_nobody_can_authenticate_what_does_not_wait(local_stripe: LocalStripe) -> None:
    made = pay(local_stripe, "pm_card_visa")

    with pytest.raises(ValueError, match="it waits for no authentication"):
        local_stripe.authenticate(made.id)
    with pytest.raises(KeyError, match="there is no payment intent 'pi_nobody'"):
        local_stripe.authenticate("pi_nobody")


def test_another_card_can_be_tried_while_the_first_waits_for_its_buyer(local_stripe: LocalStripe) -> None:
    made = pay(local_stripe, "pm_card_authenticationRequired")

    second = local_stripe.client().v1.payment_intents.confirm(
        made.id, {"payment_method": "pm_card_visa", "return_url": "https://shop.test"}
    )

    assert (second.status, second.next_action) == ("succeeded", None)


@pytest.mark.parametrize("currency", sorted(MINIMUM))
def test_every_currency_has_its_smallest_charge(local_stripe: LocalStripe, currency: str) -> None:
    v1 = local_stripe.client().v1
    least = MINIMUM[currency]

    assert v1.charges.create({"amount": least, "currency": currency, "source": "tok_visa"}).amount == least
    with pytest.raises(stripe.InvalidRequestError) as refused:
        v1.charges.create({"amount": least - 1, "currency": currency.upper(), "source": "tok_visa"})
    assert refused.value.code == "amount_too_small"


def test_a_three_decimal_currency_ends_in_zero(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1

    assert v1.charges.create({"amount": 5120, "currency": "kwd", "source": "tok_visa"}).amount == 5120
    with pytest.raises(stripe.InvalidRequestError, match="the last digit"):
        v1.charges.create({"amount": 5124, "currency": "kwd", "source": "tok_visa"})


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (2000, "usd", "$20.00"),
        (5, "usd", "$0.05"),
        (2000, "jpy", "¥2,000"),
        (1234, "kwd", "1.234"),
        (99, "eur", "€0.99"),
    ],
)
def test_amounts_are_shown_as_people_write_them(amount: int, currency: str, shown: str) -> None:
    assert format_amount(amount, currency) == shown


def test_eight_digits_are_the_most() -> None:
    check_amount(99_999_999, "usd")
    with pytest.raises(StripeRefusal, match=r"no more than \$999,999.99"):
        check_amount(100_000_000, "usd")


def test_a_card_knows_its_last_four_digits() -> None:
    assert BankCard("378282246310005", "amex").last4 == "0005"
