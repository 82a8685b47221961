"""One member of a queue group on Redis Streams: reads what is new, claims what is due again, hands over one by one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from payments_lab.bus.protocol import ConsumerConfig, Handler
from payments_lab.bus.records import NO_HEADERS
from payments_lab.bus.redis_names import as_number
from payments_lab.bus.remote import Pace, Patience, failure_of, gave_up, log
from payments_lab.bus.subjects import has_wildcard

if TYPE_CHECKING:
    from payments_lab.bus.redis_streams import RedisStreamsBus

BLOCK = 0.25
"""Seconds that a member waits for news at a time; so long may a drain take where no client may wake another."""

CLAIM_EVERY = 1.0
"""Seconds at most between two looks for what others have left."""

POLL = 0.01
"""Seconds between two looks where the server does not wait for news itself, as fakeredis does not."""


class RedisDelivery:
    """One entry in a member's hand; satisfies :class:`payments_lab.bus.protocol.Delivery`."""

    __slots__ = ("_fields", "_member", "answered", "attempt", "entry", "subject")

    def __init__(
        self, member: RedisMember, subject: str, entry: bytes, fields: Mapping[bytes, bytes], attempt: int
    ) -> None:
        self._member = member
        self._fields = fields
        self.subject = subject
        self.entry = entry
        self.attempt = attempt
        self.answered = False

    @property
    def data(self) -> bytes:
        return self._fields[b"d"]

    @property
    def headers(self) -> Mapping[str, str]:
        raw = self._fields.get(b"h")
        return json.loads(raw) if raw else NO_HEADERS

    @property
    def message_id(self) -> str:
        named = self._fields.get(b"i")
        return named.decode() if named else f"{self.subject}/{self.entry.decode()}"

    @property
    def sequence(self) -> int:
        return as_number(self.entry)

    @property
    def sender(self) -> str:
        """The name of the service that published it."""
        return self._fields[b"s"].decode()

    async def ack(self) -> None:
        if not self.answered:
            self.answered = True
            await self._member.ack(self)

    async def nak(self, delay: float | None = None) -> None:
        if not self.answered:
            self.answered = True
            await self._member.put_back(self, delay or 0.0)

    async def in_progress(self) -> None:
        if not self.answered:
            await self._member.extend(self)

    async def term(self, reason: str) -> None:
        if not self.answered:
            self.answered = True
            await self._member.bury(self, reason)


