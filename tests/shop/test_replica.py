"""The replica of orders in payments: applies version n onto n - 1, and onto nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from payments_lab.shop.errors import NotYet
from payments_lab.shop.events import OrderCreated, Ticket
from payments_lab.shop.replica import ReplicatedOrder, advance_order, copy_order
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.embedded import EmbeddedCollection, EmbeddedDatabase

pytestmark = pytest.mark.anyio

CREATED = OrderCreated(
    id="ord_1",
    version=0,
    status=OrderStatus.CREATED,
    user_id="ada",
    expires_at=datetime(2026, 1, 1, 12, 15, tzinfo=UTC),
    ticket=Ticket(id="tkt_1", price=2000),
)


@pytest.fixture
def orders() -> EmbeddedCollection:
    return EmbeddedDatabase("payments")["orders"]


async def stored(orders: EmbeddedCollection) -> ReplicatedOrder:
    document = await orders.find_one({"_id": "ord_1"})
    assert document is not None
    return ReplicatedOrder.from_document(document)


async def test_a_created_order_is_copied_with_its_price_owner_version_and_expiry(orders: EmbeddedCollection) -> None:
    assert await copy_order(orders, CREATED)

    order = await stored(orders)

    assert (order.price, order.currency, order.user_id, order.version) == (2000, "usd", "ada", 0)
    assert order.expires_at == CREATED.expires_at


async def test_a_second_created_event_changes_nothing(orders: EmbeddedCollection) -> None:
    await copy_order(orders, CREATED)
    await advance_order(orders, "ord_1", 1, OrderStatus.CANCELLED)

    assert not await copy_order(orders, CREATED)

    assert (await stored(orders)).status is OrderStatus.CANCELLED


async def test_the_next_version_is_applied(orders: EmbeddedCollection) -> None:
    await copy_order(orders, CREATED)

    assert await advance_order(orders, "ord_1", 1, OrderStatus.COMPLETE)

    order = await stored(orders)
    assert (order.status, order.version) == (OrderStatus.COMPLETE, 1)


async def test_a_version_seen_before_changes_nothing(orders: EmbeddedCollection) -> None:
    await copy_order(orders, CREATED)
    await advance_order(orders, "ord_1", 1, OrderStatus.COMPLETE)
    await advance_order(orders, "ord_1", 2, OrderStatus.CANCELLED)

    assert not await advance_order(orders, "ord_1", 1, OrderStatus.COMPLETE)

    assert (await stored(orders)).status is OrderStatus.CANCELLED


async def test_a_version_that_skips_one_is_not_yet_applicable(orders: EmbeddedCollection) -> None:
    await copy_order(orders, CREATED)

    with pytest.raises(NotYet, match="version 2 of order ord_1 came early: the replica has version 0"):
        await advance_order(orders, "ord_1", 2, OrderStatus.CANCELLED)

    assert (await stored(orders)).version == 0


async def test_an_event_about_an_unknown_order_is_not_yet_applicable(orders: EmbeddedCollection) -> None:
    with pytest.raises(NotYet, match="no such order"):
        await advance_order(orders, "ord_1", 1, OrderStatus.CANCELLED)
