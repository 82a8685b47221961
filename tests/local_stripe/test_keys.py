"""Who may ask for what: secret, restricted and publishable keys, and never a live one."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.requests import Request

CARD = {"number": "4242424242424242", "exp_month": "12", "exp_year": "2034", "cvc": "123"}


@pytest.mark.parametrize("key", ["sk_live_x", "rk_live_x", "pk_live_x"])
def test_a_live_key_is_refused(local_stripe: LocalStripe, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError, match="never takes a live key"):
        local_stripe.client(key).v1.charges.list()


@pytest.mark.parametrize("key", [None, ""])
def test_no_key_is_refused(local_stripe: LocalStripe, key: str | None) -> None:
    response = local_stripe.respond(Request("GET", "/v1/charges", {}, key))

    assert response.status == 401
    assert response.json["error"]["message"].startswith("You did not provide an API key.")


def test_a_wrong_key_is_shown_masked(local_stripe: LocalStripe) -> None:
    with pytest.raises(stripe.AuthenticationError, match=r"Invalid API Key provided: secr\*+") as refused:
        local_stripe.client("secret-of-mine").v1.charges.list()

    assert "of-mine" not in str(refused.value)


def test_a_stranger_does_not_learn_which_addresses_there_are(local_stripe: LocalStripe) -> None:
    assert local_stripe.respond(Request("GET", "/v1/nothing", {}, "nobody")).status == 401


def test_a_browser_makes_tokens_and_confirms_its_own_payment(local_stripe: LocalStripe) -> None:
    browser = local_stripe.client("pk_test_browser").v1
    made = local_stripe.client().v1.payment_intents.create({"amount": 2000, "currency": "usd"})
    secret = str(made.client_secret)

    assert browser.tokens.create({"card": CARD}).used is False
    method = browser.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    assert browser.payment_intents.retrieve(made.id, {"client_secret": secret}).status == "requires_payment_method"
    asked = {"payment_method": method.id, "client_secret": secret}
    done = browser.payment_intents.confirm(made.id, asked)  # pyright: ignore[reportArgumentType]

    assert done.status == "succeeded"


def test_a_browser_needs_the_secret_of_the_payment(local_stripe: LocalStripe) -> None:
    browser = local_stripe.client("pk_test_browser").v1
    made = local_stripe.client().v1.payment_intents.create({"amount": 2000, "currency": "usd"})

    with pytest.raises(stripe.InvalidRequestError, match="Missing required param: client_secret"):
        browser.payment_intents.retrieve(made.id)
    with pytest.raises(stripe.InvalidRequestError, match="No such payment_intent"):
        browser.payment_intents.retrieve(made.id, {"client_secret": "pi_1_secret_guess"})


def test_a_browser_may_do_nothing_else(local_stripe: LocalStripe) -> None:
    with pytest.raises(stripe.AuthenticationError) as refused:
        local_stripe.client("pk_test_browser").v1.charges.list()

    body: Any = refused.value.json_body
    assert body["error"]["code"] == "secret_key_required"


def test_a_restricted_key_does_only_what_it_may(local_stripe: LocalStripe) -> None:
    local_stripe.keys.restrict("rk_test_clerk", to=["charges:write", "refunds:read"])
    clerk = local_stripe.client("rk_test_clerk").v1

    made = clerk.charges.create({"amount": 2000, "currency": "usd", "source": "tok_visa"})

    assert clerk.charges.retrieve(made.id).paid is True
    assert clerk.refunds.list().data == []
    with pytest.raises(stripe.PermissionError, match="'refunds:write' permission") as refused:
        clerk.refunds.create({"charge": made.id})
    assert refused.value.http_status == 403
    assert local_stripe.client("rk_test_other").v1.refunds.create({"charge": made.id}).status == "succeeded"


def test_only_a_restricted_key_can_be_restricted(local_stripe: LocalStripe) -> None:
    with pytest.raises(ValueError, match="it starts with rk_test_"):
        local_stripe.keys.restrict("sk_test_x", to=[])


def test_a_reset_forgets_what_keys_may_do(local_stripe: LocalStripe) -> None:
    local_stripe.keys.restrict("rk_test_clerk", to=[])

    local_stripe.reset()

    assert local_stripe.client("rk_test_clerk").v1.charges.list().data == []
