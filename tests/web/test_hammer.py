"""Two hundred clients pay one order at the same time: one charge."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from payments_lab import Lab
from payments_lab.ports import SystemClock
from payments_lab.shop.reconcile import Reconciler
from payments_lab.web.sessions import COOKIE, Sessions
from tests.chaos.machines import machines
from tests.distributed.shop_processes import KEY
from tests.servers import HOST, free_port, program, running

pytestmark = pytest.mark.anyio

CLIENTS = 200
PATIENCE = 60.0


def client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=CLIENTS)
    cookies = {COOKIE: Sessions(SystemClock(), KEY).issue("ada")}
    return httpx.AsyncClient(cookies=cookies, timeout=PATIENCE, limits=limits)


async def pay(http: httpx.AsyncClient, url: str, order_id: str, key: str) -> httpx.Response:
    body = {"orderId": order_id, "token": "tok_visa"}
    return await http.post(f"{url}/api/payments", json=body, headers={"Idempotency-Key": key})


async def ordered(http: httpx.AsyncClient, orders: str, payments: Sequence[str]) -> str:
    """An order that every copy of payments has heard of."""
    order_id = (await http.post(f"{orders}/api/orders", json={"price": 2000})).json()["id"]
    deadline = time.monotonic() + PATIENCE
    # An unknown token is refused by Stripe, an unknown order by payments themselves.
    for url in payments:
        body = {"orderId": order_id, "token": "tok_unknown"}
        while (await http.post(f"{url}/api/payments", json=body)).status_code == 404:
            assert time.monotonic() < deadline, "payments never heard of the order"
            await asyncio.sleep(0.05)
    return order_id


async def hammered(
    http: httpx.AsyncClient, order_id: str, payments: Sequence[str], keys: Sequence[str]
) -> tuple[Counter[int], set[str]]:
    """How often each status was answered, and the ids of the payments that were named."""
    targets = [payments[number % len(payments)] for number in range(CLIENTS)]
    replies = await asyncio.gather(
        *(pay(http, url, order_id, keys[number % len(keys)]) for number, url in enumerate(targets))
    )
    return Counter(each.status_code for each in replies), {
        each.json()["id"] for each in replies if each.status_code == 201
    }


@pytest.fixture
def stripe_url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    with running([program("payments-lab"), "stripe", "--port", str(port)], port, tmp_path / "stripe.log"):
        yield f"http://{HOST}:{port}"


async def succeeded_charges(http: httpx.AsyncClient, stripe_url: str) -> int:
    reply = await http.get(f"{stripe_url}/v1/charges?limit=100", headers={"Authorization": "Bearer sk_test_local"})
    return sum(charge["paid"] for charge in reply.json()["data"])


@pytest.mark.parametrize("keys", [[f"click-{number}" for number in range(CLIENTS)], ["one click"]], ids=len)
async def test_one_process_charges_once(tmp_path: Path, stripe_url: str, keys: list[str]) -> None:
    port = free_port()
    command = [program("payments-lab"), "serve", "--port", str(port), "--stripe", stripe_url]
    shop = f"http://{HOST}:{port}"
    with running(command, port, tmp_path / "shop.log", {"JWT_KEY": KEY}):
        async with client() as http:
            statuses, paid = await hammered(http, await ordered(http, shop, [shop]), [shop], keys)
            charges = await succeeded_charges(http, stripe_url)

    assert charges == 1
    assert len(paid) == 1
    assert set(statuses) <= {201, 409}
    assert statuses[201] >= 1
    assert len(keys) == 1 or statuses[201] == 1


async def test_two_copies_on_real_engines_charge_once(tmp_path: Path) -> None:
    keys = [f"click-{number}" for number in range(CLIENTS)]
    with machines("redis", tmp_path, "hammer") as every:
        shop = await Lab.connect(every.settings)
        await every.start(shop)
        payments = [copy.url for copy in every.payments]
        async with client() as http:
            order_id = await ordered(http, every.orders.url, payments)
            statuses, paid = await hammered(http, order_id, payments, keys)
        books = await Reconciler(shop.orders, shop.payments).books()
        await shop.close()

    assert sum(charge["paid"] for charge in books.charges) == 1
    assert len(paid) == 1
    assert set(statuses) <= {201, 409, 503}
