"""The bus protocol, in the words of NATS JetStream.

A publisher hands a *message* to a *stream*, which keeps it and answers with an acknowledgement. A *durable
consumer* remembers how far a *queue group* has come; each message goes to one member of the group, and comes
again when it is not acknowledged within the *ack wait*, until *max deliver* is reached and it is a dead letter.

Source of the words and defaults: https://docs.nats.io/nats-concepts/jetstream/consumers
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol


class BusError(Exception):
    """The bus refused a call, and nothing happened; the message says why and what to try."""


class PublishUnconfirmed(Exception):
    """The stream did not answer: nobody knows whether it has kept the message.

    Publish it again with the same message id; the stream keeps only one.
    """


@dataclass(slots=True, unsafe_hash=True)
class PubAck:
    """The stream has kept the message. ``duplicate``: its message id was seen before, nothing new was stored.

    ``sequence`` grows with every message that the stream keeps; only the simulator and JetStream count without gaps.
    """

    sequence: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class ConsumerConfig:
    """How a durable consumer delivers. Times are seconds on the bus's clock.

    ``deliver``: all that the stream keeps, or only what is published from now on. ``ack_wait``: how long a delivery
    may stay without an answer before it comes again. ``max_deliver``: how often, before it is a dead letter.
    ``max_ack_pending``: how many deliveries may be without an answer before no new message is delivered.
    BusError for a value that no consumer can have.
    """

    deliver: Literal["all", "new"] = "all"
    ack_wait: float = 5.0
    max_deliver: int = 20
    max_ack_pending: int = 1000

    def __post_init__(self) -> None:
        if self.deliver not in ("all", "new"):
            raise BusError(f"a consumer delivers 'all' or 'new', not {self.deliver!r}")
        if self.ack_wait <= 0:
            raise BusError(f"ack_wait is {self.ack_wait:g} seconds; it must be more than 0")
        for name in ("max_deliver", "max_ack_pending"):
            if getattr(self, name) < 1:
                raise BusError(f"{name} is {getattr(self, name)}; it must be at least 1")


class Delivery(Protocol):
    """One message on its way to one member of a queue group. Of several answers the first counts."""

    @property
    def subject(self) -> str: ...
    @property
    def data(self) -> bytes: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def message_id(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def attempt(self) -> int:
        """1 for the first delivery of this message to this consumer."""
        ...

    async def ack(self) -> None:
        """Done: never deliver it again. An ack that comes after the ack wait still counts."""
        ...

    async def nak(self, delay: float | None = None) -> None:
        """Not now: deliver again, at once or after ``delay`` seconds."""
        ...

    async def in_progress(self) -> None:
        """Still working: start the ack wait anew."""
        ...

    async def term(self, reason: str) -> None:
        """Never again: keep it as a dead letter with ``reason``."""
        ...


Handler = Callable[[Delivery], Awaitable[None]]
"""What a subscriber gives the bus. When it raises, the delivery stays without an answer and comes again."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that the bus has given up on for one consumer, with its bytes as they came."""

    subject: str
    data: bytes
    reason: str
    message_id: str
    sequence: int
    durable: str
    attempts: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Subscription(Protocol):
    """One member of a queue group that listens on a subject."""

    @property
    def subject(self) -> str: ...
    @property
    def durable(self) -> str: ...
    async def unsubscribe(self) -> None:
        """Leave the group; the durable consumer and what it has acknowledged stay."""
        ...


class Bus(Protocol):
    """What a service needs of a bus. Deliveries to one subscription come one after the other."""

    async def publish(
        self,
        subject: str,
        data: bytes,
        *,
        message_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> PubAck:
        """Keep a message.

        BusError for an unknown subject, a wildcard or a payload above the limit; PublishUnconfirmed when no answer
        came. A message id that was seen within the stream's window (two minutes) is acknowledged as a duplicate.
        """
        ...

    async def subscribe(
        self, subject: str, handler: Handler, *, queue: str, config: ConsumerConfig | None = None
    ) -> Subscription:
        """Join ``queue`` on ``subject`` (``*`` is one token, ``>`` the rest; tokens are parted by dots).

        Without a ``config``, an existing durable consumer is joined as it is, and a missing one made with the
        defaults. BusError for a subject that the stream does not keep, or an existing consumer that differs.
        """
        ...

    async def dead_letters(self) -> list[DeadLetter]:
        """What the bus has given up on, oldest first."""
        ...

    async def drain(self) -> None:
        """Take no more deliveries, finish those in hand, then return. Publishing still works."""
        ...
