"""The bus under the explorer: it keeps what was published; which delivery comes next is the explorer's choice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from payments_lab.bus.protocol import BusError, ConsumerConfig, DeadLetter, Handler, PubAck, Subscription
from payments_lab.bus.subjects import check_publishable
from payments_lab.ports import Ids, Operation, checkpoint
from payments_lab.shop.events import SUBJECTS

LARGEST = 1024 * 1024


class Message(NamedTuple):
    """One message that the stream keeps."""

    message_id: str
    subject: str
    data: str


class ExploredBus:
    """A stream as a resource: the set of what was published, which is divided by message ids.

    It recognises a message id for ever, so a message published twice is kept once; a repetition that comes after a
    real stream has forgotten the id is a duplicate, of which the faults say how many there may be. ``PubAck.sequence``
    is always 0: a number that counts all messages would make every publication depend on every other.
    """

    name = "bus"

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._published: dict[str, Message] = {}

    async def publish(
        self, subject: str, data: bytes, *, message_id: str | None = None, headers: Mapping[str, str] | None = None
    ) -> PubAck:
        message = Message(message_id or self._ids.new("msg"), subject, data.decode())
        operation = Operation(self.name, "publish", message, writes=True)
        return await checkpoint(operation, lambda: self._keep(message))

    async def subscribe(
        self, subject: str, handler: Handler, *, queue: str, config: ConsumerConfig | None = None
    ) -> Subscription:
        raise BusError("under the explorer a service hears what its `hears` names; it subscribes to nothing else")

    async def dead_letters(self) -> list[DeadLetter]:
        return []

    async def drain(self) -> None:
        """Nothing is in hand between two steps."""

    def snapshot(self) -> bytes:
        return json.dumps(sorted(self._published.values())).encode()

    def restore(self, snapshot: bytes) -> None:
        self._published = {message.message_id: message for message in published(snapshot)}

    def parts(self) -> dict[str, bytes]:
        return {name: json.dumps(message).encode() for name, message in self._published.items()}

    def unite(self, parts: Mapping[str, bytes]) -> bytes:
        return json.dumps(sorted(json.loads(part) for part in parts.values())).encode()

    def concerns(self, operation: Operation) -> str:
        return operation.arguments.message_id

    def _keep(self, message: Message) -> PubAck:
        check_publishable(message.subject, SUBJECTS)
        if len(message.data) > LARGEST:
            raise BusError(f"{len(message.data)} bytes on {message.subject} are more than the {LARGEST} of a message")
        if message.message_id in self._published:
            return PubAck(0, duplicate=True)
        self._published[message.message_id] = message
        return PubAck(0)


def published(snapshot: bytes) -> list[Message]:
    """What a bus in this state has kept."""
    return [Message(*fields) for fields in json.loads(snapshot)]


class ExploredDelivery:
    """What a listener gets; it remembers how it was answered."""

    sequence = 0
    attempt = 1

    def __init__(self, message: Message) -> None:
        self.message_id, self.subject = message.message_id, message.subject
        self.data = message.data.encode()
        self.headers: Mapping[str, str] = {}
        self._answer = ""

    def answer(self) -> str:
        """ "ack", "again" (refused, or no answer) or "dead: reason"."""
        return self._answer or "again"

    async def ack(self) -> None:
        self._answer = self._answer or "ack"

    async def nak(self, delay: float | None = None) -> None:
        self._answer = self._answer or "again"

    async def in_progress(self) -> None:
        """Nobody is in a hurry."""

    async def term(self, reason: str) -> None:
        self._answer = self._answer or f"dead: {reason}"
