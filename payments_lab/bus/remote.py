"""What the buses with a server have in common."""

from __future__ import annotations

import asyncio
import logging
import math

from payments_lab.bus.headers import trace_of
from payments_lab.bus.protocol import Delivery, Handler
from payments_lab.telemetry.trace import under

log = logging.getLogger("payments_lab.bus")

LARGEST_BATCH = 64


class Pace:
    """How many messages a member takes at once: no more than it can handle in half the ack wait.

    What lies in a member's hand unhandled is under its ack wait already; too much of it would be delivered again to
    somebody else before its turn comes.
    """

    def __init__(self, ack_wait: float, largest: int = LARGEST_BATCH) -> None:
        self._budget = ack_wait / 2
        self._largest = largest
        self._seconds_each = 0.0

    @property
    def batch(self) -> int:
        if self._seconds_each == 0.0:
            return min(8, self._largest)
        return max(1, min(self._largest, int(self._budget / self._seconds_each)))

    def handled(self, count: int, seconds: float) -> None:
        """``count`` messages took ``seconds``; the last ones weigh most."""
        each = max(seconds / count, 1e-6)
        self._seconds_each = each if self._seconds_each == 0.0 else (self._seconds_each + each) / 2


class Patience:
    """Waits between one try and the next, a little longer each time, for ``seconds`` in all."""

    def __init__(self, seconds: float = math.inf, first: float = 0.05, longest: float = 1.0) -> None:
        self._left = seconds
        self._pause = first
        self._longest = longest

    async def wait(self) -> bool:
        """Wait, then True; False at once when patience is over."""
        if self._left < self._pause:
            return False
        self._left -= self._pause
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, self._longest)
        return True


async def failure_of(handler: Handler, delivery: Delivery, queue: str) -> str | None:
    """Run the handler; None, or the exception in words, which is logged too."""
    try:
        await handler(delivery)
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
        with under(trace_of(delivery)):
            log.warning(
                "the handler of %s failed on %s #%d, attempt %d: %s",
                *(queue, delivery.subject, delivery.sequence, delivery.attempt, failure),
            )
        return failure
    return None


def gave_up(attempts: int, last: str) -> str:
    """The reason of a dead letter that was delivered too often."""
    times = "once" if attempts == 1 else f"{attempts} times"
    return f"delivered {times} without an acknowledgement; the last time {last}"
