"""The hardened payments service: each order's money is taken once, recorded, announced, and given back when due."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from payments_lab.lab import Lab
from payments_lab.shop.errors import (
    AlreadyPaid,
    Declined,
    InvalidRequest,
    NotTheOwner,
    OrderExpired,
    OrderIsCancelled,
    OrderNotFound,
    OutcomeUnknown,
    PaymentRefused,
)
from payments_lab.shop.orders import Order
from payments_lab.shop.payments import Payment
from payments_lab.shop.status import OrderStatus, PaymentStatus

pytestmark = pytest.mark.anyio


async def pay(lab: Lab, order: Order, token: str = "tok_visa", key: str | None = None) -> Payment:
    return await lab.payments.create_charge(order_id=order.id, token=token, user_id=order.user_id, idempotency_key=key)


def paid_charges(lab: Lab) -> list[Any]:
    return [charge for charge in lab.stripe.charges() if charge["paid"]]


def kept(lab: Lab) -> int:
    return sum(charge["amount"] - charge["amount_refunded"] for charge in paid_charges(lab))


async def test_a_payment_charges_the_replicas_price_and_completes_the_order(lab: Lab, order: Order) -> None:
    payment = await pay(lab, order)
    await lab.settle()

    (charge,) = paid_charges(lab)
    assert (charge["amount"], charge["currency"], charge["id"]) == (2000, "usd", payment.stripe_id)
    assert (await lab.orders.get(order.id)).status is OrderStatus.COMPLETE


async def test_an_unknown_order_is_not_found(lab: Lab) -> None:
    with pytest.raises(OrderNotFound):
        await lab.payments.create_charge(order_id="ord_404", token="tok_visa", user_id="ada")


async def test_somebody_elses_order_is_refused_before_anything_else_is_told(lab: Lab, order: Order) -> None:
    await lab.orders.cancel(order.id)
    await lab.settle()

    with pytest.raises(NotTheOwner):
        await lab.payments.create_charge(order_id=order.id, token="tok_visa", user_id="eve")

    assert lab.stripe.charges() == []


async def test_a_cancelled_order_takes_no_money(lab: Lab, order: Order) -> None:
    await lab.orders.cancel(order.id)
    await lab.settle()

    with pytest.raises(OrderIsCancelled):
        await pay(lab, order)

    assert lab.stripe.charges() == []


async def test_an_expired_order_takes_no_money_even_before_its_cancellation_arrives(lab: Lab, order: Order) -> None:
    lab.clock.advance(timedelta(minutes=15))

    with pytest.raises(OrderExpired):
        await pay(lab, order)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("orderId", {"order_id": ""}),
        ("orderId", {"order_id": {"$ne": None}}),
        ("token", {"token": " "}),
        ("token", {"token": None}),
        ("userId", {"user_id": ""}),
    ],
)
async def test_an_empty_or_foreign_value_is_refused_by_name(
    lab: Lab, order: Order, field: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await lab.payments.create_charge(**{"order_id": order.id, "token": "tok_visa", "user_id": "ada", **arguments})

    assert refused.value.body()["errors"][0]["field"] == field


async def test_a_paid_order_cannot_be_paid_again(lab: Lab, order: Order) -> None:
    await pay(lab, order)

    with pytest.raises(AlreadyPaid):
        await pay(lab, order)
    await lab.settle()
    with pytest.raises(AlreadyPaid):
        await pay(lab, order)

    assert len(paid_charges(lab)) == 1


async def test_the_same_key_gives_the_same_payment_and_no_second_charge(lab: Lab, order: Order) -> None:
    first = await pay(lab, order, key="click-1")
    await lab.settle()

    assert await pay(lab, order, key="click-1") == first
    assert len(paid_charges(lab)) == 1


async def test_a_declined_buyer_may_pay_with_another_card(lab: Lab, order: Order) -> None:
    with pytest.raises(Declined) as declined:
        await pay(lab, order, "tok_chargeDeclinedInsufficientFunds")
    assert declined.value.decline_code == "insufficient_funds"

    payment = await pay(lab, order)

    assert payment.status is PaymentStatus.PAID
    assert kept(lab) == 2000


async def test_the_same_key_after_a_decline_gives_the_same_decline(lab: Lab, order: Order) -> None:
    for _ in range(2):
        with pytest.raises(Declined):
            await pay(lab, order, "tok_chargeDeclined", key="click-1")

    assert len(lab.stripe.charges()) == 1


async def test_an_unknown_token_is_refused_and_does_not_trap_the_order(lab: Lab, order: Order) -> None:
    with pytest.raises(PaymentRefused) as refused:
        await pay(lab, order, "tok_nobody")
    assert refused.value.field == "token"

    assert (await pay(lab, order)).status is PaymentStatus.PAID


async def test_a_refusal_after_a_decline_tells_of_the_refusal_alone(lab: Lab, order: Order) -> None:
    with pytest.raises(Declined):
        await pay(lab, order, "tok_chargeDeclined")

    with pytest.raises(PaymentRefused):
        await pay(lab, order, "tok_nobody")


async def test_a_lost_reply_is_an_unknown_outcome_that_the_same_key_resolves(lab: Lab, order: Order) -> None:
    lab.stripe.faults.lose_reply()
    with pytest.raises(OutcomeUnknown):
        await pay(lab, order, key="click-1")

    payment = await pay(lab, order, key="click-1")

    assert payment.status is PaymentStatus.PAID
    assert len(paid_charges(lab)) == 1


async def test_another_card_after_a_lost_reply_finds_the_first_one_charged(lab: Lab, order: Order) -> None:
    lab.stripe.faults.lose_reply()
    with pytest.raises(OutcomeUnknown):
        await pay(lab, order)

    with pytest.raises(AlreadyPaid):
        await pay(lab, order, "tok_mastercard")

    assert kept(lab) == 2000


async def test_recovery_resolves_what_a_lost_reply_left_open(lab: Lab, order: Order) -> None:
    lab.stripe.faults.lose_reply()
    with pytest.raises(OutcomeUnknown):
        await pay(lab, order)

    assert await lab.payments.recover() == 0
    await lab.settle()

    assert (await lab.orders.get(order.id)).status is OrderStatus.COMPLETE
    assert kept(lab) == 2000


async def test_recovery_counts_what_stays_unknown_and_goes_on(lab: Lab, order: Order) -> None:
    other = await lab.orders.create(user_id="bob", price=500)
    await lab.settle()
    lab.stripe.faults.lose_reply(times=2)
    for one in (order, other):
        with pytest.raises(OutcomeUnknown):
            await pay(lab, one)
    lab.stripe.faults.lose_reply()

    assert await lab.payments.recover() == 1
    assert await lab.payments.recover() == 0
    assert kept(lab) == 2500


async def test_an_attempt_older_than_stripes_memory_is_looked_up_and_not_charged_again(lab: Lab, order: Order) -> None:
    lab.stripe.faults.lose_reply()
    with pytest.raises(OutcomeUnknown):
        await pay(lab, order)
    lab.clock.advance(timedelta(hours=25))

    await lab.payments.recover()

    assert len(paid_charges(lab)) == 1


async def test_an_old_attempt_that_never_reached_stripe_is_given_up(lab: Lab, order: Order) -> None:
    lab.stripe.faults.connection_refused()
    with pytest.raises(OutcomeUnknown):
        await pay(lab, order)
    lab.clock.advance(timedelta(hours=25))

    assert await lab.payments.recover() == 0

    assert lab.stripe.charges() == []


async def test_money_for_an_order_cancelled_meanwhile_goes_back(lab: Lab, order: Order) -> None:
    await lab.orders.cancel(order.id)
    await pay(lab, order)

    await lab.settle()

    assert kept(lab) == 0
    assert (await lab.orders.get(order.id)).status is OrderStatus.CANCELLED


async def test_a_completed_order_that_is_cancelled_is_refunded_once(lab: Lab, order: Order) -> None:
    await pay(lab, order)
    await lab.settle()

    await lab.orders.cancel(order.id)
    await lab.settle()
    await lab.payments.recover()

    assert kept(lab) == 0
    assert len(lab.stripe.refunds()) == 1


async def test_the_payment_is_announced_although_publishing_failed_at_first(
    lab: Lab, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object) -> None:
        raise ConnectionResetError("the process died here")

    with monkeypatch.context() as crashing:
        crashing.setattr("payments_lab.shop.payments.publish_row", crash)
        with pytest.raises(ConnectionResetError):
            await pay(lab, order)

    await lab.payments.recover()
    await lab.settle()

    assert (await lab.orders.get(order.id)).status is OrderStatus.COMPLETE
    assert await lab.payments.outbox.count_documents({}) == 0
