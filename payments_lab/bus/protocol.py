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
    """The bus refused a call; the message says why and what to try."""


@dataclass(frozen=True, slots=True)
class PubAck:
    """The stream has kept the message. ``duplicate``: its message id was seen before, nothing new was stored."""

    sequence: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class ConsumerConfig:
    """How a durable consumer delivers. Times are seconds on the bus's clock."""

    deliver: Literal["all", "new"] = "all"
    ack_wait: float = 5.0
    max_deliver: int = 20
    max_ack_pending: int = 1000


class Delivery(Protocol):
    """One message on its way to one member of a queue group."""

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

    async def ack(self) -> None: ...
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
    """What a service needs of a bus."""

    async def publish(
        self,
        subject: str,
        data: bytes,
        *,
        message_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> PubAck:
        """Keep a message; raises BusError for an unknown subject, a wildcard or a payload above the limit."""
        ...

    async def subscribe(
        self, subject: str, handler: Handler, *, queue: str, config: ConsumerConfig | None = None
    ) -> Subscription:
        """Join ``queue`` on ``subject`` (``*`` is one token, ``>`` the rest; tokens are parted by dots)."""
        ...

    async def dead_letters(self) -> list[DeadLetter]: ...

    async def drain(self) -> None:
        """Take no more deliveries, finish those in hand, then return."""
        ...
