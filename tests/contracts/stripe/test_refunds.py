"""The contract of refunds."""

from __future__ import annotations

import pytest
import stripe

from tests.contracts.stripe.words import charge, eventually, paid


def test_a_refund_gives_everything_back(client: stripe.StripeClient) -> None:
    made = charge(client)

    refund = client.v1.refunds.create({"charge": made.id})

    assert (refund.status, refund.amount, refund.charge) == ("succeeded", 2000, made.id)
    again = client.v1.charges.retrieve(made.id)
    assert (again.refunded, again.amount_refunded, again.status) == (True, 2000, "succeeded")


def test_refunds_in_parts_add_up(client: stripe.StripeClient) -> None:
    made = charge(client)

    client.v1.refunds.create({"charge": made.id, "amount": 500})
    half = client.v1.charges.retrieve(made.id)
    client.v1.refunds.create({"charge": made.id})

    assert (half.refunded, half.amount_refunded) == (False, 500)
    assert client.v1.charges.retrieve(made.id).refunded is True
    assert sorted(refund.amount for refund in client.v1.refunds.list({"charge": made.id})) == [500, 1500]


def test_no_refund_exceeds_the_charge(client: stripe.StripeClient) -> None:
    made = charge(client)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": made.id, "amount": 2001})

    assert refused.value.param == "amount"
    assert client.v1.charges.retrieve(made.id).amount_refunded == 0


def test_what_is_refunded_can_not_be_refunded_again(client: stripe.StripeClient) -> None:
    made = charge(client)
    client.v1.refunds.create({"charge": made.id})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": made.id})

    assert refused.value.code == "charge_already_refunded"


def test_a_refund_is_booked_and_the_fee_is_kept(client: stripe.StripeClient) -> None:
    refund = client.v1.refunds.create({"charge": charge(client).id})

    booked = client.v1.balance_transactions.retrieve(str(refund.balance_transaction))

    assert (booked.amount, booked.fee, booked.net, booked.type) == (-2000, 0, -2000, "refund")


def test_a_payment_intent_can_be_refunded_by_its_id(client: stripe.StripeClient) -> None:
    made = paid(client)

    refund = client.v1.refunds.create({"payment_intent": made.id, "reason": "requested_by_customer"})

    assert (refund.payment_intent, refund.charge, refund.amount) == (made.id, made.latest_charge, 2000)
    assert refund.reason == "requested_by_customer"


def test_a_refund_needs_something_to_refund(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"amount": 100})


def test_an_unpaid_payment_intent_has_nothing_to_refund(client: stripe.StripeClient) -> None:
    made = client.v1.payment_intents.create({"amount": 2000, "currency": "usd"})

    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge to refund"):
        client.v1.refunds.create({"payment_intent": made.id})


def test_a_disputed_charge_can_not_be_refunded(client: stripe.StripeClient) -> None:
    made = charge(client, "tok_createDispute")
    eventually(lambda: client.v1.disputes.list({"charge": made.id}).data)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": made.id})

    assert refused.value.code == "charge_disputed"


def test_a_refund_keeps_its_metadata(client: stripe.StripeClient) -> None:
    refund = client.v1.refunds.create({"charge": charge(client).id, "metadata": {"why": "broken"}})

    found = client.v1.refunds.retrieve(refund.id)
    assert found.metadata is not None
    assert found.metadata.to_dict() == {"why": "broken"}
