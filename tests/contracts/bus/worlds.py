"""What differs between the buses for a test: how to connect, how time passes, what waiting means."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from typing import Any, Protocol

from payments_lab.bus import Bus, Delivery, Handler, SimulatedBus
from payments_lab.bus.connect import connect
from payments_lab.bus.jetstream import JetStreamBus
from payments_lab.ports import LabClock

SUBJECTS = ("order:created", "order:cancelled", "shop.*.created", "shop.*.paid")
DEADLINE = 15.0

Condition = Callable[[], bool | Awaitable[bool]]

names = count(1)


async def holds(condition: Condition) -> bool:
    answer = condition()
    return answer if isinstance(answer, bool) else await answer


class World(Protocol):
    """``ack_wait`` is the shortest that tests need wait for; ``window`` is that of the message ids; both in seconds."""

    ack_wait: float
    window: float

    async def bus(self, name: str) -> Bus:
        """A connection of its own for the service ``name``."""
        ...

    async def until(self, condition: Condition) -> None:
        """Let deliveries happen until the condition holds; AssertionError when it never does."""
        ...

    async def spend(self, seconds: float) -> None:
        """Let time pass inside a handler that is at work."""
        ...

    def now(self) -> float:
        """Seconds on the clock that the bus goes by."""
        ...

    async def close(self) -> None: ...


class SimulatedWorld:
    ack_wait = 5.0
    window = 120.0

    def __init__(self) -> None:
        self.clock = LabClock()
        self._bus = SimulatedBus(self.clock, subjects=SUBJECTS)

    async def bus(self, name: str) -> Bus:
        return self._bus.client(name)

    async def until(self, condition: Condition) -> None:
        for _ in range(1000):
            if await holds(condition):
                return
            if await self._bus.deliver_next():
                continue
            due = self._bus.next_due()
            if due is None:
                assert await holds(condition), "nothing is pending, nothing is due, and the condition does not hold"
                return
            self.clock.advance(max(due - self.clock.now(), timedelta(0)))
        raise AssertionError("the condition does not hold after 1000 steps")

    async def spend(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def now(self) -> float:
        return self.clock.now().timestamp()

    async def close(self) -> None:
        pass


class RemoteWorld:
    ack_wait = 0.4
    window = 1.0

    def __init__(self, url: str) -> None:
        self._url = url
        self._namespace = f"contract_{next(names)}"
        self._buses: list[Any] = []

    async def bus(self, name: str) -> Bus:
        bus = await connect(
            self._url, name=name, subjects=SUBJECTS, namespace=self._namespace, duplicate_window=self.window
        )
        self._buses.append(bus)
        return bus

    async def until(self, condition: Condition) -> None:
        deadline = time.monotonic() + DEADLINE
        while not await holds(condition):
            assert time.monotonic() < deadline, f"the condition does not hold after {DEADLINE:g} s"
            await asyncio.sleep(0.002)

    async def spend(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def now(self) -> float:
        return time.monotonic()

    async def close(self) -> None:
        for bus in self._buses:
            await bus.drain()
        for bus in self._buses[:1]:
            if isinstance(bus, JetStreamBus):
                await bus.jetstream.delete_stream(bus.stream)
                await bus.jetstream.delete_stream(bus.dead_stream)
        for bus in self._buses:
            await bus.close()


class Ear:
    """A handler that remembers what it heard, and answers as it is told."""

    def __init__(self, answer: Handler | None = None) -> None:
        self.heard: list[Delivery] = []
        self._answer = answer or acknowledge

    async def __call__(self, delivery: Delivery) -> None:
        self.heard.append(delivery)
        await self._answer(delivery)

    @property
    def data(self) -> list[bytes]:
        return [delivery.data for delivery in self.heard]

    @property
    def attempts(self) -> list[int]:
        return [delivery.attempt for delivery in self.heard]


async def acknowledge(delivery: Delivery) -> None:
    await delivery.ack()


async def stay_silent(delivery: Delivery) -> None:
    pass
