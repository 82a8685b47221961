"""The contract of charges."""

from __future__ import annotations

import pytest
import stripe

from tests.contracts.stripe.words import charge, error_of, eventually


def test_a_charge_takes_the_money_at_once(client: stripe.StripeClient) -> None:
    made = charge(client)

    assert (made.status, made.paid, made.captured) == ("succeeded", True, True)
    assert (made.amount, made.amount_captured, made.amount_refunded, made.currency) == (2000, 2000, 0, "usd")
    assert made.id.startswith("ch_")
    assert made.livemode is False


def test_a_charge_shows_its_card(client: stripe.StripeClient) -> None:
    details = charge(client, "tok_mastercard").payment_method_details

    assert details is not None
    assert details.card is not None
    assert (details.type, details.card.brand, details.card.last4) == ("card", "mastercard", "4444")


def test_a_charge_is_found_again_by_its_id(client: stripe.StripeClient) -> None:
    made = charge(client, metadata={"order": "7"}, description="an order")

    found = client.v1.charges.retrieve(made.id)

    assert (found.id, found.amount, found.description) == (made.id, 2000, "an order")
    assert found.metadata.to_dict() == {"order": "7"}


def test_metadata_is_merged_and_an_empty_value_takes_a_name_away(client: stripe.StripeClient) -> None:
    made = charge(client, metadata={"order": "7", "user": "ada"})

    changed = client.v1.charges.update(made.id, {"metadata": {"user": "", "attempt": "2"}})

    assert changed.metadata.to_dict() == {"attempt": "2", "order": "7"}


def test_a_declined_card_raises_card_error_with_its_decline_code(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as declined:
        charge(client, "tok_visa_chargeDeclinedInsufficientFunds")

    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    assert error_of(declined.value)["decline_code"] == "insufficient_funds"


def test_a_decline_leaves_a_failed_charge_behind(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as declined:
        charge(client, "tok_visa_chargeDeclined")

    failed = client.v1.charges.retrieve(error_of(declined.value)["charge"])

    assert (failed.status, failed.paid, failed.failure_code) == ("failed", False, "card_declined")
    assert failed.amount_captured == 0


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("tok_chargeDeclinedExpiredCard", "expired_card"),
        ("tok_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
        ("tok_chargeDeclinedProcessingError", "processing_error"),
    ],
)
def test_each_declined_card_has_its_own_code(client: stripe.StripeClient, token: str, code: str) -> None:
    with pytest.raises(stripe.CardError) as declined:
        charge(client, token)

    assert declined.value.code == code


def test_a_charge_can_be_authorised_first_and_captured_later(client: stripe.StripeClient) -> None:
    held = charge(client, capture=False)
    assert (held.status, held.captured, held.amount_captured) == ("succeeded", False, 0)

    taken = client.v1.charges.capture(held.id)

    assert (taken.captured, taken.amount_captured) == (True, 2000)


def test_less_than_what_was_authorised_can_be_captured(client: stripe.StripeClient) -> None:
    held = charge(client, capture=False)

    taken = client.v1.charges.capture(held.id, {"amount": 1500})

    assert (taken.amount, taken.amount_captured) == (2000, 1500)


def test_more_than_what_was_authorised_can_not_be_captured(client: stripe.StripeClient) -> None:
    held = charge(client, capture=False)

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.charges.capture(held.id, {"amount": 2500})


def test_a_charge_is_captured_once(client: stripe.StripeClient) -> None:
    made = charge(client)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.charges.capture(made.id)

    assert refused.value.code == "charge_already_captured"


def test_a_test_token_serves_again_and_again(client: stripe.StripeClient) -> None:
    assert charge(client).id != charge(client).id


def test_a_charge_goes_into_the_books_with_its_fee(client: stripe.StripeClient) -> None:
    made = charge(client)

    booked = client.v1.balance_transactions.retrieve(str(made.balance_transaction))

    assert (booked.amount, booked.type, booked.source) == (2000, "charge", made.id)
    assert 0 < booked.fee < 2000
    assert booked.net == 2000 - booked.fee


def test_a_charge_in_yen_has_no_cents(client: stripe.StripeClient) -> None:
    assert charge(client, currency="jpy", amount=500).amount == 500


def test_a_card_that_provokes_a_dispute_is_charged_and_then_disputed(client: stripe.StripeClient) -> None:
    made = charge(client, "tok_createDispute")
    assert made.disputed is False

    dispute = eventually(lambda: client.v1.disputes.list({"charge": made.id}).data)[0]

    assert (dispute.amount, dispute.reason, dispute.status) == (2000, "fraudulent", "needs_response")
    assert client.v1.charges.retrieve(made.id).disputed is True


def test_winning_evidence_wins_a_dispute(client: stripe.StripeClient) -> None:
    made = charge(client, "tok_createDispute")
    dispute = eventually(lambda: client.v1.disputes.list({"charge": made.id}).data)[0]

    client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})

    assert eventually(lambda: client.v1.disputes.retrieve(dispute.id).status == "won")
