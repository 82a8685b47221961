"""The bus on NATS JetStream.

A stream keeps the subjects; a durable pull consumer is a queue group, whose members ask for messages as they can take
them. Dead letters have a stream of their own.

Source: https://docs.nats.io/nats-concepts/jetstream and https://nats-io.github.io/nats.py/
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from payments_lab.bus.checks import DUPLICATE_WINDOW, MAX_PAYLOAD, check_headers, check_message_id, check_payload
from payments_lab.bus.jetstream_members import MESSAGE_ID, SENDER, JetStreamMember
from payments_lab.bus.protocol import BusError, ConsumerConfig, DeadLetter, Handler, PubAck, PublishUnconfirmed
from payments_lab.bus.remote import Patience, log
from payments_lab.bus.subjects import check_listenable, check_publishable, durable_name, matches

if TYPE_CHECKING:
    from nats.js.api import ConsumerConfig as ServerConsumer

DEAD_LETTER = "Dead-Letter"
SERVICE_UNAVAILABLE = 503
ASK_FOR = 2.0
"""Seconds to wait for the acknowledgement of one try to publish."""


class JetStreamBus:
    """A connection of the service ``name``; satisfies the protocol ``Bus``. :meth:`open` makes one.

    Publishing goes on trying for ``patience`` seconds while the server is away, if the message has an id.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        *,
        subjects: tuple[str, ...],
        stream: str = "payments_lab",
        max_payload: int = MAX_PAYLOAD,
        duplicate_window: float = DUPLICATE_WINDOW,
        patience: float = 10.0,
    ) -> None:
        self.name = name
        self.subjects = subjects
        self.stream = stream
        self.dead_stream = f"{stream}_dead"
        self.client = client
        self.jetstream: Any = client.jetstream(timeout=ASK_FOR)
        self._max_payload = max_payload
        self._window = duplicate_window
        self._patience = patience
        self._checked: set[str] = set()
        self._members: list[JetStreamMember] = []

    async def open(self) -> JetStreamBus:
        """Create the streams that are missing; BusError where one that exists keeps other things."""
        if not self.subjects or ">" in self.subjects:
            raise BusError(
                "a JetStream stream needs subjects of its own, such as ('order:created',); '>' is the server's"
            )
        await self._ensure_stream(self.stream, self.subjects)
        await self._ensure_stream(self.dead_stream, (f"{self.dead_stream}.>",))
        return self

    async def publish(
        self, subject: str, data: bytes, *, message_id: str | None = None, headers: Mapping[str, str] | None = None
    ) -> PubAck:
        if subject not in self._checked:
            check_publishable(subject, self.subjects)
            self._checked.add(subject)
        check_headers(headers)
        check_message_id(message_id)
        sent = {**(headers or {}), SENDER: self.name}
        if message_id is not None:
            sent[MESSAGE_ID] = message_id
        check_payload(subject, data, min(self._max_payload, self.client.max_payload - _length(sent)))
        return await self._persist(subject, data, sent)

    async def subscribe(
        self, subject: str, handler: Handler, *, queue: str, config: ConsumerConfig | None = None
    ) -> JetStreamMember:
        check_listenable(subject, self.subjects)
        durable = durable_name(queue, subject)
        settled = await self._ensure_consumer(durable, subject, config)
        member = JetStreamMember(self, subject, handler, queue, durable, settled)
        await member.start()
        self._members.append(member)
        return member

    async def dead_letters(self) -> list[DeadLetter]:
        from nats.js.errors import NotFoundError

        state = (await self.jetstream.stream_info(self.dead_stream)).state
        letters: list[DeadLetter] = []
        for sequence in range(max(state.first_seq, 1), state.last_seq + 1):
            try:
                message = await self.jetstream.get_msg(self.dead_stream, sequence)
            except NotFoundError:
                continue
            letters.append(DeadLetter(data=message.data or b"", **json.loads(message.headers[DEAD_LETTER])))
        return letters

    async def bury(self, letter: DeadLetter) -> None:
        """Keep a dead letter; the same one twice within the window is kept once."""
        facts = {name: getattr(letter, name) for name in letter.__slots__ if name not in ("data", "headers")}
        headers = {
            DEAD_LETTER: json.dumps({**facts, "headers": dict(letter.headers)}),
            MESSAGE_ID: f"{letter.durable}:{letter.sequence}",
        }
        await self._persist(f"{self.dead_stream}.{letter.durable}", letter.data, headers)

    async def ping(self) -> None:
        """Return when the server's streams have answered; ConnectionError, or what nats-py raises, when not."""
        if not self.client.is_connected:
            raise ConnectionError("the connection to NATS is broken")
        await self.jetstream.account_info()

    async def drain(self) -> None:
        """Take no more deliveries, finish those in hand, give back the rest, then return. Publishing still works."""
        members, self._members = self._members, []
        await asyncio.gather(*(member.unsubscribe() for member in members))
        if self.client.is_connected:
            await self.client.flush()

    async def close(self) -> None:
        """Drain, and let go of the connection."""
        await self.drain()
        try:
            await self.client.close()
        except (OSError, TypeError) as error:  # from Python 3.12 on, asyncio calls None where its transport is closed
            log.warning("%s closed its connection to a server that was gone: %s", self.name, error)

    def reconnected(self) -> None:
        """Ask for messages again: a server that was away has forgotten who waits."""
        for member in self._members:
            member.ask_again()

    async def _persist(self, subject: str, data: bytes, headers: dict[str, str]) -> PubAck:
        """Hand the message over; one with an id again and again until the server answers or patience ends."""
        from nats.errors import Error
        from nats.js.errors import APIError

        patience = Patience(self._patience if MESSAGE_ID in headers else 0.0)
        while True:
            try:
                return await self._hand_over(subject, data, headers)
            except APIError as error:
                if error.code != SERVICE_UNAVAILABLE or not await patience.wait():
                    raise BusError(f"JetStream refused a message on {subject}: {error.description}") from error
            except (Error, OSError) as error:
                if self.client.is_closed or not await patience.wait():
                    raise PublishUnconfirmed(
                        f"JetStream did not answer ({str(error) or type(error).__name__}), so {subject} may or may not "
                        "have been kept; publish it again with the same message id"
                    ) from error

    async def _hand_over(self, subject: str, data: bytes, headers: dict[str, str]) -> PubAck:
        ack = await self.jetstream.publish(subject, data, headers=headers)
        return PubAck(ack.seq, bool(ack.duplicate))

    async def _ensure_stream(self, name: str, subjects: tuple[str, ...]) -> None:
        from nats.js.api import RetentionPolicy, StorageType, StreamConfig
        from nats.js.errors import APIError, NotFoundError

        try:
            present = (await self.jetstream.stream_info(name)).config
        except NotFoundError:
            wanted = StreamConfig(
                name=name,
                subjects=list(subjects),
                storage=StorageType.FILE,
                retention=RetentionPolicy.LIMITS,
                duplicate_window=self._window,
            )
            try:
                await self.jetstream.add_stream(wanted)
            except APIError as error:
                raise BusError(
                    f"JetStream will not make the stream {name} for {', '.join(subjects)}: {error.description}; "
                    "another stream may keep these subjects: connect with that stream's name"
                ) from error
            return
        differences = list(_stream_differences(present, subjects, self._window))
        if differences:
            raise BusError(
                f"the stream {name} exists and differs: {'; '.join(differences)}. Connect with another stream name, or "
                "change the stream (nats stream edit)"
            )

    async def _ensure_consumer(self, durable: str, subject: str, config: ConsumerConfig | None) -> ConsumerConfig:
        from nats.js.errors import NotFoundError

        try:
            present = (await self.jetstream.consumer_info(self.stream, durable)).config
        except NotFoundError:
            settled = config or ConsumerConfig()
            await self.jetstream.add_consumer(self.stream, _server_consumer(durable, subject, settled))
            return settled
        known = _known_consumer(present)
        if present.filter_subject != subject or (config is not None and known != config):
            raise BusError(
                f"the durable consumer {durable} exists on {present.filter_subject} with {known}; use the same subject "
                "and configuration, or another queue group"
            )
        return known


