"""Brings webhooks to their endpoints over HTTP, as long as the server runs."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import httpx

from payments_lab.local_stripe.service import LocalStripe
from payments_lab.local_stripe.webhooks import Delivery, WebhookRequest

logger = logging.getLogger(__name__)

PATIENCE = 20.0
AT_A_TIME = 10
LONGEST_NAP = 30.0


class Courier:
    """Posts what is due, sleeps until the next thing is, and wakes up when something new comes."""

    def __init__(self, stripe: LocalStripe) -> None:
        self._stripe = stripe
        self._news: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, in the loop that runs now."""
        self._news = asyncio.Event()
        self._stripe.webhooks.on_change = self._news.set
        self._task = asyncio.get_running_loop().create_task(self._work(self._news))

    async def stop(self) -> None:
        """Stop; what is not delivered stays pending."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _work(self, news: asyncio.Event) -> None:
        async with httpx.AsyncClient(timeout=PATIENCE, limits=httpx.Limits(max_connections=AT_A_TIME)) as client:
            while True:
                news.clear()
                self._stripe.settle()
                webhooks = self._stripe.webhooks
                sent = [(delivery, webhooks.request(delivery)) for delivery in webhooks.due()]
                await asyncio.gather(*(self._bring(client, *each) for each in sent))
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), self._nap())

    async def _bring(self, client: httpx.AsyncClient, delivery: Delivery, request: WebhookRequest) -> None:
        memory = self._stripe.webhooks.memory
        status = await _post(client, request)
        if self._stripe.webhooks.memory is memory:
            self._stripe.webhooks.record(delivery, status)

    def _nap(self) -> float:
        """Seconds until something is due; a clock that was moved from outside is noticed after the longest nap."""
        moments = [delivery.due for delivery in self._stripe.webhooks.pending()]
        next_timer = self._stripe.next_timer()
        if next_timer is not None:
            moments.append(next_timer)
        if not moments:
            return LONGEST_NAP
        return min(max(min(moments) - self._stripe.clock.now().timestamp(), 0.0), LONGEST_NAP)


async def _post(client: httpx.AsyncClient, request: WebhookRequest) -> int:
    try:
        response = await client.post(request.url, content=request.body, headers=request.headers)
    except (httpx.HTTPError, httpx.InvalidURL):
        return 0
    except Exception:
        logger.exception("webhook to %s", request.url)
        return 0
    return response.status_code