class RedisMember:
    """A subscription; satisfies :class:`payments_lab.bus.protocol.Subscription`."""

    def __init__(
        self,
        bus: RedisStreamsBus,
        subject: str,
        handler: Handler,
        queue: str,
        durable: str,
        config: ConsumerConfig,
        member: str,
    ) -> None:
        self.subject = subject
        self.durable = durable
        self.config = config
        self._bus = bus
        self._redis = bus.redis
        self._reader: Any = bus.redis.client()
        self._reads_as = 0
        self._waits = False
        self._handler = handler
        self._queue = queue
        self._member = member
        self._ack_wait = int(config.ack_wait * 1000)
        self._tick = min(config.ack_wait / 4, CLAIM_EVERY)
        self._pace = Pace(config.ack_wait)
        self._subjects: dict[str, str] = {}
        self._next_claim = 0.0
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Create the group where it is missing, and begin to take deliveries."""
        await self._join("$" if self.config.deliver == "new" else "0")
        self._task = asyncio.create_task(self._run(), name=f"{self.durable} {self._member}")

    async def unsubscribe(self) -> None:
        """Finish the delivery in hand, give back what was not begun, and leave."""
        self.begin_nothing_new()
        if self._task is not None:
            await self._wake(self._task)
            await self._task
            self._task = None
            await self._reader.aclose()
            await self._leave_groups()

    def begin_nothing_new(self) -> None:
        """From now on give back what arrives."""
        self._closing = True

    # answers

    async def ack(self, delivery: RedisDelivery) -> None:
        stream = self._bus.names.stream(delivery.subject)
        if delivery.attempt == 1:
            await self._redis.xack(stream, self.durable, delivery.entry)
            return
        async with self._redis.pipeline(transaction=True) as together:
            together.xack(stream, self.durable, delivery.entry)
            self._forget(together, delivery)
            await together.execute()

    async def put_back(self, delivery: RedisDelivery, delay: float) -> None:
        if delivery.attempt >= self.config.max_deliver:
            await self.bury(delivery, gave_up(delivery.attempt, "its handler asked for it again"))
            return
        if delay > self.config.ack_wait:
            due = await self._now() + int(delay * 1000)
            await self._redis.hset(self._bus.names.later(self.durable), delivery.entry, due)
        await self._sleep_for(delivery.subject, delivery.entry, delay)

    async def extend(self, delivery: RedisDelivery) -> None:
        """Set the idle time to zero, unless another member has claimed the entry."""
        stream = self._bus.names.stream(delivery.subject)
        for pending in await self._pending(stream, delivery.entry):
            if pending["consumer"].decode() == self._member:
                await self._sleep_for(delivery.subject, delivery.entry, self.config.ack_wait)

    async def bury(self, delivery: RedisDelivery, reason: str) -> None:
        """Keep a dead letter and acknowledge, both or neither."""
        letter = {
            "subject": delivery.subject,
            "data": delivery.data,
            "reason": reason,
            "message_id": delivery.message_id,
            "sequence": delivery.sequence,
            "durable": self.durable,
            "attempts": delivery.attempt,
            "headers": json.dumps(dict(delivery.headers)),
        }
        async with self._redis.pipeline(transaction=True) as together:
            together.xadd(self._bus.names.dead, letter)
            together.xack(self._bus.names.stream(delivery.subject), self.durable, delivery.entry)
            self._forget(together, delivery)
            await together.execute()

    # the loop

    async def _run(self) -> None:
        from redis.exceptions import RedisError

        while not self._is_over():
            try:
                await self._take_turns()
            except RedisError as error:
                log.warning("%s has trouble with its Redis and tries again: %s", self.durable, error)
                await self._recover()

    async def _recover(self) -> None:
        """Wait until the server answers, and create the groups anew if it has forgotten them."""
        from redis.exceptions import RedisError

        patience = Patience()
        while not self._is_over():
            await patience.wait()
            try:
                self._subjects.clear()
                await self._join("0")
            except RedisError:
                continue
            return

    async def _take_turns(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._is_over():
            if loop.time() >= self._next_claim:
                self._next_claim = loop.time() + self._tick
                if has_wildcard(self.subject):
                    await self._find_streams("0")
                await self._claim()
            await self._read(min(BLOCK, max(self._next_claim - loop.time(), 0.001)))

    def _is_over(self) -> bool:
        """Whether to stop. A client that is about to connect may lose the news of a cancellation; the task knows it."""
        task = asyncio.current_task()
        return self._closing or (task is not None and task.cancelling() > 0)

    async def _join(self, start: str) -> None:
        """Be a member of every group that there is, and known to the server as one that reads."""
        self._reads_as = await self._reader.client_id()
        await self._find_streams(start)

    async def _find_streams(self, start: str) -> None:
        """Create the group on every stream that matches; on one that is new to everybody it begins at ``start``."""
        from redis.exceptions import ResponseError

        for subject in await self._bus.subjects_under(self.subject):
            stream = self._bus.names.stream(subject)
            if stream in self._subjects:
                continue
            try:
                await self._redis.xgroup_create(stream, self.durable, id=start, mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
            self._subjects[stream] = subject

    async def _wake(self, reading: asyncio.Task[None]) -> None:
        """Let a read that waits for news come back now; it does so by itself where the server refuses or is gone.

        Once more after a moment: the server may hear of the waking before it hears of the read.
        """
        from redis.exceptions import RedisError

        with suppress(RedisError):
            while not reading.done():
                if self._waits:
                    await self._redis.client_unblock(self._reads_as)
                await asyncio.wait({reading}, timeout=POLL)

    async def _leave_groups(self) -> None:
        """Remove this member where nothing is pending for it; what is, others claim when its ack wait is over."""
        for stream in self._subjects:
            for each in await self._redis.xinfo_consumers(stream, self.durable):
                if each["name"].decode() == self._member and not each["pending"]:
                    await self._redis.xgroup_delconsumer(stream, self.durable, self._member)

    async def _read(self, wait: float) -> None:
        """Take new entries, if max ack pending leaves room for any; wait for them if there are none."""
        count = min(self._pace.batch, self.config.max_ack_pending - await self._unanswered())
        if count <= 0 or not self._subjects:
            await asyncio.sleep(min(wait, POLL))
            return
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._waits = True
        try:
            news = await self._reader.xreadgroup(
                self.durable, self._member, dict.fromkeys(self._subjects, ">"), count=count, block=int(wait * 1000) or 1
            )
        finally:
            self._waits = False
        if news:
            await self._hand_over_all(news)
        elif loop.time() - begun < wait / 2:
            await asyncio.sleep(min(wait, POLL))

    async def _hand_over_all(self, news: Sequence[tuple[bytes, Sequence[tuple[bytes, Mapping[bytes, bytes]]]]]) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        handled = 0
        for stream, entries in news:
            subject = self._subjects[stream.decode()]
            for entry, fields in entries:
                if self._closing:
                    await self._sleep_for(subject, entry, 0.0)
                    continue
                await self._hand_over(RedisDelivery(self, subject, entry, fields, 1))
                handled += 1
        if handled:
            self._pace.handled(handled, loop.time() - begun)

    async def _claim(self) -> None:
        """Take over what has been idle for the ack wait, whoever had it."""
        for stream, subject in list(self._subjects.items()):
            idle: list[bytes] = await self._redis.xautoclaim(
                stream, self.durable, self._member, self._ack_wait, count=self._pace.batch, justid=True
            )
            if not idle:
                continue
            early = await self._not_yet(idle)
            for entry in idle:
                if entry in early:
                    await self._sleep_for(subject, entry, early[entry])
                elif not self._closing:
                    await self._redeliver(stream, subject, entry)

    async def _not_yet(self, entries: Sequence[bytes]) -> dict[bytes, float]:
        """Of these entries, those whose delay is not over, with the seconds that are left."""
        until = await self._redis.hmget(self._bus.names.later(self.durable), entries)
        now = await self._now()
        left = {entry: (int(due) - now) / 1000 for entry, due in zip(entries, until, strict=True) if due}
        return {entry: seconds for entry, seconds in left.items() if seconds > 0}

    async def _redeliver(self, stream: str, subject: str, entry: bytes) -> None:
        claimed = await self._redis.xclaim(stream, self.durable, self._member, 0, [entry])
        pending = await self._pending(stream, entry)
        if not claimed or not pending:
            return
        attempt: int = pending[0]["times_delivered"]
        delivery = RedisDelivery(self, subject, entry, claimed[0][1], attempt)
        if attempt <= self.config.max_deliver:
            await self._hand_over(delivery)
            return
        last = await self._redis.hget(self._bus.names.failures(self.durable), entry)
        delivery.attempt = attempt - 1
        await self.bury(delivery, gave_up(attempt - 1, last.decode() if last else "no answer"))

    async def _hand_over(self, delivery: RedisDelivery) -> None:
        failure = await failure_of(self._handler, delivery, self._queue)
        if failure is None or delivery.answered:
            return
        if delivery.attempt >= self.config.max_deliver:
            await self.bury(delivery, gave_up(delivery.attempt, f"its handler raised {failure}"))
            return
        await self._redis.hset(self._bus.names.failures(self.durable), delivery.entry, f"its handler raised {failure}")

    # small calls

    async def _unanswered(self) -> int:
        summaries = [await self._redis.xpending(stream, self.durable) for stream in self._subjects]
        return sum(summary["pending"] for summary in summaries)

    async def _pending(self, stream: str, entry: bytes) -> list[dict[str, Any]]:
        return await self._redis.xpending_range(stream, self.durable, entry, entry, 1)

    async def _sleep_for(self, subject: str, entry: bytes, seconds: float) -> None:
        """Let the entry be idle for the ack wait in ``seconds``, and look for it then."""
        idle = max(self._ack_wait - int(seconds * 1000), 0)
        stream = self._bus.names.stream(subject)
        await self._redis.xclaim(stream, self.durable, self._member, 0, [entry], idle=idle, justid=True)
        self._next_claim = min(self._next_claim, asyncio.get_running_loop().time() + seconds)

    def _forget(self, together: Any, delivery: RedisDelivery) -> None:
        together.hdel(self._bus.names.failures(self.durable), delivery.entry)
        together.hdel(self._bus.names.later(self.durable), delivery.entry)

    async def _now(self) -> int:
        """The server's time in Unix milliseconds."""
        seconds, microseconds = await self._redis.time()
        return seconds * 1000 + microseconds // 1000
