"""Liveness says that the process runs; readiness, whether it should get requests now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from payments_lab import Settings
from payments_lab.connected import ConnectedShop, connect_shop
from payments_lab.ports import SystemClock
from payments_lab.shop.outbox import Backlog
from payments_lab.stores.connect import EngineUnavailable
from payments_lab.web.app import create_app
from payments_lab.web.sessions import Sessions
from tests.servers import Server, free_port, nats_server, program, redis_server

pytestmark = pytest.mark.anyio

PATIENCE = 30.0


@asynccontextmanager
async def asking(ready: Any, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Sessions(SystemClock()), ready=ready, **options)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http:
        yield http


async def test_an_idle_shop_is_ready_and_nothing_waits() -> None:
    async def ready() -> Backlog:
        return Backlog(0, 0.0)

    async with asking(ready) as http:
        reply = await http.get("/readyz")

    assert (reply.status_code, reply.json()) == (200, {"status": "ok", "outbox": {"rows": 0, "oldestSeconds": 0.0}})


async def test_an_engine_that_is_away_makes_it_not_ready_and_leaves_it_alive() -> None:
    async def ready() -> Backlog:
        raise EngineUnavailable("MongoDB does not answer: TimeoutError")

    async with asking(ready) as http:
        replies = [await http.get(path) for path in ("/healthz", "/readyz")]

    assert [reply.status_code for reply in replies] == [200, 503]
    assert replies[1].json() == {"errors": [{"message": "MongoDB does not answer: TimeoutError"}]}


@pytest.mark.parametrize(("seconds", "status"), [(9.9, 200), (10.1, 503)])
async def test_events_that_wait_too_long_make_it_not_ready(seconds: float, status: int) -> None:
    async def ready() -> Backlog:
        return Backlog(3, seconds)

    async with asking(ready, longest_lag=10.0) as http:
        reply = await http.get("/readyz")

    assert reply.status_code == status
    assert ("3 events wait for the bus" in reply.text) == (status == 503)


@pytest.fixture
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with nats_server(tmp_path) if request.param == "nats" else redis_server(tmp_path, appendonly=True) as server:
        yield server


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Server]:
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture
def mongo(tmp_path: Path) -> Iterator[Server]:
    port = free_port()
    command = [program("secantusd-py"), "--port", str(port), "--storage-path", str(tmp_path / "data")]
    server = Server("mongodb", command, port, tmp_path)
    server.start()
    yield server
    server.stop()


async def through_a_stop(server: Server, shop: ConnectedShop) -> tuple[str, dict[str, Any]]:
    """What readiness says while the engine is stopped, and once it is back."""
    async with asking(shop.ready) as http:
        assert (await http.get("/readyz")).status_code == 200
        server.stop()
        away = (await until(http, 503)).json()
        server.start()
        back = (await until(http, 200)).json()
    await shop.close()
    return away["errors"][0]["message"], back


async def until(http: httpx.AsyncClient, status: int) -> httpx.Response:
    deadline = time.monotonic() + PATIENCE
    while (reply := await http.get("/readyz")).status_code != status:
        assert time.monotonic() < deadline, reply.text
        await asyncio.sleep(0.05)
    return reply


@pytest.mark.parametrize("bus", ["nats", "redis"], indirect=True)
async def test_a_shop_is_not_ready_while_its_bus_is_stopped(bus: Server) -> None:
    shop = await connect_shop(Settings.load(env_file=None, bus_url=bus.url))
    says, back = await through_a_stop(bus, shop)

    assert says.startswith("the bus of orders does not answer: ")
    assert back["outbox"]["rows"] == 0


async def test_a_shop_is_not_ready_while_its_jobs_redis_is_stopped(redis: Server) -> None:
    shop = await connect_shop(Settings.load(env_file=None, redis_url=redis.url))
    says, _ = await through_a_stop(redis, shop)

    assert says.startswith("Redis does not answer: ")


async def test_orders_and_payments_are_ready_without_the_redis_of_expiration(redis: Server) -> None:
    settings = Settings.load(env_file=None, redis_url=redis.url)
    redis.stop()
    shop = await connect_shop(settings, services=("orders", "payments"))
    await shop.ready()
    await shop.close()


async def test_a_shop_is_not_ready_while_its_mongo_is_stopped(mongo: Server) -> None:
    shop = await connect_shop(Settings.load(env_file=None, mongo_url=f"{mongo.url}/?directConnection=true"))
    says, _ = await through_a_stop(mongo, shop)

    assert says.startswith("MongoDB does not answer: ")


async def test_books_that_cannot_be_read_make_a_shop_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> Backlog:
        raise TimeoutError

    shop = await connect_shop(Settings.load(env_file=None))
    await shop.start(("orders",))
    monkeypatch.setattr(shop.orders, "backlog", fail)
    with pytest.raises(EngineUnavailable, match="MongoDB does not answer"):
        await shop.ready()
    await shop.close()


async def test_an_order_that_the_bus_has_not_heard_of_is_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise ConnectionError("the bus is away")

    shop = await connect_shop(Settings.load(env_file=None))
    await shop.start(("orders",))
    monkeypatch.setattr(shop.buses["orders"], "publish", away)
    with pytest.raises(ConnectionError):
        await shop.orders.create(user_id="ada", price=2000)
    waiting = await shop.ready()
    await shop.close()

    assert waiting.rows == 1
