"""Many short lives of a shop under chaos, each drawn from a seed: what the explorer cannot exhaust, at random.

Every life has a few orders, clients that pay, decline, repeat and cancel, time that passes, a bus that duplicates,
reorders, delays and loses acks, engines whose replies get lost, and processes that die between two awaits. When it
has come to rest, the books must agree. A seed replays its life exactly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TypeVar

from payments_lab.bus.faults import BusFaults
from payments_lab.diagrams import Story
from payments_lab.lab import Lab
from payments_lab.local_stripe.faults import Kind
from payments_lab.local_stripe.requests import Request
from payments_lab.ports import Operation, scheduled_by
from payments_lab.shop.audit import Difference, audit
from payments_lab.shop.errors import Indefinite, OrderNotFound, ShopError
from payments_lab.shop.orders import Order
from payments_lab.shop.payments import PaymentsService

T = TypeVar("T")

Wish = Callable[[], Coroutine[None, None, None]]

TOKENS = ("tok_visa", "tok_visa", "tok_mastercard", "tok_chargeDeclined", "tok_chargeDeclinedInsufficientFunds")
STRIPE_FAULTS: tuple[Kind, ...] = ("connection refused", "reply lost", "error before", "rate limit")
PATIENCE = 5


class ProcessDied(Exception):
    """The process was killed at an await; whoever waited for it gets no answer."""


@dataclass(frozen=True, slots=True)
class Life:
    """One life: its seed, what was wrong when it came to rest, how often each fault bit, and its story."""

    seed: int
    differences: tuple[Difference, ...]
    payments: int
    deaths: int
    stripe_faults: int
    redeliveries: int
    story: Story


def live(seed: int, payments: type[PaymentsService] = PaymentsService) -> Life:
    """Live one life from its seed; runs an event loop of its own."""
    return asyncio.run(_Chaos(seed, payments).live())


class _Chaos:
    """The scheduler in charge of one life: at every await others may run, a reply may be lost, the process may die."""

    def __init__(self, seed: int, payments: type[PaymentsService]) -> None:
        self.random = Random(seed)
        self.seed = seed
        self.deaths = 0
        self.stripe_faults = 0
        self.on = True
        self.death_rate = self.random.choice((0.0, 0.01, 0.05))
        self.stripe_rate = self.random.choice((0.0, 0.1, 0.3))
        chance = self._chance
        faults = BusFaults(chance(), chance(), chance(), chance(), chance())
        self.lab = Lab(payments=payments, seed=seed, faults=faults)
        self.lab.stripe.faults.choose = self._stripe_fault

    async def live(self) -> Life:
        with scheduled_by(self):
            orders = [await self._create(number) for number in range(self.random.randint(1, 3))]
            wishes = [wish for order in orders for wish in self._wishes(order)]
            self.random.shuffle(wishes)
            await asyncio.gather(*(wish() for wish in wishes), self._deliver_now_and_then())
        await self._come_to_rest()
        return self._life()

    async def step(self, operation: Operation, perform: Callable[[], T]) -> T:
        for _ in range(self.random.randrange(3) if self.on else 0):
            await asyncio.sleep(0)
        dies = self.on and self.random.random() < self.death_rate
        if dies and self.random.random() < 0.5:
            self._die(operation)
        answer = perform()
        if dies:
            self._die(operation)
        return answer

    def _die(self, operation: Operation) -> None:
        self.deaths += 1
        raise ProcessDied(f"at {operation.verb} on {operation.resource}")

    def _stripe_fault(self, request: Request) -> Kind | None:
        if not self.on or self.random.random() >= self.stripe_rate:
            return None
        self.stripe_faults += 1
        return self.random.choice(STRIPE_FAULTS)

    def _chance(self) -> float:
        return self.random.choice((0.0, 0.1, 0.3))

    async def _create(self, number: int) -> Order:
        self.on = False
        order = await self.lab.orders.create(user_id="ada", price=1000 * (number + 1))
        self.on = True
        return order

    def _wishes(self, order: Order) -> list[Wish]:
        wishes: list[Wish] = []
        for click in range(self.random.randint(1, 3)):
            token = self.random.choice(TOKENS)
            wishes.append(lambda token=token, click=click: self._pay(order, token, f"{order.id}-{click}"))
        if self.random.random() < 0.3:
            wishes.append(lambda: self._cancel(order))
        if self.random.random() < 0.2:
            wishes.append(self._let_time_pass)
        return wishes

    async def _pay(self, order: Order, token: str, key: str) -> None:
        """A client that asks again with the same key while it has no answer."""
        for _ in range(PATIENCE):
            try:
                await self.lab.payments.create_charge(
                    order_id=order.id, token=token, user_id="ada", idempotency_key=key
                )
            except (Indefinite, OrderNotFound):
                await self._deliver_some(3)
            except ShopError:
                return
            except Exception:  # what an HTTP client sees as a 500, or as a connection that breaks
                await self._deliver_some(3)
            else:
                return

    async def _cancel(self, order: Order) -> None:
        for _ in range(PATIENCE):
            try:
                await self.lab.orders.cancel(order.id)
            except ProcessDied:
                continue
            return

    async def _let_time_pass(self) -> None:
        self.lab.clock.advance(timedelta(minutes=15))
        try:
            await self.lab.expiration.tick()
        except ProcessDied:
            return

    async def _deliver_now_and_then(self) -> None:
        for _ in range(10):
            await self._deliver_some(self.random.randrange(4))
            await asyncio.sleep(0)

    async def _deliver_some(self, count: int) -> None:
        for _ in range(count):
            await self.lab.bus.deliver_next()

    async def _come_to_rest(self) -> None:
        """The chaos is over: every service restarts, recovers, and hears what it has not heard."""
        self.on = False
        self.lab.bus.faults = BusFaults()
        for _ in range(3):
            await self.lab.recover()

    def _life(self) -> Life:
        lab = self.lab
        return Life(
            seed=self.seed,
            differences=tuple(audit(lab.books())),
            payments=sum(1 for charge in lab.stripe.charges() if charge["paid"]),
            deaths=self.deaths,
            stripe_faults=self.stripe_faults,
            redeliveries=sum(1 for record in lab.bus.log if record.happening == "delivered" and record.attempt > 1),
            story=lab.timeline(f"seed {self.seed}"),
        )
