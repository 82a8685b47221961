"""A shop on shared engines: the same flow as in the lab, on buses, databases and Stripe that live elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

from payments_lab import Lab, Settings
from payments_lab.bus.jetstream import JetStreamBus
from payments_lab.connected import ConnectedShop
from payments_lab.shop.orders import Order
from payments_lab.shop.payments import PaymentsService
from payments_lab.shop.reconcile import Reconciler
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.connect import EngineUnavailable
from tests.servers import nats_server

pytestmark = pytest.mark.anyio

PATIENCE = 20.0


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


@pytest.fixture
async def shop() -> AsyncIterator[ConnectedShop]:
    """Every engine embedded, the bus a Streams bus on fakeredis."""
    shop = await Lab.connect(Settings.load(env_file=None))
    await shop.start()
    yield shop
    await shop.close()


async def bought(shop: ConnectedShop) -> Order:
    order = await shop.orders.create(user_id="ada", price=2000)

    async def replicated() -> bool:
        return await shop.payments.orders.find_one({"_id": order.id}) is not None

    async def complete() -> bool:
        return (await shop.orders.get(order.id)).status is OrderStatus.COMPLETE

    await until(replicated)
    await shop.payments.create_charge(order_id=order.id, token="tok_visa", user_id="ada")
    await until(complete)
    return await shop.orders.get(order.id)


async def test_an_order_flows_to_complete_and_the_books_agree(shop: ConnectedShop) -> None:
    await bought(shop)
    reconciler = Reconciler(shop.orders, shop.payments)

    async def agree() -> bool:
        return await reconciler.differences() == []

    await until(agree)


async def test_a_process_that_runs_one_service_hears_nothing_for_the_others() -> None:
    shop = await Lab.connect(Settings.load(env_file=None))
    await shop.start(("orders",))
    order = await shop.orders.create(user_id="ada", price=2000)
    await shop.close()

    assert await shop.payments.orders.find_one({"_id": order.id}) is None


async def test_a_shop_that_is_closed_lets_go_of_its_broker(tmp_path: Path) -> None:
    with nats_server(tmp_path) as broker:
        shop = await Lab.connect(Settings.load(env_file=None, bus_url=broker.url))
        await shop.start()
        connections = [cast("JetStreamBus", bus).client for bus in shop.buses.values()]
        assert not any(each.is_closed for each in connections)

        await shop.close()

    assert all(each.is_closed for each in connections)


async def test_the_students_own_service_is_connected() -> None:
    class Mine(PaymentsService):
        pass

    shop = await Lab.connect(Settings.load(env_file=None), payments=Mine)
    await shop.close()

    assert isinstance(shop.payments, Mine)


async def test_a_shop_whose_engine_went_away_is_not_ready(shop: ConnectedShop) -> None:
    async def away() -> None:
        raise TimeoutError

    await shop.ready()
    shop._checks.append(("MongoDB", away))  # pyright: ignore[reportPrivateUsage]

    with pytest.raises(EngineUnavailable, match="MongoDB does not answer: TimeoutError"):
        await shop.ready()


async def test_chores_go_on_after_one_of_them_failed(
    shop: ConnectedShop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [ConnectionResetError("gone")]
    done = asyncio.Event()

    async def chore() -> None:
        if failures:
            raise failures.pop()
        done.set()

    monkeypatch.setattr("payments_lab.connected.RECOVER_SECONDS", 0)
    monkeypatch.setattr(shop.payments, "recover", chore)
    await shop.start(("payments",))
    await asyncio.wait_for(done.wait(), PATIENCE)

    assert "payments could not finish its chores" in caplog.text
