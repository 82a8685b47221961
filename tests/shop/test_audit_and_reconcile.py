"""The books held side by side: every way in which they can differ is named, and healed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from payments_lab.lab import Lab
from payments_lab.shop.audit import audit
from payments_lab.shop.orders import Order
from payments_lab.shop.reconcile import Reconciler
from payments_lab.shop.status import OrderStatus

pytestmark = pytest.mark.anyio


@pytest.fixture
async def paid(lab: Lab, order: Order) -> Order:
    await lab.payments.create_charge(order_id=order.id, token="tok_visa", user_id="ada")
    await lab.settle()
    return await lab.orders.get(order.id)


async def rogue_charge(lab: Lab, order: Order, amount: int = 2000) -> str:
    params: Any = {"amount": amount, "currency": "usd", "source": "tok_visa", "metadata": {"orderId": order.id}}
    return (await lab.stripe.client().v1.charges.create_async(params)).id


async def set_order(lab: Lab, order: Order, status: OrderStatus, version: int) -> None:
    await lab.orders.orders.update_one({"_id": order.id}, {"$set": {"status": status.value, "version": version}})


def rules(lab: Lab) -> set[str]:
    return {difference.rule for difference in audit(lab.books())}


async def healed(lab: Lab) -> set[str]:
    """The rules that were broken, once everything is mended, long after it happened; none may be left."""
    lab.clock.advance(timedelta(minutes=5))
    reconciler = Reconciler(lab.orders, lab.payments)
    mended = {difference.rule for difference in await reconciler.heal()}
    await lab.settle()
    assert await reconciler.differences() == []
    assert rules(lab) == set()
    return mended


async def test_the_books_of_a_paid_order_agree(lab: Lab, paid: Order) -> None:
    assert rules(lab) == set()
    assert await healed(lab) == set()


async def test_a_second_charge_is_named_and_goes_back(lab: Lab, paid: Order) -> None:
    await rogue_charge(lab, paid)

    assert rules(lab) == {"charged-at-most-once", "charge-has-payment"}
    await healed(lab)
    assert [charge["amount_refunded"] for charge in lab.stripe.charges()] == [0, 2000]


async def test_a_charge_without_a_payment_is_named_and_goes_back(lab: Lab, order: Order) -> None:
    await rogue_charge(lab, order)

    assert rules(lab) == {"charge-has-payment", "paid-order-completes"}
    await healed(lab)


async def test_a_wrong_amount_is_named(lab: Lab, order: Order) -> None:
    await rogue_charge(lab, order, amount=200000)

    assert "amount-is-the-price" in rules(lab)
    await healed(lab)


async def test_a_paid_order_that_never_completed_hears_of_its_payment_again(lab: Lab, paid: Order) -> None:
    await set_order(lab, paid, OrderStatus.CREATED, 0)
    await lab.payments.orders.update_one({"_id": paid.id}, {"$set": {"status": "created", "version": 0}})

    assert rules(lab) == {"paid-order-completes"}
    assert await healed(lab) == {"paid-order-completes"}
    assert (await lab.orders.get(paid.id)).status is OrderStatus.COMPLETE


async def test_a_cancelled_order_that_kept_its_money_is_refunded(lab: Lab, paid: Order) -> None:
    await set_order(lab, paid, OrderStatus.CANCELLED, 2)

    assert rules(lab) == {"cancelled-order-keeps-no-money", "replica-converges"}
    await healed(lab)
    assert [charge["refunded"] for charge in lab.stripe.charges()] == [True]


async def test_a_replica_that_missed_everything_catches_up(lab: Lab, paid: Order) -> None:
    await lab.payments.orders.delete_one({"_id": paid.id})

    assert rules(lab) == {"replica-converges"}
    assert await healed(lab) == {"replica-converges"}


async def test_a_payment_that_was_never_announced_is_named(lab: Lab, paid: Order) -> None:
    books = lab.books()
    silent = replace(books, announced=frozenset())

    assert [difference.rule for difference in audit(silent)] == ["payment-is-published"]


async def challenged(lab: Lab, order: Order) -> str:
    """The id of an intent that waits for Ada at her bank."""
    asks = "pm_card_threeDSecure2Required"
    await lab.payments.create_intent(order_id=order.id, payment_method=asks, user_id="ada")
    return lab.stripe.payment_intents()[-1]["id"]


async def status_of_payment(lab: Lab) -> str:
    (payment,) = await lab.payments.payments.find({}).to_list()
    return payment["status"]


async def test_a_payment_that_rightly_waits_is_no_difference(lab: Lab, order: Order) -> None:
    await challenged(lab, order)
    reconciler = Reconciler(lab.orders, lab.payments)

    assert (rules(lab), await reconciler.differences(), await reconciler.heal()) == (set(), [], [])
    assert await status_of_payment(lab) == "waiting"


async def test_a_payment_that_waits_although_stripe_has_its_money_is_named_and_paid(lab: Lab, order: Order) -> None:
    lab.stripe.authenticate(await challenged(lab, order))

    assert rules(lab) == {"charge-has-payment", "paid-order-completes", "waiting-payment-is-undecided"}
    await lab.payments.payments.update_one({}, {"$set": {"askedAt": lab.clock.now() + timedelta(minutes=5)}})
    assert await healed(lab) == {"charge-has-payment", "paid-order-completes", "waiting-payment-is-undecided"}
    assert (await lab.orders.get(order.id)).status is OrderStatus.COMPLETE
    assert lab.stripe.refunds() == []


async def test_a_payment_that_waits_although_its_challenge_failed_is_named_and_fails(lab: Lab, order: Order) -> None:
    lab.stripe.authenticate(await challenged(lab, order), succeed=False)

    assert rules(lab) == {"waiting-payment-is-undecided"}
    await healed(lab)
    assert await status_of_payment(lab) == "failed"


async def test_an_intent_that_could_take_money_for_a_cancelled_order_is_named_and_closed(
    lab: Lab, order: Order
) -> None:
    intent = await challenged(lab, order)
    await set_order(lab, order, OrderStatus.CANCELLED, 1)

    assert rules(lab) == {"replica-converges", "open-intent-is-awaited"}
    await healed(lab)
    assert lab.stripe.payment_intents()[0]["status"] == "canceled"
    with pytest.raises(ValueError, match="waits for no authentication"):
        lab.stripe.authenticate(intent)


async def test_an_intent_that_no_payment_waits_for_is_named_and_closed(lab: Lab, paid: Order) -> None:
    params: Any = {"amount": 2000, "currency": "usd", "metadata": {"orderId": paid.id, "attempt": "att_0"}}
    await lab.stripe.client().v1.payment_intents.create_async(params)

    assert rules(lab) == {"open-intent-is-awaited"}
    assert await healed(lab) == {"open-intent-is-awaited"}


async def test_intents_that_are_not_ours_are_left_alone(lab: Lab, paid: Order) -> None:
    await lab.stripe.client().v1.payment_intents.create_async({"amount": 2000, "currency": "usd"})

    assert await healed(lab) == set()
    assert lab.stripe.payment_intents()[0]["status"] == "requires_payment_method"
