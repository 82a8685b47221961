"""Stripe's query language, as far as charges and payment intents are asked for."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from payments_lab.local_stripe import LocalStripe


@pytest.fixture
def shop(local_stripe: LocalStripe) -> stripe.StripeClient:
    """ch_1 to ch_4: two users, two currencies, two amounts, the last one refunded."""
    client = local_stripe.client()
    for amount, currency, user in (
        (1000, "usd", "Ada"),
        (2000, "usd", "grace"),
        (1000, "eur", "ada"),
        (2000, "eur", "x"),
    ):
        client.v1.charges.create(
            {
                "amount": amount,
                "currency": currency,
                "source": "tok_visa" if user != "x" else "tok_mastercard",
                "metadata": {"user": user, "it's": 'a "quote"'},
            }
        )
    client.v1.refunds.create({"charge": "ch_4"})
    return client


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('metadata["user"]:"ada"', ["ch_3", "ch_1"]),
        ("metadata['user']:'ada' AND currency:'eur'", ["ch_3"]),
        ('metadata["user"]:"ada" currency:"usd"', ["ch_1"]),
        ('metadata["user"]:"ada" OR metadata["user"]:"grace"', ["ch_3", "ch_2", "ch_1"]),
        ('metadata["user"]~"ra"', ["ch_2"]),
        ('-metadata["user"]:"ada"', ["ch_4", "ch_2"]),
        ('metadata["nobody"]:null AND amount:2000', ["ch_4", "ch_2"]),
        ("amount>1000", ["ch_4", "ch_2"]),
        ("amount>=1000 AND amount<2000", ["ch_3", "ch_1"]),
        ("amount<=1000", ["ch_3", "ch_1"]),
        ('refunded:"true"', ["ch_4"]),
        ("disputed:'false' amount:2000", ["ch_4", "ch_2"]),
        ('payment_method_details.card.brand:"mastercard"', ["ch_4"]),
        ('customer:null AND currency:"USD"', ["ch_2", "ch_1"]),
        ('metadata["it\'s"]:"a \\"quote\\"" AND amount>1500', ["ch_4", "ch_2"]),
        ("created>0 AND status:succeeded", ["ch_4", "ch_3", "ch_2", "ch_1"]),
        ('status:"failed"', []),
    ],
)
def test_a_query_finds_what_it_asks_for(shop: stripe.StripeClient, query: str, found: list[str]) -> None:
    assert [charge.id for charge in shop.v1.charges.search({"query": query}).data] == found


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        "ada",
        'metadata:"x"',
        'amount["x"]:1',
        "amount:ada",
        "amount~1",
        'currency>"usd"',
        'status:"a" AND currency:"b" OR amount:1',
        'nothing:"x"',
        'status:"succeeded',
        'status:"a"AND',
        'status:"a" AND',
        " AND ".join(["amount:1"] * 11),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(shop: stripe.StripeClient, query: str) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.charges.search({"query": query})


def test_the_library_pages_through_what_is_found(shop: stripe.StripeClient) -> None:
    page = shop.v1.charges.search({"query": "amount>0", "limit": 3})

    assert page.has_more is True
    assert [charge.id for charge in page.auto_paging_iter()] == ["ch_4", "ch_3", "ch_2", "ch_1"]


@pytest.mark.parametrize("page", ["tomorrow", "before_x", "before_"])
def test_a_page_that_was_never_given_is_refused(shop: stripe.StripeClient, page: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Invalid page"):
        shop.v1.charges.search({"query": "amount>0", "page": page})


def test_changed_metadata_is_found_under_its_new_value(shop: stripe.StripeClient) -> None:
    def found(user: str) -> list[str]:
        return [charge.id for charge in shop.v1.charges.search({"query": f'metadata["user"]:"{user}"'}).data]

    assert found("grace") == ["ch_2"]
    shop.v1.charges.update("ch_2", {"metadata": {"user": "alan"}})

    assert (found("grace"), found("alan")) == ([], ["ch_2"])


def test_lists_stay_right_when_what_they_filter_by_changes(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    owner = v1.customers.create({}).id
    methods = [v1.payment_methods.attach("pm_card_visa", {"customer": owner}).id for _ in range(3)]

    def kept() -> list[str]:
        return [method.id for method in v1.payment_methods.list({"customer": owner})]

    assert kept() == methods[::-1]
    v1.payment_methods.detach(methods[1])

    assert kept() == [methods[2], methods[0]]


def test_a_deleted_customer_leaves_the_lists(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    made = [v1.customers.create({"email": "ada@shop.test"}).id for _ in range(4)]
    assert len(v1.customers.list({"email": "ada@shop.test"}).data) == 4

    v1.customers.delete(made[1])

    assert [each.id for each in v1.customers.list({"email": "ada@shop.test"})] == [made[3], made[2], made[0]]
    assert [each.id for each in v1.customers.list({"limit": 2, "starting_after": made[2]})] == [made[0]]
    assert [each.id for each in v1.customers.list({"limit": 2, "ending_before": made[0]})] == [made[3], made[2]]
    assert len(v1.customers.list({"created": {"gte": 0}}).data) == 3


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ({"gt": 10}, [3, 2]),
        ({"gte": 10}, [3, 2, 1]),
        ({"lt": 20}, [1, 0]),
        ({"lte": 20}, [2, 1, 0]),
        ({"gt": 0, "lt": 30}, [2, 1]),
        (20, [2]),
        ({"gt": 30}, []),
    ],
)
def test_a_list_keeps_to_its_bounds_in_time(local_stripe: LocalStripe, bounds: Any, found: list[int]) -> None:
    v1 = local_stripe.client().v1
    start = int(local_stripe.clock.now().timestamp())
    for _ in range(4):
        v1.customers.create({})
        local_stripe.clock.advance(10)  # pyright: ignore[reportAttributeAccessIssue]
    moved = {name: start + value for name, value in bounds.items()} if isinstance(bounds, dict) else start + bounds

    assert [int(each.id[4:]) - 1 for each in v1.customers.list({"created": moved})] == found
