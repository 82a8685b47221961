"""The expiration service: one delayed job an order, in a Redis sorted set scored by the second that it is due.

A job is removed after its event was published, so a crash between the two publishes it again. The job of an order that
a request created is called ``<order id> <trace id>``, so that the request's trace goes on when the time is over.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar

from payments_lab.bus.headers import headers_of
from payments_lab.bus.protocol import Bus
from payments_lab.ports import Clock
from payments_lab.shop.events import Event, ExpirationComplete, OrderCreated
from payments_lab.stores.jobs import SortedSets
from payments_lab.telemetry.trace import Trace, current, is_trace_id, under

log = logging.getLogger("payments_lab.shop")

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
        trace = current()
        member = event.id if trace is None else f"{event.id} {trace.trace_id}"
        await self.jobs.zadd(JOBS, {member: event.expires_at.timestamp()})

    async def tick(self) -> int:
        """Publish what is due by now and return how many that were."""
        due = await self.jobs.zrangebyscore(JOBS, "-inf", self.clock.now().timestamp())
        for member in due:
            job = member.decode() if isinstance(member, bytes) else member
            order_id, trace = _parts(job)
            event = ExpirationComplete(order_id=order_id)
            with under(trace):
                await self.bus.publish(
                    event.subject, event.to_bytes(), message_id=f"{order_id}:expired", headers=headers_of(trace)
                )
                log.info("the time to pay order %s is over", order_id)
            await self.jobs.zrem(JOBS, job)
        return len(due)

    async def recover(self) -> None:
        """Nothing is kept outside Redis: the next tick finds what is due."""


def _parts(job: str) -> tuple[str, Trace | None]:
    """The order of a job, and the trace that it goes on with."""
    order_id, _, trace_id = job.rpartition(" ")
    return (order_id, Trace.begin(trace_id)) if is_trace_id(trace_id) else (job, None)
