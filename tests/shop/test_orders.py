"""The orders service: creates, cancels, completes, and says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from payments_lab.lab import Lab
from payments_lab.shop.errors import DuplicateOrder, InvalidRequest, NotTheOwner, OrderNotFound
from payments_lab.shop.events import ExpirationComplete, PaymentCreated
from payments_lab.shop.orders import Order
from payments_lab.shop.status import OrderStatus

pytestmark = pytest.mark.anyio


def said(lab: Lab) -> list[str]:
    return [subject for subject in lab.published() if subject.startswith("order:")]


async def test_a_new_order_is_open_at_version_0_and_expires_in_15_minutes(lab: Lab) -> None:
    order = await lab.orders.create(user_id="ada", price=2000)

    assert (order.status, order.version, order.price, order.currency) == (OrderStatus.CREATED, 0, 2000, "usd")
    assert order.expires_at - lab.clock.now() == timedelta(minutes=15)
    assert said(lab) == ["order:created"]


@pytest.mark.parametrize("price", [0, -1, 19.99, "2000", True, None, 100_000_000])
async def test_a_price_that_is_no_positive_whole_number_is_refused(lab: Lab, price: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await lab.orders.create(user_id="ada", price=price)

    assert refused.value.field == "price"
    assert said(lab) == []


@pytest.mark.parametrize("currency", ["USD", "xyz", "", None, 840])
async def test_an_unknown_currency_is_refused(lab: Lab, currency: Any) -> None:
    with pytest.raises(InvalidRequest, match="no currency that Stripe takes"):
        await lab.orders.create(user_id="ada", price=2000, currency=currency)


async def test_an_order_of_nobody_is_refused(lab: Lab) -> None:
    with pytest.raises(InvalidRequest, match="user_id is empty"):
        await lab.orders.create(user_id="", price=2000)


async def test_a_second_order_with_the_same_id_is_refused_and_the_first_one_kept(lab: Lab) -> None:
    await lab.orders.create(user_id="ada", price=2000, order_id="ord_x")

    with pytest.raises(DuplicateOrder, match="'ord_x' exists already"):
        await lab.orders.create(user_id="eve", price=1, order_id="ord_x")

    assert (await lab.orders.get("ord_x")).user_id == "ada"
    assert said(lab) == ["order:created"]


async def test_cancelling_raises_the_version_and_says_so_once(lab: Lab, order: Order) -> None:
    first = await lab.orders.cancel(order.id)
    second = await lab.orders.cancel(order.id)

    assert (first.status, first.version) == (OrderStatus.CANCELLED, 1)
    assert second == first
    assert said(lab) == ["order:created", "order:cancelled"]


async def test_only_the_owner_may_cancel(lab: Lab, order: Order) -> None:
    with pytest.raises(NotTheOwner):
        await lab.orders.cancel(order.id, user_id="eve")

    assert (await lab.orders.get(order.id)).status is OrderStatus.CREATED


async def test_an_unknown_order_is_not_found(lab: Lab) -> None:
    with pytest.raises(OrderNotFound, match="no order 'ord_404'"):
        await lab.orders.cancel("ord_404")


async def test_a_payment_completes_the_order_and_says_so(lab: Lab, order: Order) -> None:
    await lab.orders.on_payment_created(PaymentCreated(id="pay_1", order_id=order.id, stripe_id="ch_1"))

    assert (await lab.orders.get(order.id)).status is OrderStatus.COMPLETE
    assert said(lab) == ["order:created", "order:completed"]


async def test_a_payment_heard_twice_completes_the_order_once(lab: Lab, order: Order) -> None:
    event = PaymentCreated(id="pay_1", order_id=order.id, stripe_id="ch_1")
    await lab.orders.on_payment_created(event)
    await lab.orders.on_payment_created(event)

    assert (await lab.orders.get(order.id)).version == 1
    assert said(lab) == ["order:created", "order:completed"]


async def test_a_payment_does_not_revive_a_cancelled_order(lab: Lab, order: Order) -> None:
    await lab.orders.cancel(order.id)
    await lab.orders.on_payment_created(PaymentCreated(id="pay_1", order_id=order.id, stripe_id="ch_1"))

    assert (await lab.orders.get(order.id)).status is OrderStatus.CANCELLED


async def test_an_unpaid_order_expires(lab: Lab, order: Order) -> None:
    lab.clock.advance(timedelta(minutes=15))
    await lab.settle()

    assert (await lab.orders.get(order.id)).status is OrderStatus.CANCELLED


async def test_an_order_does_not_expire_a_second_early(lab: Lab, order: Order) -> None:
    lab.clock.advance(order.expires_at - lab.clock.now() - timedelta(seconds=1))
    await lab.settle()

    assert (await lab.orders.get(order.id)).status is OrderStatus.CREATED


async def test_a_completed_order_does_not_expire(lab: Lab, order: Order) -> None:
    await lab.orders.on_payment_created(PaymentCreated(id="pay_1", order_id=order.id, stripe_id="ch_1"))
    await lab.orders.on_expiration_complete(ExpirationComplete(order_id=order.id))

    assert (await lab.orders.get(order.id)).status is OrderStatus.COMPLETE


async def test_what_a_crash_left_unannounced_is_announced_by_recovery(
    lab: Lab, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object) -> None:
        raise ConnectionResetError("the process died here")

    with monkeypatch.context() as crashing:
        crashing.setattr("payments_lab.shop.orders.publish_row", crash)
        with pytest.raises(ConnectionResetError):
            await lab.orders.cancel(order.id)
    assert said(lab) == ["order:created"]

    await lab.orders.recover()

    assert said(lab) == ["order:created", "order:cancelled"]
