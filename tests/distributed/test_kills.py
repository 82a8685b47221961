"""Thousands of orders on a real broker, while services are killed every second and the broker itself twice."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from payments_lab import Lab, Settings
from payments_lab.shop.reconcile import Reconciler
from payments_lab.shop.status import OrderStatus
from tests.distributed.shop_processes import PATIENCE, Client, ServiceProcess
from tests.servers import Server, free_port, listens, nats_server, program, redis_server, running

pytestmark = pytest.mark.anyio

ORDERS = int(os.environ.get("PAYMENTS_LAB_KILL_ORDERS", "300"))
COPIES = 3
BUYERS = 24
SEED = 20261123


def _broker(name: str, folder: Path) -> AbstractContextManager[Server]:
    return nats_server(folder) if name == "nats" else redis_server(folder, appendonly=True)


@pytest.fixture
def mongo_url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    data = str(tmp_path / "secantus")
    with running([program("secantusd-py"), "--port", str(port), "--storage-path", data], port, tmp_path / "mongo.log"):
        yield f"mongodb://127.0.0.1:{port}/?directConnection=true"


@pytest.fixture
def stripe_url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    with running([program("payments-lab"), "stripe", "--port", str(port)], port, tmp_path / "stripe.log"):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("broker", ["nats", "redis"])
async def test_every_paid_order_has_one_charge_one_payment_and_is_complete(
    broker: str, tmp_path: Path, mongo_url: str, stripe_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with _broker(broker, tmp_path) as server:
        engines = ["--bus", server.url, "--mongo", mongo_url, "--stripe", stripe_url]
        settings = Settings.load(env_file=None, bus_url=server.url, mongo_url=mongo_url, stripe_url=stripe_url)
        run = _Run(server, engines, tmp_path)
        try:
            await run.through_the_kills()
            shop = await Lab.connect(settings)
            await _until_complete(shop.orders, ORDERS)
            differences = await _until_they_agree(Reconciler(shop.orders, shop.payments))
            books = await Reconciler(shop.orders, shop.payments).books()
            dead = await shop.buses["payments"].dead_letters()
            await shop.close()
        finally:
            run.stop()
    with capsys.disabled():
        print(f"\n{broker}: {run.figures()}")

    assert differences == []
    assert len(books.payments) == ORDERS
    assert sorted(each["metadata"]["orderId"] for each in books.charges if each["paid"]) == sorted(run.bought)
    assert dead == []
    assert run.kills > 3
    assert run.broker_restarts == 2


class _Run:
    def __init__(self, broker: Server, engines: list[str], folder: Path) -> None:
        self._broker = broker
        self._orders = ServiceProcess("orders", engines, folder)
        self._payments = [ServiceProcess("payments", engines, folder) for _ in range(COPIES)]
        self._expiration = ServiceProcess("expiration", engines, folder)
        self._random = Random(SEED)
        self.bought: list[str] = []
        self._thirds = (asyncio.Event(), asyncio.Event())
        self.broker_restarts = 0
        self.repeats = 0
        self.seconds = 0.0

    @property
    def kills(self) -> int:
        return sum(copy.kills for copy in self._payments)

    def figures(self) -> str:
        return (
            f"{len(self.bought)} orders in {self.seconds:.0f} s, {self.kills} copies killed, "
            f"{self.broker_restarts} broker restarts, {self.repeats} requests asked again"
        )

    async def through_the_kills(self) -> None:
        for process in self._everything():
            process.start()
        for process in self._everything():
            await process.listening()
        begun = time.monotonic()
        client = Client(self._orders, self._payments, SEED)
        killing = asyncio.create_task(self._kill_a_copy_every_second())
        restarting = asyncio.create_task(self._restart_the_broker_twice())
        numbers = iter(range(ORDERS))
        await asyncio.gather(*(self._buy(client, numbers) for _ in range(BUYERS)))
        killing.cancel()
        await restarting
        await asyncio.gather(killing, return_exceptions=True)
        await client.close()
        self.seconds = time.monotonic() - begun
        self.repeats = client.repeats
        for copy in self._payments:
            await copy.listening()

    def stop(self) -> None:
        for process in self._everything():
            process.stop()

    def _everything(self) -> list[ServiceProcess]:
        return [self._orders, *self._payments, self._expiration]

    async def _buy(self, client: Client, numbers: Iterator[int]) -> None:
        for number in numbers:
            self.bought.append(await client.buy(number))
            for share, third_is_bought in enumerate(self._thirds, 1):
                if len(self.bought) >= share * ORDERS / 3:
                    third_is_bought.set()

    async def _kill_a_copy_every_second(self) -> None:
        """One of those that serve, as long as another one does: a copy needs its time to come back."""
        while True:
            await asyncio.sleep(1.0)
            for process in self._everything():
                process.revive()
            serving = [copy for copy in self._payments if listens(copy.port)]
            if len(serving) > 1:
                copy = self._random.choice(serving)
                copy.kill()
                copy.start()

    async def _restart_the_broker_twice(self) -> None:
        for third_is_bought in self._thirds:
            await third_is_bought.wait()
            await asyncio.to_thread(self._broker.restart)
            self.broker_restarts += 1


async def _until_complete(orders: Any, count: int) -> None:
    """Wait until all orders are complete, for as long as their number still grows."""
    best, deadline = 0, time.monotonic() + PATIENCE
    while best < count:
        now = await orders.orders.count_documents({"status": OrderStatus.COMPLETE.value})
        if now > best:
            best, deadline = now, time.monotonic() + PATIENCE
        assert time.monotonic() < deadline, f"{best} of {count} orders are complete, and nothing moves"
        await asyncio.sleep(1.0)


async def _until_they_agree(reconciler: Reconciler) -> list[Any]:
    deadline = time.monotonic() + PATIENCE
    while differences := await reconciler.differences():
        if time.monotonic() > deadline:
            return differences
        await asyncio.sleep(0.5)
    return []
