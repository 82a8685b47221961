"""The shop over HTTP on embedded engines, without a network, and a Stripe whose webhooks come when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from payments_lab.lab import Lab
from payments_lab.local_stripe.webhooks import WebhookRequest
from payments_lab.shop.orders import Order
from payments_lab.web.app import create_app
from payments_lab.web.sessions import COOKIE, Sessions
from payments_lab.web.webhooks import PATH, Webhooks

KEY = "a key of the tests, and of nothing else at all, long enough for every algorithm that a forger may try"


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def sessions(lab: Lab) -> Sessions:
    return Sessions(lab.clock, KEY)


@pytest.fixture
def secret(lab: Lab) -> str:
    """The signing secret of the shop's endpoint at Stripe, which wants every event."""
    params: Any = {"url": f"http://shop{PATH}", "enabled_events": ["*"]}
    made = lab.stripe.client().v1.webhook_endpoints.create(params)
    assert made.secret
    return made.secret


@pytest.fixture
async def http(lab: Lab, sessions: Sessions, secret: str) -> AsyncIterator[httpx.AsyncClient]:
    webhooks = Webhooks(lab.inbox, secret, lab.clock)
    app = create_app(sessions, payments=lab.payments, orders=lab.orders, stripe=webhooks)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        yield client


class Mail:
    """Brings Stripe's webhooks to the shop, and keeps what was sent and what was answered."""

    def __init__(self, lab: Lab, http: httpx.AsyncClient) -> None:
        self._lab = lab
        self._http = http
        self.sent: list[WebhookRequest] = []
        self.statuses: list[int] = []

    async def post(self, request: WebhookRequest) -> int:
        reply = await self._http.post(PATH, content=request.body, headers=request.headers)
        self.sent.append(request)
        self.statuses.append(reply.status_code)
        return reply.status_code

    async def bring(self) -> None:
        """Everything that is due."""
        await self._lab.stripe.webhooks.deliver_due_async(self.post)


@pytest.fixture
def mail(lab: Lab, http: httpx.AsyncClient) -> Mail:
    return Mail(lab, http)


@pytest.fixture
async def order(lab: Lab) -> Order:
    """Ada's order of $20.00, known to every service."""
    order = await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    return order


@pytest.fixture
def ada(sessions: Sessions) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={sessions.issue('ada')}"}


@pytest.fixture
def eve(sessions: Sessions) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={sessions.issue('eve')}"}
