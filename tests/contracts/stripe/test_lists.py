"""The contract of lists, searches and expansion."""

from __future__ import annotations

import pytest
import stripe

from tests.contracts.stripe.words import charge, eventually, new_key, paid


def test_a_list_has_the_newest_first(client: stripe.StripeClient) -> None:
    made = [charge(client).id for _ in range(3)]

    assert [found.id for found in client.v1.charges.list({"limit": 3})] == made[::-1]


def test_a_page_says_whether_there_is_more(client: stripe.StripeClient) -> None:
    made = [charge(client).id for _ in range(3)]

    first = client.v1.charges.list({"limit": 2})
    second = client.v1.charges.list({"limit": 1, "starting_after": first.data[-1].id})

    assert first.has_more is True
    assert [found.id for found in (*first.data, *second.data)] == made[::-1]


def test_a_page_can_be_read_backwards(client: stripe.StripeClient) -> None:
    made = [charge(client).id for _ in range(4)]

    page = client.v1.charges.list({"limit": 2, "ending_before": made[0]})

    assert [found.id for found in page.data] == [made[2], made[1]]


def test_the_library_pages_by_itself(client: stripe.StripeClient) -> None:
    owner = client.v1.customers.create({"source": "tok_visa"})
    made = [client.v1.charges.create({"amount": 500, "currency": "usd", "customer": owner.id}).id for _ in range(5)]

    found = client.v1.charges.list({"customer": owner.id, "limit": 2})

    assert [each.id for each in found.auto_paging_iter()] == made[::-1]


def test_a_list_can_be_of_one_moment(client: stripe.StripeClient) -> None:
    made = charge(client)
    since, until = made.created - 1, made.created + 1

    found = {each.id for each in client.v1.charges.list({"created": {"gt": since, "lt": until}, "limit": 100})}
    later = {each.id for each in client.v1.charges.list({"created": {"gt": until + 3600}, "limit": 100})}

    assert made.id in found
    assert made.id not in later


def test_a_list_can_be_of_one_intent(client: stripe.StripeClient) -> None:
    charge(client)
    made = paid(client)

    assert [found.id for found in client.v1.charges.list({"payment_intent": made.id})] == [made.latest_charge]


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_has_1_to_100_items(client: stripe.StripeClient, limit: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.charges.list({"limit": limit})

    assert refused.value.param == "limit"


def test_a_cursor_must_be_there(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.charges.list({"starting_after": "ch_nobody"})

    assert (refused.value.code, refused.value.param) == ("resource_missing", "starting_after")


def test_an_id_can_be_expanded_to_its_object(client: stripe.StripeClient) -> None:
    made = charge(client)

    plain = client.v1.charges.retrieve(made.id)
    wide = client.v1.charges.retrieve(made.id, {"expand": ["balance_transaction"]})

    assert isinstance(plain.balance_transaction, str)
    assert isinstance(wide.balance_transaction, stripe.BalanceTransaction)
    assert wide.balance_transaction.id == plain.balance_transaction


def test_expansion_goes_several_levels_deep(client: stripe.StripeClient) -> None:
    made = paid(client)

    wide = client.v1.payment_intents.retrieve(made.id, {"expand": ["latest_charge.payment_intent"]})

    assert isinstance(wide.latest_charge, stripe.Charge)
    assert isinstance(wide.latest_charge.payment_intent, stripe.PaymentIntent)
    assert wide.latest_charge.payment_intent.id == made.id


def test_items_of_a_list_can_be_expanded(client: stripe.StripeClient) -> None:
    charge(client)

    (found,) = client.v1.charges.list({"limit": 1, "expand": ["data.balance_transaction"]}).data

    assert isinstance(found.balance_transaction, stripe.BalanceTransaction)


def test_a_charges_refunds_come_when_they_are_expanded(client: stripe.StripeClient) -> None:
    made = charge(client)
    refund = client.v1.refunds.create({"charge": made.id, "amount": 500})

    wide = client.v1.charges.retrieve(made.id, {"expand": ["refunds"]})

    assert wide.refunds is not None
    assert [each.id for each in wide.refunds.data] == [refund.id]


def test_what_can_not_be_expanded_is_refused_before_anything_is_done(client: stripe.StripeClient) -> None:
    before = client.v1.charges.list({"limit": 1}).data

    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        charge(client, expand=["amount"])

    assert [each.id for each in client.v1.charges.list({"limit": 1})] == [each.id for each in before]


def test_charges_are_found_by_their_metadata(client: stripe.StripeClient) -> None:
    order = new_key()
    made = charge(client, metadata={"order": order})

    found = eventually(lambda: client.v1.charges.search({"query": f'metadata["order"]:"{order}"'}).data)

    assert [each.id for each in found] == [made.id]


def test_intents_are_found_by_metadata_and_status(client: stripe.StripeClient) -> None:
    order = new_key()
    made = paid(client, metadata={"order": order})
    query = f'metadata["order"]:"{order}" AND status:"succeeded"'

    found = eventually(lambda: client.v1.payment_intents.search({"query": query}).data)

    assert [each.id for each in found] == [made.id]
    other = client.v1.payment_intents.search({"query": f'metadata["order"]:"{order}" AND status:"canceled"'})
    assert other.data == []


def test_a_query_that_makes_no_sense_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.charges.search({"query": "what is this"})
