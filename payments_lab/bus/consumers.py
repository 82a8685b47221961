"""Durable consumers of the simulator: who listens, and how much is still without an answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from payments_lab.bus.protocol import ConsumerConfig, Delivery, Handler
from payments_lab.bus.subjects import durable_name, matches

if TYPE_CHECKING:
    from payments_lab.bus.deliveries import SimulatedDelivery
    from payments_lab.bus.simulator import SimulatedBus


@dataclass(slots=True)
class Trouble:
    """What a consumer remembers of a message that was delivered more than once. ``settled``: one delivery was acked."""

    attempts: int = 1
    settled: bool = False
    reason: str = "no answer"


class Consumer:
    """A queue group on a subject. ``handler`` takes the next new message, or is None while none may be delivered.

    ``unanswered`` counts the messages whose handler has returned and that have no answer yet; ``backlog`` holds what
    nobody may take now.
    """

    __slots__ = (
        "backlog",
        "bus",
        "config",
        "durable",
        "handler",
        "matches",
        "members",
        "queue",
        "subject",
        "trouble",
        "turn",
        "unanswered",
    )

    def __init__(self, bus: SimulatedBus, subject: str, queue: str, config: ConsumerConfig) -> None:
        self.bus = bus
        self.subject = subject
        self.queue = queue
        self.durable = durable_name(queue, subject)
        self.config = config
        self.matches = matches(subject)
        self.members: list[Handler] = []
        self.handler: Handler | None = None
        self.unanswered = 0
        self.backlog: deque[SimulatedDelivery] = deque()
        self.trouble: dict[int, Trouble] = {}
        self.turn = 0

    def take_turns(self, delivery: Delivery) -> Awaitable[None]:
        """Hand over to the member after the one that came last."""
        self.turn = (self.turn + 1) % len(self.members)
        return self.members[self.turn](delivery)

    def update(self) -> None:
        """Choose ``handler`` anew, after the members or the number without an answer changed."""
        if not self.members or self.unanswered >= self.config.max_ack_pending:
            self.handler = None
        else:
            self.handler = self.members[0] if len(self.members) == 1 else self.take_turns
