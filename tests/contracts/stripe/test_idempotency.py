"""The contract of idempotency keys."""

from __future__ import annotations

import pytest
import stripe

from tests.contracts.stripe.words import error_of, new_key

PLAIN = {"amount": 2000, "currency": "usd", "source": "tok_visa"}


def test_the_same_key_gives_the_same_charge_again(client: stripe.StripeClient) -> None:
    key = new_key()

    first = client.v1.charges.create(PLAIN, {"idempotency_key": key})  # pyright: ignore[reportArgumentType]
    second = client.v1.charges.create(PLAIN, {"idempotency_key": key})  # pyright: ignore[reportArgumentType]

    assert first.id == second.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers


def test_a_replay_is_the_first_answer_even_when_the_charge_has_changed(client: stripe.StripeClient) -> None:
    key = new_key()
    first = client.v1.charges.create(PLAIN, {"idempotency_key": key})  # pyright: ignore[reportArgumentType]
    client.v1.refunds.create({"charge": first.id})

    again = client.v1.charges.create(PLAIN, {"idempotency_key": key})  # pyright: ignore[reportArgumentType]

    assert (again.id, again.amount_refunded) == (first.id, 0)


def test_another_key_is_another_charge(client: stripe.StripeClient) -> None:
    first = client.v1.charges.create(PLAIN, {"idempotency_key": new_key()})  # pyright: ignore[reportArgumentType]
    second = client.v1.charges.create(PLAIN, {"idempotency_key": new_key()})  # pyright: ignore[reportArgumentType]

    assert first.id != second.id


def test_a_key_with_other_parameters_is_an_idempotency_error(client: stripe.StripeClient) -> None:
    key = new_key()
    client.v1.charges.create(PLAIN, {"idempotency_key": key})  # pyright: ignore[reportArgumentType]

    with pytest.raises(stripe.IdempotencyError) as refused:
        client.v1.charges.create({**PLAIN, "amount": 3000}, {"idempotency_key": key})  # pyright: ignore[reportArgumentType]

    assert refused.value.http_status == 400
    assert error_of(refused.value)["type"] == "idempotency_error"


def test_a_decline_is_replayed_too(client: stripe.StripeClient) -> None:
    key = new_key()
    declined = {**PLAIN, "source": "tok_visa_chargeDeclined"}
    charges: list[str] = []

    for _ in range(2):
        with pytest.raises(stripe.CardError) as refused:
            client.v1.charges.create(declined, {"idempotency_key": key})  # pyright: ignore[reportArgumentType]
        charges.append(error_of(refused.value)["charge"])

    assert charges[0] == charges[1]
    assert refused.value.headers is not None
    assert refused.value.headers["Idempotent-Replayed"] == "true"


def test_a_key_traps_the_buyer_of_a_declined_card(client: stripe.StripeClient) -> None:
    key = new_key()
    with pytest.raises(stripe.CardError):
        client.v1.charges.create({**PLAIN, "source": "tok_visa_chargeDeclined"}, {"idempotency_key": key})  # pyright: ignore[reportArgumentType]

    with pytest.raises(stripe.IdempotencyError):
        client.v1.charges.create(PLAIN, {"idempotency_key": key})  # pyright: ignore[reportArgumentType]


def test_a_wrong_parameter_does_not_use_the_key_up(client: stripe.StripeClient) -> None:
    key = new_key()
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.charges.create({**PLAIN, "amount": 1}, {"idempotency_key": key})  # pyright: ignore[reportArgumentType]

    made = client.v1.charges.create(PLAIN, {"idempotency_key": key})  # pyright: ignore[reportArgumentType]

    assert made.paid is True


def test_refunds_and_intents_have_keys_too(client: stripe.StripeClient) -> None:
    charge = client.v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]
    keys = new_key(), new_key()

    refunds = {
        client.v1.refunds.create({"charge": charge.id, "amount": 500}, {"idempotency_key": keys[0]}).id
        for _ in range(2)
    }
    intents = {
        client.v1.payment_intents.create({"amount": 2000, "currency": "usd"}, {"idempotency_key": keys[1]}).id
        for _ in range(2)
    }

    assert (len(refunds), len(intents)) == (1, 1)
    assert client.v1.charges.retrieve(charge.id).amount_refunded == 500


def test_a_key_is_at_most_255_characters_long(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.charges.create(PLAIN, {"idempotency_key": "k" * 256})  # pyright: ignore[reportArgumentType]
