"""The bus under the explorer: it keeps what was published; which delivery comes next is the explorer's choice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from payments_lab.bus.protocol import ConsumerConfig, DeadLetter, Handler, PubAck, Subscription
from payments_lab.bus.subjects import check_publishable
from payments_lab.ports import Ids, Operation, checkpoint
from payments_lab.shop.events import SUBJECTS


@dataclass(frozen=True, slots=True, order=True)
class Published:
    """One message that the stream keeps."""

    message_id: str
    subject: str
    data: str


class ExploredBus:
    """A stream as a resource: a set of messages, told apart by their message ids."""

    name = "bus"

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self.messages: set[Published] = set()

    async def publish(
        self, subject: str, data: bytes, *, message_id: str | None = None, headers: Mapping[str, str] | None = None
    ) -> PubAck:
        check_publishable(subject, SUBJECTS)
        message = Published(message_id or self._ids.new("msg"), subject, data.decode())

        def perform() -> PubAck:
            duplicate = any(kept.message_id == message.message_id for kept in self.messages)
            if not duplicate:
                self.messages.add(message)
            return PubAck(len(self.messages), duplicate)

        arguments = (message.message_id, message.subject, message.data)
        return await checkpoint(Operation(self.name, "publish", arguments, writes=True), perform)

    async def subscribe(
        self, subject: str, handler: Handler, *, queue: str, config: ConsumerConfig | None = None
    ) -> Subscription:
        raise NotImplementedError("under the explorer a service hears what its `hears` names; it subscribes to nothing")

    async def dead_letters(self) -> list[DeadLetter]:
        return []

    async def drain(self) -> None:
        """Nothing is in hand between two steps."""

    def snapshot(self) -> bytes:
        return json.dumps(sorted([m.message_id, m.subject, m.data] for m in self.messages)).encode()

    def restore(self, snapshot: bytes) -> None:
        self.messages = {Published(*fields) for fields in json.loads(snapshot)}
