"""Buyers who do not give up, and do what buyers do: pay, change their mind, try another card, come too late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx

from payments_lab.ports import SystemClock
from payments_lab.shop.expiration import JOBS
from payments_lab.web.sessions import COOKIE, Sessions
from tests.distributed.shop_processes import KEY, ServiceProcess

PATIENCE = 120.0
PAUSE = 0.05
SETTLED = (200, 201, 202, 400, 402)
ASKS = "pm_card_threeDSecure2Required"


@dataclass(frozen=True, slots=True)
class Told:
    """What a buyer was told at last: ``status`` of the last payment, and the payment's id if it was 201."""

    order_id: str
    story: str
    status: int
    payment_id: str | None


class Buyers:
    """One client for all buyers of a run. ``redis`` holds the expiration jobs, so that a buyer's time can be up."""

    def __init__(self, orders: ServiceProcess, payments: Sequence[ServiceProcess], redis: Any) -> None:
        self._orders = orders
        self._payments = payments
        self._redis = redis
        cookie = {COOKIE: Sessions(SystemClock(), KEY).issue("ada")}
        self._http = httpx.AsyncClient(cookies=cookie, timeout=10.0)
        self.repeats = 0

    async def close(self) -> None:
        await self._http.aclose()

    async def buy(self, random: Random) -> Told:
        """One order, from its beginning to an answer that is final."""
        story = random.choice(STORIES)
        await asyncio.sleep(random.uniform(0, 0.8))
        order = await self._insist(lambda: self._order(random.randrange(500, 5000)))
        return await story(self, order.json()["id"], random)

    async def pays(self, order_id: str, random: Random) -> Told:
        return _told("pays", order_id, await self._pay(order_id, "tok_visa", random))

    async def tries_another_card(self, order_id: str, random: Random) -> Told:
        declined = await self._pay(order_id, "tok_chargeDeclined", random)
        assert declined.status_code == 402, declined.text
        return _told("tries another card", order_id, await self._pay(order_id, "tok_visa", random))

    async def pays_and_cancels(self, order_id: str, random: Random) -> Told:
        paid, _ = await asyncio.gather(self._pay(order_id, "tok_visa", random), self._cancel(order_id, random))
        return _told("pays and cancels at the same time", order_id, paid)

    async def cancels_what_is_paid(self, order_id: str, random: Random) -> Told:
        paid = await self._pay(order_id, "tok_visa", random)
        await self._cancel(order_id, random)
        return _told("pays, then cancels", order_id, paid)

    async def comes_too_late(self, order_id: str, random: Random) -> Told:
        paid, _ = await asyncio.gather(self._pay(order_id, "tok_visa", random), self._time_is_up(order_id))
        return _told("pays while the time runs out", order_id, paid)

    async def pays_by_intent(self, order_id: str, random: Random) -> Told:
        return _told("pays by intent", order_id, await self._pay(order_id, "pm_card_visa", random))

    async def tries_another_intent(self, order_id: str, random: Random) -> Told:
        declined = await self._pay(order_id, "pm_card_chargeDeclined", random)
        assert declined.status_code == 402, declined.text
        return _told("tries another intent", order_id, await self._pay(order_id, "pm_card_visa", random))

    async def goes_to_the_bank(self, order_id: str, random: Random) -> Told:
        return _told("goes to the bank", order_id, await self._pay(order_id, ASKS, random))

    async def cancels_at_the_bank(self, order_id: str, random: Random) -> Told:
        paid, _ = await asyncio.gather(self._pay(order_id, ASKS, random), self._cancel(order_id, random))
        return _told("cancels while at the bank", order_id, paid)

    async def gives_up_at_the_bank(self, order_id: str, random: Random) -> Told:
        """Back from the bank without an answer, and on with another card."""
        await self._ask(order_id, ASKS, random)
        return _told("gives up at the bank", order_id, await self._pay(order_id, "pm_card_visa", random))

    async def _order(self, price: int) -> httpx.Response:
        return await self._http.post(f"{self._orders.url}/api/orders", json={"price": price})

    async def _pay(self, order_id: str, card: str, random: Random) -> httpx.Response:
        """Pay, and go to the bank if that asks, until the answer is final."""
        while (reply := await self._ask(order_id, card, random)).status_code == 202:
            bank = reply.json()["nextAction"]["redirect_to_url"]["url"]
            await self._http.post(bank, data={"outcome": "succeed"}, follow_redirects=False)
        return reply

    async def _ask(self, order_id: str, card: str, random: Random) -> httpx.Response:
        body = {"orderId": order_id, "paymentMethod" if card.startswith("pm_") else "token": card}
        headers = {"Idempotency-Key": f"{order_id}-{card}"}
        return await self._insist(
            lambda: self._http.post(f"{random.choice(self._payments).url}/api/payments", json=body, headers=headers)
        )

    async def _cancel(self, order_id: str, random: Random) -> None:
        await asyncio.sleep(random.uniform(0, 0.3))
        await self._insist(lambda: self._http.delete(f"{self._orders.url}/api/orders/{order_id}"))

    async def _time_is_up(self, order_id: str) -> None:
        """Make the order's job due as soon as there is one."""
        from redis.exceptions import RedisError

        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                jobs = [job async for job, _ in self._redis.zscan_iter(JOBS, match=f"{order_id}*")]
                if jobs and await self._redis.zadd(JOBS, {jobs[0]: 0}, xx=True, ch=True):
                    return
            except RedisError:
                self.repeats += 1
            await asyncio.sleep(PAUSE)
        raise AssertionError(f"no expiration job for {order_id}")

    async def _insist(self, ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """Ask until the answer is final: nobody's fault but the buyer's, or success."""
        deadline = time.monotonic() + PATIENCE
        last: object = None
        while time.monotonic() < deadline:
            try:
                last = reply = await ask()
            except httpx.TransportError as error:
                last = error
            else:
                if reply.status_code in SETTLED:
                    return reply
                assert reply.status_code in (404, 409, 500, 503), reply.text
            self.repeats += 1
            await asyncio.sleep(PAUSE)
        raise AssertionError(f"no final answer: {last!r}")


STORIES = (
    Buyers.pays,
    Buyers.pays,
    Buyers.tries_another_card,
    Buyers.pays_and_cancels,
    Buyers.cancels_what_is_paid,
    Buyers.comes_too_late,
    Buyers.pays_by_intent,
    Buyers.tries_another_intent,
    Buyers.goes_to_the_bank,
    Buyers.cancels_at_the_bank,
    Buyers.gives_up_at_the_bank,
)


def _told(story: str, order_id: str, reply: httpx.Response) -> Told:
    return Told(order_id, story, reply.status_code, reply.json().get("id"))
