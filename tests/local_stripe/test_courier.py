"""The server brings webhooks by itself: to endpoints that listen, again to those that were down, and never stumbles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.courier import LONGEST_NAP
from payments_lab.local_stripe.requests import Request
from payments_lab.local_stripe.server import StripeApp
from payments_lab.local_stripe.serving import open_socket
from payments_lab.local_stripe.webhooks import BACK_OFF_SECONDS
from tests.local_stripe.endpoints import listening

KEY = {"Authorization": "Bearer sk_test_x"}
PLAIN = {"amount": "2000", "currency": "usd", "source": "tok_visa"}

# Less than the courier's longest nap, so that what wakes it is seen to wake it.
PATIENCE = LONGEST_NAP * 2 / 3

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stripe(local_stripe: LocalStripe) -> AsyncIterator[LocalStripe]:
    """A local Stripe whose courier is at work."""
    async with alive(StripeApp(local_stripe)):
        yield local_stripe


@asynccontextmanager
async def alive(app: StripeApp) -> AsyncIterator[None]:
    """Start and stop the app as a server does."""
    said: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    heard: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan"}, said.get, heard.put))
    await said.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    yield
    await said.put({"type": "lifespan.shutdown"})
    with anyio.fail_after(PATIENCE):
        await life
    assert (await heard.get())["type"] == "lifespan.shutdown.complete"


def client(stripe: LocalStripe) -> httpx.AsyncClient:
    transport: Any = httpx.ASGITransport(StripeApp(stripe))  # pyright: ignore[reportArgumentType]
    return httpx.AsyncClient(transport=transport, base_url="http://stripe.test", headers=KEY)


def add_endpoint(stripe: LocalStripe, url: str) -> None:
    asked = {"url": url, "enabled_events": {"0": "charge.succeeded"}}
    assert stripe.respond(Request("POST", "/v1/webhook_endpoints", asked, "sk_test_x")).status == 200


def charge(stripe: LocalStripe) -> None:
    assert stripe.respond(Request("POST", "/v1/charges", dict(PLAIN), "sk_test_x")).status == 200


async def until(happened: Callable[[], bool]) -> None:
    with anyio.fail_after(PATIENCE):
        while not happened():  # noqa: ASYNC110
            await anyio.sleep(0.005)


def free_port() -> int:
    with open_socket("127.0.0.1", 0) as free:
        return free.getsockname()[1]


async def test_an_event_is_posted_at_once(stripe: LocalStripe) -> None:
    with listening() as (url, heard):
        add_endpoint(stripe, url)
        charge(stripe)
        await until(lambda: stripe.webhooks.pending() == [])

    assert len(heard) == 1


async def test_an_endpoint_that_is_down_is_tried_again_when_the_clock_is_moved(stripe: LocalStripe) -> None:
    add_endpoint(stripe, f"http://127.0.0.1:{free_port()}/hook")
    charge(stripe)
    await until(lambda: stripe.webhooks.pending()[0].attempts == 1)

    async with client(stripe) as http:
        await http.post("/_local/advance", data={"seconds": str(BACK_OFF_SECONDS[0])})

    await until(lambda: stripe.webhooks.pending()[0].attempts == 2)


async def test_an_address_that_can_not_be_asked_stops_nobody_elses_webhooks(
    stripe: LocalStripe, caplog: pytest.LogCaptureFixture
) -> None:
    with listening() as (url, heard):
        add_endpoint(stripe, "http://127.0.0.1:9/\udcff")
        add_endpoint(stripe, url)
        charge(stripe)
        charge(stripe)
        await until(lambda: len(heard) == 2)
        await until(lambda: [each.attempts for each in stripe.webhooks.pending()] == [1, 1])

    assert "webhook to http://127.0.0.1:9/" in caplog.text


async def test_an_answer_from_before_a_reset_is_not_taken_for_one_of_today(stripe: LocalStripe) -> None:
    with open_socket("127.0.0.1", 0) as silent:
        add_endpoint(stripe, f"http://127.0.0.1:{silent.getsockname()[1]}/hook")
        charge(stripe)
        line, _ = await asyncio.to_thread(silent.accept)
        stripe.reset()
        add_endpoint(stripe, f"http://127.0.0.1:{free_port()}/hook")
        stripe.webhooks.on_change = None
        charge(stripe)
        with line:
            await asyncio.to_thread(line.recv, 65536)
            line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            await until(lambda: not stripe.webhooks.pending() or stripe.webhooks.pending()[0].attempts == 1)

    assert [each.id for each in stripe.webhooks.pending()] == ["wd_1"]


async def test_what_happens_by_itself_is_brought_too(stripe: LocalStripe) -> None:
    with listening() as (url, heard):
        asked = {"url": url, "enabled_events": {"0": "charge.dispute.created"}}
        stripe.respond(Request("POST", "/v1/webhook_endpoints", asked, "sk_test_x"))
        stripe.respond(Request("POST", "/v1/charges", {**PLAIN, "source": "tok_createDispute"}, "sk_test_x"))
        await until(lambda: len(heard) == 1)

    assert b"charge.dispute.created" in heard[0][0]
