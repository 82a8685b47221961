"""The expiration service: one delayed job an order, in a Redis sorted set scored by the second that it is due.

A job is removed after its event was published, so a crash between the two publishes it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from payments_lab.bus.protocol import Bus
from payments_lab.ports import Clock
from payments_lab.shop.events import Event, ExpirationComplete, OrderCreated
from payments_lab.stores.jobs import SortedSets

JOBS = "expiration:jobs"


@dataclass(frozen=True, slots=True)
class ExpirationPorts:
    """What the expiration service stands on."""

    jobs: SortedSets
    bus: Bus
    clock: Clock


class ExpirationService:
    """Says when the time to pay an order is over."""

    name: ClassVar[str] = "expiration"
    queue_group: ClassVar[str] = "expiration-service"
    hears: ClassVar[dict[type[Event], str]] = {OrderCreated: "on_order_created"}

    def __init__(self, ports: ExpirationPorts) -> None:
        self.jobs = ports.jobs
        self.bus = ports.bus
        self.clock = ports.clock

    async def on_order_created(self, event: OrderCreated) -> None:
        await self.jobs.zadd(JOBS, {event.id: event.expires_at.timestamp()})

    async def tick(self) -> int:
        """Publish what is due by now and return how many that were."""
        due = await self.jobs.zrangebyscore(JOBS, "-inf", self.clock.now().timestamp())
        for member in due:
            order_id = member.decode() if isinstance(member, bytes) else member
            event = ExpirationComplete(order_id=order_id)
            await self.bus.publish(event.subject, event.to_bytes(), message_id=f"{order_id}:expired")
            await self.jobs.zrem(JOBS, order_id)
        return len(due)

    async def recover(self) -> None:
        """Nothing is kept outside Redis: the next tick finds what is due."""
