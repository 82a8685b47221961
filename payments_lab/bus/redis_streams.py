"""The bus on Redis Streams: any Redis from 6.2 or Valkey, and fakeredis in this process.

A subject is a stream, a durable consumer a consumer group on it, a member of a queue group a consumer of that group.
A wildcard is a group of the same name on every stream that matches. Redelivery is XAUTOCLAIM of what has been idle for
the ack wait; a nak sets the idle time so that it is over sooner.

Source: https://redis.io/docs/latest/develop/data-types/streams/
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from payments_lab.bus.checks import DUPLICATE_WINDOW, MAX_PAYLOAD, check_headers, check_message_id, check_payload
from payments_lab.bus.protocol import BusError, ConsumerConfig, DeadLetter, Handler, PubAck, PublishUnconfirmed
from payments_lab.bus.redis_members import RedisMember
from payments_lab.bus.redis_names import Names, as_entry, as_number
from payments_lab.bus.remote import Patience
from payments_lab.bus.subjects import check_listenable, check_publishable, durable_name, has_wildcard, matches
from payments_lab.ports import Ids, RandomIds

KEEP = 100_000
TRIM_EVERY = 1_000

PUBLISH_ONCE = """
local known = redis.call('GET', KEYS[2])
if known then return {known, 1} end
local id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
redis.call('SET', KEYS[2], id, 'PX', ARGV[1])
return {id, 0}
"""


class RedisStreamsBus:
    """A connection of the service ``name``; satisfies the protocol ``Bus``.

    ``redis`` is a ``redis.asyncio.Redis`` that returns bytes (``connect`` makes one). ``namespace`` parts shops that
    share a server. Of each subject the newest ``keep`` messages stay; older ones go when every consumer group has
    acknowledged them, and none goes that anybody still needs. Publishing goes on trying for ``patience`` seconds when
    the connection breaks, if the message has an id.
    """

    def __init__(
        self,
        redis: Any,
        name: str,
        *,
        subjects: tuple[str, ...] = (">",),
        namespace: str = "bus",
        ids: Ids | None = None,
        max_payload: int = MAX_PAYLOAD,
        duplicate_window: float = DUPLICATE_WINDOW,
        keep: int = KEEP,
        patience: float = 10.0,
    ) -> None:
        self.name = name
        self.subjects = subjects
        self.namespace = namespace
        self.names = Names(namespace)
        self.redis = redis
        self._ids = ids or RandomIds()
        self._max_payload = max_payload
        self._window = str(int(duplicate_window * 1000))
        self._keep = keep
        self._patience = patience
        self._publish_once = redis.register_script(PUBLISH_ONCE)
        self._published: Counter[str] = Counter()
        self._members: list[RedisMember] = []

    async def publish(
        self, subject: str, data: bytes, *, message_id: str | None = None, headers: Mapping[str, str] | None = None
    ) -> PubAck:
        if subject not in self._published:
            await self._announce(subject)
        check_payload(subject, data, self._max_payload)
        fields: dict[str, Any] = {"d": data, "s": self.name}
        if headers:
            check_headers(headers)
            fields["h"] = json.dumps(dict(headers))
        if message_id is not None:
            check_message_id(message_id)
            fields["i"] = message_id
        ack = await self._persist(subject, fields, message_id)
        self._published[subject] += 1
        if self._published[subject] % TRIM_EVERY == 0:
            await self.trim(subject)
        return ack

    async def subscribe(
        self, subject: str, handler: Handler, *, queue: str, config: ConsumerConfig | None = None
    ) -> RedisMember:
        check_listenable(subject, self.subjects)
        durable = durable_name(queue, subject)
        settled = await self._agree(durable, subject, config)
        if not has_wildcard(subject):
            await self.redis.sadd(self.names.subjects, subject)
        member = RedisMember(self, subject, handler, queue, durable, settled, self._ids.new(self.name))
        await member.start()
        self._members.append(member)
        return member

    async def dead_letters(self) -> list[DeadLetter]:
        entries = await self.redis.xrange(self.names.dead)
        return [_dead_letter({key.decode(): value for key, value in fields.items()}) for _, fields in entries]

    async def ping(self) -> None:
        """Return when the server has answered; what redis-py raises when it does not."""
        await self.redis.ping()

    async def drain(self) -> None:
        """Take no more deliveries, finish those in hand, give back the rest, then return. Publishing still works."""
        members, self._members = self._members, []
        for member in members:
            member.begin_nothing_new()
        for member in members:
            await member.unsubscribe()

    async def close(self) -> None:
        """Drain, and let go of the connections."""
        await self.drain()
        await self.redis.aclose()

    async def trim(self, subject: str) -> int:
        """Drop the oldest messages above ``keep`` that every consumer group has acknowledged; how many it were.

        Without a consumer group nothing is dropped: nobody has acknowledged anything yet.
        """
        stream = self.names.stream(subject)
        surplus = await self.redis.xlen(stream) - self._keep
        if surplus <= 0:
            return 0
        needed = await self._oldest_needed(stream)
        if needed is None:
            return 0
        oldest = await self.redis.xrange(stream, count=min(surplus, TRIM_EVERY * 2) + 1)
        cut = min(needed, as_number(oldest[-1][0]))
        return await self.redis.xtrim(stream, minid=as_entry(cut), approximate=False)

    async def _announce(self, subject: str) -> None:
        check_publishable(subject, self.subjects)
        await self.redis.sadd(self.names.subjects, subject)

    async def _persist(self, subject: str, fields: dict[str, Any], message_id: str | None) -> PubAck:
        """Hand the message over; a message with an id again and again until the server answers or patience ends."""
        from redis.exceptions import ConnectionError, TimeoutError

        patience = Patience(self._patience if message_id is not None else 0.0)
        while True:
            try:
                return await self._hand_over(subject, fields, message_id)
            except (ConnectionError, TimeoutError) as error:
                if not await patience.wait():
                    raise PublishUnconfirmed(
                        f"Redis did not answer ({error}), so {subject} may or may not have been kept; publish it again "
                        "with the same message id"
                    ) from error

    async def _hand_over(self, subject: str, fields: dict[str, Any], message_id: str | None) -> PubAck:
        stream = self.names.stream(subject)
        if message_id is None:
            return PubAck(as_number(await self.redis.xadd(stream, fields)))
        flat = [part for field in fields.items() for part in field]
        entry, duplicate = await self._publish_once(
            keys=[stream, self.names.message(message_id)], args=[self._window, *flat]
        )
        return PubAck(as_number(entry), bool(duplicate))

    async def _agree(self, durable: str, subject: str, config: ConsumerConfig | None) -> ConsumerConfig:
        """Write the consumer's configuration down if it is new, and refuse one that differs."""
        wanted = {"subject": subject, **asdict(config or ConsumerConfig())}
        await self.redis.hsetnx(self.names.consumers, durable, json.dumps(wanted))
        known = json.loads(await self.redis.hget(self.names.consumers, durable))
        if known.pop("subject") != subject or (config is not None and known != asdict(config)):
            raise BusError(
                f"the durable consumer {durable} exists with {ConsumerConfig(**known)}; use the same subject and "
                "configuration, or another queue group"
            )
        return ConsumerConfig(**known)

    async def _oldest_needed(self, stream: str) -> int | None:
        """The number of the oldest entry that some group has yet to read or acknowledge, or None without a group."""
        needed: list[int] = []
        for group in await self.redis.xinfo_groups(stream):
            if group["pending"]:
                summary = await self.redis.xpending(stream, group["name"])
                needed.append(as_number(summary["min"]))
            else:
                needed.append(as_number(group["last-delivered-id"]) + 1)
        return min(needed, default=None)

    async def subjects_under(self, pattern: str) -> list[str]:
        """The subjects known so far that fall under ``pattern``."""
        if not has_wildcard(pattern):
            return [pattern]
        fits = matches(pattern)
        published = {subject.decode() for subject in await self.redis.smembers(self.names.subjects)}
        named = {subject for subject in self.subjects if not has_wildcard(subject)}
        return sorted(subject for subject in published | named if fits(subject))


def _dead_letter(fields: Mapping[str, bytes]) -> DeadLetter:
    return DeadLetter(
        subject=fields["subject"].decode(),
        data=fields["data"],
        reason=fields["reason"].decode(),
        message_id=fields["message_id"].decode(),
        sequence=int(fields["sequence"]),
        durable=fields["durable"].decode(),
        attempts=int(fields["attempts"]),
        headers=json.loads(fields["headers"]),
    )
