"""The contract of customers, their cards and payment methods, and of tokens."""

from __future__ import annotations

import pytest
import stripe

from tests.contracts.stripe.words import NO_REDIRECTS, charge, paid


def test_a_customer_is_kept_and_changed(client: stripe.StripeClient) -> None:
    made = client.v1.customers.create({"email": "ada@example.com", "name": "Ada", "metadata": {"user": "ada"}})

    changed = client.v1.customers.update(made.id, {"name": "Ada L.", "metadata": {"plan": "a"}})

    assert (changed.email, changed.name) == ("ada@example.com", "Ada L.")
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"plan": "a", "user": "ada"}


def test_a_deleted_customer_is_remembered_as_deleted(client: stripe.StripeClient) -> None:
    made = client.v1.customers.create({"email": "ada@example.com"})

    gone = client.v1.customers.delete(made.id)
    found = client.v1.customers.retrieve(made.id)

    assert gone.deleted is True
    assert (found.id, found.deleted) == (made.id, True)


def test_a_customer_is_charged_by_the_card_on_file(client: stripe.StripeClient) -> None:
    owner = client.v1.customers.create({"source": "tok_visa"})

    made = client.v1.charges.create({"amount": 2000, "currency": "usd", "customer": owner.id})

    assert (made.paid, made.customer, made.payment_method) == (True, owner.id, owner.default_source)


def test_a_customer_without_a_card_can_not_be_charged(client: stripe.StripeClient) -> None:
    owner = client.v1.customers.create({})

    with pytest.raises(stripe.CardError, match="Cannot charge a customer that has no active card"):
        client.v1.charges.create({"amount": 2000, "currency": "usd", "customer": owner.id})


def test_a_card_that_the_bank_declines_can_not_be_put_on_file(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as declined:
        client.v1.customers.create({"source": "tok_chargeDeclined"})

    assert declined.value.code == "card_declined"


def test_a_card_may_be_fine_on_file_and_declined_when_charged(client: stripe.StripeClient) -> None:
    owner = client.v1.customers.create({"source": "tok_chargeCustomerFail"})

    with pytest.raises(stripe.CardError):
        client.v1.charges.create({"amount": 2000, "currency": "usd", "customer": owner.id})


def test_a_payment_method_is_attached_and_used_again_and_again(client: stripe.StripeClient) -> None:
    owner = client.v1.customers.create({})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": owner.id})

    first = paid(client, method.id, customer=owner.id)
    second = paid(client, method.id, customer=owner.id)

    assert (first.status, second.status) == ("succeeded", "succeeded")
    assert [each.id for each in client.v1.payment_methods.list({"customer": owner.id})] == [method.id]


def test_a_payment_method_of_somebody_else_is_refused(client: stripe.StripeClient) -> None:
    owner, other = client.v1.customers.create({}), client.v1.customers.create({})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": owner.id})

    with pytest.raises(stripe.InvalidRequestError):
        paid(client, method.id, customer=other.id)


def test_a_detached_payment_method_is_of_no_use_any_more(client: stripe.StripeClient) -> None:
    owner = client.v1.customers.create({})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": owner.id})
    assert client.v1.payment_methods.detach(method.id).customer is None

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_methods.attach(method.id, {"customer": owner.id})


def test_paying_can_keep_the_payment_method_for_later(client: stripe.StripeClient) -> None:
    owner = client.v1.customers.create({})

    made = paid(client, customer=owner.id, setup_future_usage="off_session")

    kept = client.v1.payment_methods.retrieve(str(made.payment_method))
    assert kept.customer == owner.id


def test_a_card_that_was_set_up_needs_no_buyer_later(client: stripe.StripeClient) -> None:
    owner = client.v1.customers.create({})
    method = client.v1.payment_methods.attach(
        "pm_card_authenticationRequiredSetupForOffSession", {"customer": owner.id}
    )

    away = paid(client, method.id, customer=owner.id, off_session=True)
    present = paid(client, method.id, customer=owner.id)

    assert (away.status, present.status) == ("succeeded", "requires_action")


def test_a_token_becomes_a_payment_method(client: stripe.StripeClient) -> None:
    method = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_mastercard"}})

    assert method.card is not None
    assert (method.card.brand, method.card.last4) == ("mastercard", "4444")


def test_details_of_a_token_pay_directly(client: stripe.StripeClient) -> None:
    made = client.v1.payment_intents.create(
        {
            "amount": 2000,
            "currency": "usd",
            "confirm": True,
            "payment_method_data": {"type": "card", "card": {"token": "tok_visa"}},  # pyright: ignore[reportArgumentType]
            **NO_REDIRECTS,
        }
    )

    assert made.status == "succeeded"


def test_charges_and_payment_intents_share_one_list_of_charges(client: stripe.StripeClient) -> None:
    first = charge(client)
    second = paid(client)

    assert [each.id for each in client.v1.charges.list({"limit": 2})] == [second.latest_charge, first.id]
