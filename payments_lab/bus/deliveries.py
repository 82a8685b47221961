"""A message on its way to one consumer of the simulator: what a handler gets, and what the steering verbs take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from payments_lab.bus.records import NO_HEADERS, Happening, unnamed
from payments_lab.ports import Operation, checkpoint
from payments_lab.ports.checkpoint import in_charge

if TYPE_CHECKING:
    from payments_lab.bus.consumers import Consumer
    from payments_lab.bus.journal import RawMessage

Crash = Literal["before", "after", "after ack"]
"""When a consumer dies: with the message in hand; at its acknowledgement, which is never sent; just after that."""

READY: Final = "pending"
HELD: Final = "held"
DELAYED: Final = "delayed"
IN_FLIGHT: Final = "in flight"
UNANSWERED: Final = "unanswered"
ACK_LOST: Final = "ack lost"
PUT_BACK: Final = "put back"
SUPERSEDED: Final = "superseded"
DONE: Final = "done"

OWED: Final = frozenset({DELAYED, UNANSWERED, ACK_LOST, PUT_BACK})
"""States with a timer that brings the message again."""

_ACKED: Final = Happening.ACKED


class ConsumerDied(BaseException):
    """Ends the handler of a consumer that the simulator crashes; no ``except Exception`` stops it."""


class SimulatedDelivery:
    """The first delivery of a message to a consumer; satisfies :class:`payments_lab.bus.protocol.Delivery`.

    ``state`` is one of the words above. ``handle`` names the delivery in a few characters, the same in every run.
    """

    __slots__ = ("consumer", "due", "message", "state", "successor")

    attempt: int = 1
    counted: bool = False
    origin: SimulatedDelivery | None = None
    due: datetime
    successor: SimulatedDelivery

    def __init__(self, message: RawMessage, consumer: Consumer) -> None:
        self.message = message
        self.consumer = consumer
        self.state = READY

    @property
    def sequence(self) -> int:
        return self.message[0]

    @property
    def subject(self) -> str:
        return self.message[1]

    @property
    def data(self) -> bytes:
        return self.message[2]

    @property
    def message_id(self) -> str:
        return self.message[3] or unnamed(self.message[0])

    @property
    def headers(self) -> Mapping[str, str]:
        return self.message[4] or NO_HEADERS

    @property
    def sender(self) -> str:
        return self.message[5]

    @property
    def queue(self) -> str:
        return self.consumer.queue

    @property
    def durable(self) -> str:
        return self.consumer.durable

    @property
    def handle(self) -> str:
        """``#3 payments-service``, and ``#3 payments-service ×2`` for the second time."""
        again = f" ×{self.attempt}" if self.attempt > 1 else ""
        return f"#{self.message[0]} {self.consumer.queue}{again}"

    def facts(self) -> dict[str, Any]:
        """The delivery as plain data; ``due`` is the time at which it comes again, or None."""
        return {
            "handle": self.handle,
            "subject": self.subject,
            "sequence": self.sequence,
            "message_id": self.message_id,
            "sender": self.sender,
            "queue": self.queue,
            "durable": self.durable,
            "attempt": self.attempt,
            "state": self.state,
            "due": self.due if self.state in OWED else None,
            "data": self.data,
        }

    def __repr__(self) -> str:
        return f"<{self.subject} {self.handle}, {self.state}>"

    async def ack(self) -> None:
        if in_charge() is None:
            self.answer_ack()
        else:
            await self._checked("ack", None, self.answer_ack)

    async def nak(self, delay: float | None = None) -> None:
        await self._checked("nak", delay, lambda: self.answer(lambda: self.consumer.bus.put_back(self, delay or 0.0)))

    async def in_progress(self) -> None:
        await self._checked("in_progress", None, lambda: self.consumer.bus.extend(self))

    async def term(self, reason: str) -> None:
        await self._checked("term", reason, lambda: self.answer(lambda: self.consumer.bus.terminate(self, reason)))

    def answer_ack(self) -> None:
        """What an ack does, once it is the moment to do it."""
        consumer = self.consumer
        if self.state is not IN_FLIGHT:
            consumer.bus.late_ack(self)
            return
        self.state = DONE
        bus = consumer.bus
        bus.rows += (_ACKED, bus.clock.instant, consumer, self.message[0], 1)
        if consumer.backlog:
            bus.reopen(consumer)

    def answer(self, perform: Callable[[], None]) -> None:
        """What any answer does."""
        perform()

    async def _checked(self, verb: str, argument: object, perform: Callable[[], None]) -> None:
        arguments = {
            "durable": self.durable,
            "sequence": self.sequence,
            "attempt": self.attempt,
            "argument": argument,
        }
        await checkpoint(Operation("bus", verb, arguments, writes=True), perform)


class Redelivery(SimulatedDelivery):
    """A later delivery. ``counted``: its message is among its consumer's unanswered ones already.

    ``origin`` makes it a mere duplicate of another delivery: the bus never owes it again.
    """

    __slots__ = ("attempt", "counted", "origin")

    def __init__(
        self, message: RawMessage, consumer: Consumer, attempt: int, *, counted: bool, origin: SimulatedDelivery | None
    ) -> None:
        super().__init__(message, consumer)
        self.attempt = attempt
        self.counted = counted
        self.origin = origin

    def answer_ack(self) -> None:
        bus = self.consumer.bus
        if self.state is IN_FLIGHT:
            bus.finish(self, Happening.ACKED)
        else:
            bus.late_ack(self)


class DoomedDelivery(Redelivery):
    """A delivery whose answer is lost, or whose consumer dies at its answer or just after it."""

    __slots__ = ("fate",)

    def __init__(self, origin: SimulatedDelivery, fate: Literal["lose ack", "after", "after ack"]) -> None:
        super().__init__(origin.message, origin.consumer, origin.attempt, counted=origin.counted, origin=origin.origin)
        self.fate = fate

    def answer_ack(self) -> None:
        self.answer(super().answer_ack)

    def answer(self, perform: Callable[[], None]) -> None:
        if self.state is not IN_FLIGHT:
            perform()
        elif self.fate == "lose ack":
            self.consumer.bus.lose_ack(self)
        elif self.fate == "after":
            raise ConsumerDied("after its effect")
        else:
            perform()
            raise ConsumerDied("after its acknowledgement")