def _length(headers: Mapping[str, str]) -> int:
    """Bytes that headers take of the server's limit."""
    return len("NATS/1.0\r\n\r\n") + sum(len(f"{name}: {value}\r\n".encode()) for name, value in headers.items())


def _stream_differences(present: Any, subjects: tuple[str, ...], window: float) -> Iterable[str]:
    kept: list[str] = present.subjects or []
    missing = [subject for subject in subjects if not any(matches(each)(subject) or each == subject for each in kept)]
    if missing:
        yield f"it keeps {', '.join(kept)}, not {', '.join(missing)}"
    if present.retention != "limits":
        yield f"its retention is {present.retention}, not limits"
    if abs(present.duplicate_window - window) > 0.001:
        yield f"its duplicate window is {present.duplicate_window:g} s, not {window:g} s"


def _server_consumer(durable: str, subject: str, config: ConsumerConfig) -> ServerConsumer:
    """The consumer as the server keeps it.

    The server delivers without end, and the member counts: else a message whose last delivery ended in a crash would
    stay in the stream, given up by the server and buried by nobody.
    """
    from nats.js.api import AckPolicy, DeliverPolicy
    from nats.js.api import ConsumerConfig as ServerConsumer

    return ServerConsumer(
        name=durable,
        durable_name=durable,
        filter_subject=subject,
        ack_policy=AckPolicy.EXPLICIT,
        deliver_policy=DeliverPolicy.ALL if config.deliver == "all" else DeliverPolicy.NEW,
        ack_wait=config.ack_wait,
        max_ack_pending=config.max_ack_pending,
        max_deliver=-1,
        metadata={"max_deliver": str(config.max_deliver)},
    )


def _known_consumer(present: Any) -> ConsumerConfig:
    metadata: dict[str, str] = present.metadata or {}
    return ConsumerConfig(
        deliver="new" if present.deliver_policy == "new" else "all",
        ack_wait=present.ack_wait,
        max_deliver=int(metadata.get("max_deliver", ConsumerConfig().max_deliver)),
        max_ack_pending=present.max_ack_pending,
    )
