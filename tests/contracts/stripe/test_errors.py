"""The contract of errors: types, statuses, codes and parameters."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.contracts.stripe.words import charge, error_of

PLAIN: dict[str, Any] = {"amount": 2000, "currency": "usd", "source": "tok_visa"}


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": "19.99"}, "parameter_invalid_integer", "amount"),
        ({"source": "tok_nobody"}, "resource_missing", "source"),
        ({"customer": "cus_nobody"}, "resource_missing", "customer"),
        ({"surprise": "1"}, "parameter_unknown", "surprise"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_code(
    client: stripe.StripeClient, wrong: dict[str, Any], code: str, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.charges.create({**PLAIN, **wrong})  # pyright: ignore[reportArgumentType]

    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)


def test_an_unknown_currency_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Invalid currency: zzz") as refused:
        charge(client, currency="zzz")

    assert refused.value.param == "currency"


@pytest.mark.parametrize("missing", ["amount", "currency"])
def test_a_missing_parameter_is_named(client: stripe.StripeClient, missing: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.charges.create({name: value for name, value in PLAIN.items() if name != missing})  # pyright: ignore[reportArgumentType]

    assert (refused.value.code, refused.value.param) == ("parameter_missing", missing)


def test_a_charge_needs_a_card(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Must provide source or customer"):
        client.v1.charges.create({"amount": 2000, "currency": "usd"})


def test_what_is_not_there_is_a_404(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.charges.retrieve("ch_nobody")

    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_an_unknown_address_is_a_404(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL") as refused:
        client.raw_request("get", "/v1/nothing_of_the_sort")

    assert refused.value.http_status == 404


def test_a_key_that_is_none_is_an_authentication_error(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.AuthenticationError) as refused:
        client.v1.charges.list({}, {"api_key": "nonsense"})

    assert refused.value.http_status == 401


def test_an_error_says_where_to_read_more(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        charge(client, amount=49)

    assert error_of(refused.value)["doc_url"].endswith("/error-codes/amount-too-small")
    assert refused.value.request_id


def test_every_answer_has_a_request_id_and_a_version(client: stripe.StripeClient) -> None:
    answer = charge(client).last_response

    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Stripe-Version"][:2] == "20"
    assert answer.request_id == answer.headers["request-id"]


def test_a_version_that_is_none_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version"):
        client.v1.charges.list({}, {"stripe_version": "yesterday"})
