"""Every process of a shop on real engines is killed at random moments, and the money comes out right."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from payments_lab import Lab
from payments_lab.connected import ConnectedShop
from payments_lab.shop.audit import Books, Difference
from payments_lab.shop.reconcile import Reconciler
from payments_lab.shop.status import OrderStatus, PaymentStatus
from tests.chaos.buyers import Buyers, Told
from tests.chaos.machines import Machines, machines
from tests.servers import program

pytestmark = pytest.mark.anyio

ROUNDS = int(os.environ.get("PAYMENTS_LAB_CHAOS_ROUNDS", "30"))
SEED = 20261123
BUYERS = 10
KILLS = 3
ROUND_SECONDS = 0.9
SETTLE_SECONDS = 20.0
PATIENCE = 60.0
PAUSE = 0.2


@pytest.mark.parametrize(("bus", "rounds"), [("nats", ROUNDS - ROUNDS // 2), ("redis", ROUNDS // 2)])
async def test_no_kill_charges_twice_loses_a_payment_or_keeps_the_money_of_a_cancelled_order(
    bus: str, rounds: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with machines(bus, tmp_path, f"{SEED} {bus}") as every:
        shop = await Lab.connect(every.settings)
        run = Run(every, shop)
        await every.start(shop)
        for number in range(rounds):
            await run.round(SEED + number)
        differences = await run.reconcile()
        books = await run.reconciler.books()
        figures = await run.figures(books)
        await shop.close()
    with capsys.disabled():
        print(f"\n{bus}: {rounds} rounds, {figures}")

    assert differences == []
    assert _charged_more_than_once(books) == []
    assert [each for each in run.told if not _is_kept(each, books)] == []
    assert sum(every.kills.values()) == rounds * KILLS


class Run:
    """Rounds on the same machines: buyers buy while processes die, then the books are looked at."""

    def __init__(self, every: Machines, shop: ConnectedShop) -> None:
        self.reconciler = Reconciler(shop.orders, shop.payments)
        self.told: list[Told] = []
        self._machines = every
        self._buyers = Buyers(every.orders, every.payments, shop.expiration.jobs)
        self._repairs: Counter[str] = Counter()
        self._begun = time.monotonic()

    async def round(self, seed: int) -> None:
        """Some orders and some kills, both as ``seed`` says, until every buyer has an answer and the books agree."""
        random = Random(seed)
        victims = random.sample(sorted(self._machines.kills), KILLS)
        buying = [asyncio.create_task(self._buyers.buy(Random(f"{seed} {each}"))) for each in range(BUYERS)]
        killing = [asyncio.create_task(self._kill(each, Random(f"{seed} {each}"))) for each in victims]
        supervising = asyncio.create_task(self._machines.supervise())
        self.told += await asyncio.gather(*buying)
        await asyncio.gather(*killing)
        supervising.cancel()
        await self._machines.all_listening()
        if await self._differences(SETTLE_SECONDS):
            assert await self.reconcile() == [], f"seed {seed}"

    async def reconcile(self) -> list[Difference]:
        """``payments-lab reconcile --fix``, until the books agree or patience ends."""
        command = [program("payments-lab"), "reconcile", "--fix", "--json", *self._machines.options]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        self._repairs.update(each["rule"] for each in json.loads(said)["mended"])
        return await self._differences(PATIENCE)

    async def figures(self, books: Books) -> str:
        async with httpx.AsyncClient() as http:
            lost = (await http.get(f"{self._machines.stripe_url}/_lost")).text
        kills = ", ".join(f"{name} {count}" for name, count in sorted(self._machines.kills.items()))
        statuses = Counter(each["status"] for each in books.payments)
        await self._buyers.close()
        return (
            f"{time.monotonic() - self._begun:.0f} s, {sum(self._machines.kills.values())} kills ({kills}), "
            f"{len(self.told)} buyers, payments: {dict(statuses)}, {self._buyers.repeats} requests asked again, "
            f"{lost} replies of Stripe lost, repairs: {dict(self._repairs) or 0}"
        )

    async def _kill(self, name: str, random: Random) -> None:
        await asyncio.sleep(random.uniform(0, ROUND_SECONDS))
        await self._machines.kill(name, random)

    async def _differences(self, seconds: float) -> list[Difference]:
        """What differs still when the books agree, or after ``seconds``."""
        deadline = time.monotonic() + seconds
        while found := await self.reconciler.differences():
            if time.monotonic() > deadline:
                return found
            await asyncio.sleep(PAUSE)
        return []


def _charged_more_than_once(books: Books) -> list[str]:
    """Orders with more than one successful charge, whether or not the money has gone back since."""
    charges = Counter(each["metadata"]["orderId"] for each in books.charges if each["paid"])
    return [order_id for order_id, count in charges.items() if count > 1]


def _is_kept(told: Told, books: Books) -> bool:
    """Whether the books hold what the buyer was told."""
    payment: Any = next((each for each in books.payments if each["orderId"] == told.order_id), None)
    order: Any = next(each for each in books.orders if each["_id"] == told.order_id)
    if told.status != 201:
        return order["status"] == OrderStatus.CANCELLED
    expected = PaymentStatus.REFUNDED if order["status"] == OrderStatus.CANCELLED else PaymentStatus.PAID
    return payment is not None and (payment["_id"], payment["status"]) == (told.payment_id, expected)
