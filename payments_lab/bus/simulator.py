"""A bus in this process that does only what it is told: deterministic, on the lab's clock, steerable.

Nothing runs in the background. :meth:`SimulatedBus.settle` delivers until nothing is pending; the other verbs deliver
one message, deliver it again, hold it back, lose its acknowledgement or crash its consumer.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from payments_lab.bus.faults import NO_FAULTS, BusFaults
from payments_lab.bus.protocol import BusError, ConsumerConfig, DeadLetter, Handler, PubAck, Subscription
from payments_lab.bus.records import Happening, Record
from payments_lab.bus.subjects import check_pattern, check_publishable, durable_name, matches
from payments_lab.ports import Ids, LabClock, Operation, checkpoint
from payments_lab.ports.checkpoint import in_charge

MAX_PAYLOAD = 1024 * 1024
DUPLICATE_WINDOW = timedelta(seconds=120)

Crash = Literal["before", "after"]


class Message:
    """One message as the stream keeps it."""

    __slots__ = ("data", "headers", "message_id", "sender", "sequence", "subject")

    def __init__(
        self, subject: str, data: bytes, message_id: str, headers: Mapping[str, str], sequence: int, sender: str
    ) -> None:
        self.subject = subject
        self.data = data
        self.message_id = message_id
        self.headers = headers
        self.sequence = sequence
        self.sender = sender


class Consumer:
    """A durable consumer: what it listens on, who its members are, and how much of it is in flight."""

    __slots__ = ("config", "durable", "matches", "members", "queue", "subject", "turn", "unacked")

    def __init__(self, subject: str, queue: str, config: ConsumerConfig) -> None:
        self.subject = subject
        self.queue = queue
        self.durable = durable_name(queue, subject)
        self.config = config
        self.matches = matches(subject)
        self.members: list[Handler] = []
        self.turn = 0
        self.unacked = 0

    def next_member(self) -> Handler:
        self.turn = (self.turn + 1) % len(self.members)
        return self.members[self.turn]


class Pending:
    """One message on its way to one durable consumer; the handle that the steering verbs take."""

    __slots__ = ("attempt", "consumer", "due", "held", "message", "reason", "state")

    def __init__(self, message: Message, consumer: Consumer) -> None:
        self.message = message
        self.consumer = consumer
        self.attempt = 0
        self.held = False
        self.due: datetime | None = None
        self.reason = ""
        self.state: Literal["ready", "in flight", "waiting", "done"] = "ready"

    @property
    def subject(self) -> str:
        return self.message.subject

    @property
    def queue(self) -> str:
        return self.consumer.queue

    def __repr__(self) -> str:
        return f"<{self.subject} #{self.message.sequence} → {self.queue}, attempt {self.attempt + 1}>"


class SimulatedDelivery:
    """What a handler gets; satisfies :class:`payments_lab.bus.protocol.Delivery`."""

    __slots__ = ("_bus", "_item", "_lose_ack", "answered", "attempt", "data", "headers", "message_id", "subject")

    def __init__(self, bus: SimulatedBus, item: Pending, lose_ack: bool) -> None:
        message = item.message
        self._bus = bus
        self._item = item
        self._lose_ack = lose_ack
        self.answered = False
        self.attempt = item.attempt
        self.subject = message.subject
        self.data = message.data
        self.headers = message.headers
        self.message_id = message.message_id

    @property
    def sequence(self) -> int:
        return self._item.message.sequence

    async def ack(self) -> None:
        if in_charge() is None:
            self._ack()
        else:
            await checkpoint(self._operation("ack"), self._ack)

    async def nak(self, delay: float | None = None) -> None:
        await checkpoint(self._operation("nak", delay), lambda: self._nak(delay))

    async def in_progress(self) -> None:
        await checkpoint(self._operation("in_progress"), self._in_progress)

    async def term(self, reason: str) -> None:
        await checkpoint(self._operation("term", reason), lambda: self._term(reason))

    def _operation(self, verb: str, argument: object = None) -> Operation:
        return Operation("bus", verb, (self._item.consumer.durable, self.sequence, argument), writes=True)

    def _ack(self) -> None:
        if self.answered:
            return
        self.answered = True
        if self._lose_ack:
            self._bus.wait_for_ack(self._item, Happening.ACK_LOST)
        else:
            self._bus.finish(self._item, Happening.ACKED)

    def _nak(self, delay: float | None) -> None:
        if self.answered:
            return
        self.answered = True
        self._bus.put_back(self._item, delay or 0.0)

    def _in_progress(self) -> None:
        self._item.due = self._bus.clock.now() + timedelta(seconds=self._item.consumer.config.ack_wait)

    def _term(self, reason: str) -> None:
        if self.answered:
            return
        self.answered = True
        self._bus.bury(self._item, reason)


class SimulatedSubscription:
    """One member of a queue group."""

    def __init__(self, consumer: Consumer, handler: Handler) -> None:
        self._consumer = consumer
        self._handler = handler
        self.subject = consumer.subject
        self.durable = consumer.durable

    async def unsubscribe(self) -> None:
        if self._handler in self._consumer.members:
            self._consumer.members.remove(self._handler)


class BusClient:
    """The bus as one service sees it: what it publishes carries its name. Satisfies the protocol ``Bus``."""

    def __init__(self, bus: SimulatedBus, name: str) -> None:
        self._bus = bus
        self.name = name
        self._subscriptions: list[SimulatedSubscription] = []

    async def publish(
        self, subject: str, data: bytes, *, message_id: str | None = None, headers: Mapping[str, str] | None = None
    ) -> PubAck:
        def perform() -> PubAck:
            return self._bus.keep(subject, data, message_id, headers, self.name)

        if in_charge() is None:
            return perform()
        arguments = {"subject": subject, "data": data, "message_id": message_id, "headers": headers}
        return await checkpoint(Operation("bus", "publish", arguments, writes=True), perform)

    async def subscribe(
        self, subject: str, handler: Handler, *, queue: str, config: ConsumerConfig | None = None
    ) -> Subscription:
        subscription = self._bus.join(subject, handler, queue, config)
        self._subscriptions.append(subscription)
        return subscription

    async def dead_letters(self) -> list[DeadLetter]:
        return list(self._bus.dead)

    async def drain(self) -> None:
        """Deliveries are whole in the simulator, so leaving every queue group is all that there is to do."""
        for subscription in self._subscriptions:
            await subscription.unsubscribe()
        self._subscriptions.clear()


class SimulatedBus:
    """The stream, its durable consumers, and the verbs that steer them.

    ``subjects`` are the patterns that the stream keeps; ``faults`` are what the network does by itself, drawn from
    ``seed``. ``log`` holds a record of everything that happened; ``dead`` the dead letters.
    """

    def __init__(
        self,
        clock: LabClock,
        ids: Ids,
        seed: int = 0,
        *,
        subjects: tuple[str, ...] = (">",),
        max_payload: int = MAX_PAYLOAD,
        faults: BusFaults = NO_FAULTS,
    ) -> None:
        self.clock = clock
        self.ids = ids
        self.faults = faults
        self.log: list[Record] = []
        self.dead: list[DeadLetter] = []
        self.messages: list[Message] = []
        self._subjects = subjects
        self._max_payload = max_payload
        self._random = Random(seed)
        self._checked: set[str] = set()
        self._consumers: dict[str, Consumer] = {}
        self._ready: deque[Pending] = deque()
        self._waiting: list[tuple[datetime, int, Pending]] = []
        self._timers = 0
        self._seen: dict[str, tuple[int, datetime]] = {}
        self._expiring: deque[tuple[datetime, str]] = deque()

    def client(self, name: str) -> BusClient:
        """The bus as the service ``name`` sees it."""
        return BusClient(self, name)

    # what is there to steer

    def pending(self) -> list[Pending]:
        """What could be delivered now, in the order in which :meth:`deliver_next` would; held messages are left out."""
        return [item for item in self._ready if not item.held and item.consumer.members]

    def held(self) -> list[Pending]:
        return [item for item in self._ready if item.held]

    def waiting(self) -> list[Pending]:
        """What was delivered without an acknowledgement and comes again when its time is due."""
        return [item for _, _, item in sorted(self._waiting, key=lambda timer: timer[:2]) if item.state == "waiting"]

    def next_due(self) -> datetime | None:
        """When the next message comes again, or None."""
        waiting = self.waiting()
        return waiting[0].due if waiting else None

    # steering

    async def deliver_next(self) -> bool:
        """Deliver the first message that can be delivered; False when there is none."""
        self._wake()
        if self.faults is not NO_FAULTS:
            return await self._deliver_by_chance()
        ready = self._ready
        for _ in range(len(ready)):
            item = ready.popleft()
            if self._deliverable(item):
                await self._hand_over(item, None, lose_ack=False)
                return True
            ready.append(item)
        return False

    async def deliver(self, item: Pending, *, crash: Crash | None = None, lose_ack: bool = False) -> None:
        """Deliver this one now; its consumer may crash before or after its effect, or its ack may be lost."""
        if item not in self._ready:
            raise BusError(f"{item!r} is not waiting to be delivered; bus.pending() lists what is")
        if not item.consumer.members:
            raise BusError(f"nobody listens in {item.queue}; subscribe first")
        self._ready.remove(item)
        await self._hand_over(item, crash, lose_ack)

    def duplicate(self, item: Pending) -> Pending:
        """Put a second copy of a delivery on its way, whatever becomes of the first; it comes next."""
        copy = Pending(item.message, item.consumer)
        copy.attempt = item.attempt
        if copy.attempt:
            item.consumer.unacked += 1
        self._ready.appendleft(copy)
        return copy

    def hold(self, item: Pending) -> None:
        """Keep a message back until it is released."""
        item.held = True
        self._note(Happening.HELD, item)

    def release(self, item: Pending) -> None:
        item.held = False
        self._note(Happening.RELEASED, item)

    async def settle(self, max_deliveries: int = 10_000) -> int:
        """Deliver until nothing is pending, moving the clock to each redelivery that is due; the number of deliveries.

        Messages that are held, or that nobody listens for, stay. BusError after ``max_deliveries`` names what came.
        """
        delivered = 0
        while True:
            while await self.deliver_next():
                delivered += 1
                if delivered >= max_deliveries:
                    raise BusError(self._what_keeps_coming(delivered))
            due = self.next_due()
            if due is None:
                return delivered
            self.clock.advance(max(due - self.clock.now(), timedelta(0)))

    # what clients and deliveries do

    def keep(
        self, subject: str, data: bytes, message_id: str | None, headers: Mapping[str, str] | None, sender: str
    ) -> PubAck:
        if subject not in self._checked:
            check_publishable(subject, self._subjects)
            self._checked.add(subject)
        if len(data) > self._max_payload:
            raise BusError(
                f"{len(data)} bytes on {subject} are more than the {self._max_payload} that a message may have; "
                "store the data elsewhere and publish a reference"
            )
        now = self.clock.now()
        if message_id is not None:
            self._forget_old_ids(now)
            if message_id in self._seen:
                sequence = self._seen[message_id][0]
                self.log.append(Record(Happening.DUPLICATE, now, subject, sequence, sender))
                return PubAck(sequence, duplicate=True)
        sequence = len(self.messages) + 1
        message = Message(subject, data, message_id or self.ids.new("msg"), headers or {}, sequence, sender)
        self.messages.append(message)
        if message_id is not None:
            self._seen[message_id] = (sequence, now)
            self._expiring.append((now, message_id))
        self.log.append(Record(Happening.PUBLISHED, now, subject, sequence, sender))
        for consumer in self._consumers.values():
            if consumer.matches(subject):
                self._ready.append(Pending(message, consumer))
        return PubAck(sequence)

    def join(self, subject: str, handler: Handler, queue: str, config: ConsumerConfig | None) -> SimulatedSubscription:
        check_pattern(subject)
        durable = durable_name(queue, subject)
        consumer = self._consumers.get(durable)
        if consumer is None:
            consumer = self._consumers[durable] = Consumer(subject, queue, config or ConsumerConfig())
            if consumer.config.deliver == "all":
                self._ready.extend(
                    Pending(message, consumer) for message in self.messages if consumer.matches(message.subject)
                )
        elif config is not None and config != consumer.config:
            raise BusError(
                f"the durable consumer {durable} exists with {consumer.config}, which differs from {config}; "
                "use the same, or another queue group"
            )
        consumer.members.append(handler)
        return SimulatedSubscription(consumer, handler)

    def finish(self, item: Pending, happening: Happening) -> None:
        item.state = "done"
        item.consumer.unacked -= 1
        self._note(happening, item)

    def wait_for_ack(self, item: Pending, happening: Happening, detail: str = "") -> None:
        """The message comes again when its ack wait is over."""
        self._note(happening, item, detail)
        item.reason = detail
        self._arm(item, item.due or self.clock.now() + timedelta(seconds=item.consumer.config.ack_wait))

    def put_back(self, item: Pending, delay: float) -> None:
        self._note(Happening.NAKED, item, f"again in {delay:g} s" if delay else "")
        item.reason = "refused by its handler"
        self._arm(item, self.clock.now() + timedelta(seconds=delay))

    def bury(self, item: Pending, reason: str) -> None:
        item.state = "done"
        item.consumer.unacked -= 1
        message = item.message
        self._note(Happening.DEAD, item, reason)
        self.dead.append(
            DeadLetter(
                subject=message.subject,
                data=message.data,
                reason=reason,
                message_id=message.message_id,
                sequence=message.sequence,
                durable=item.consumer.durable,
                attempts=item.attempt,
                headers=dict(message.headers),
            )
        )

    # inside

    async def _hand_over(self, item: Pending, crash: Crash | None, lose_ack: bool) -> None:
        if not item.attempt:
            item.consumer.unacked += 1
        item.attempt += 1
        item.state = "in flight"
        item.due = None
        self._note(Happening.DELIVERED, item)
        if crash == "before":
            self.wait_for_ack(item, Happening.CRASHED, "before its effect")
            return
        delivery = SimulatedDelivery(self, item, lose_ack)
        delivery.answered = crash == "after"
        try:
            await item.consumer.next_member()(delivery)
        except Exception as error:
            if item.state == "in flight":
                self.wait_for_ack(item, Happening.FAILED, f"{type(error).__name__}: {error}")
        if item.state == "in flight":
            crashed = crash == "after"
            self.wait_for_ack(
                item, Happening.CRASHED if crashed else Happening.UNACKED, "after its effect" if crashed else ""
            )

    async def _deliver_by_chance(self) -> bool:
        candidates = [item for item in self._ready if self._deliverable(item)]
        if not candidates:
            return False
        chance, random = self.faults, self._random
        item = random.choice(candidates) if random.random() < chance.reorder else candidates[0]
        if random.random() < chance.delay:
            self._ready.remove(item)
            self._arm(item, self.clock.now() + timedelta(seconds=chance.longest_delay * random.random()))
            return True
        if random.random() < chance.duplicate:
            self.duplicate(item)
        crash: Crash | None = None
        if random.random() < chance.crash:
            crash = "before" if random.random() < 0.5 else "after"
        await self.deliver(item, crash=crash, lose_ack=random.random() < chance.lose_ack)
        return True

    def _deliverable(self, item: Pending) -> bool:
        consumer = item.consumer
        if item.held or not consumer.members:
            return False
        return item.attempt > 0 or consumer.unacked < consumer.config.max_ack_pending

    def _arm(self, item: Pending, due: datetime) -> None:
        if item.attempt >= item.consumer.config.max_deliver:
            self.bury(
                item, f"delivered {item.attempt} times without an ack; the last time: {item.reason or 'no answer'}"
            )
            return
        item.state = "waiting"
        item.due = due
        self._timers += 1
        heapq.heappush(self._waiting, (due, self._timers, item))

    def _wake(self) -> None:
        waiting = self._waiting
        if not waiting:
            return
        now = self.clock.now()
        while waiting and waiting[0][0] <= now:
            _, _, item = heapq.heappop(waiting)
            if item.state == "waiting":
                item.state = "ready"
                self._ready.append(item)

    def _forget_old_ids(self, now: datetime) -> None:
        expiring = self._expiring
        while expiring and now - expiring[0][0] > DUPLICATE_WINDOW:
            _, message_id = expiring.popleft()
            self._seen.pop(message_id, None)

    def _note(self, happening: Happening, item: Pending, detail: str = "") -> None:
        message = item.message
        self.log.append(
            Record(
                happening,
                self.clock.now(),
                message.subject,
                message.sequence,
                item.consumer.queue,
                item.attempt,
                detail,
            )
        )

    def _what_keeps_coming(self, delivered: int) -> str:
        busiest: dict[str, int] = {}
        for record in self.log[-1000:]:
            if record.happening is Happening.DELIVERED:
                name = f"{record.subject} #{record.sequence} to {record.party}"
                busiest[name] = busiest.get(name, 0) + 1
        worst = max(busiest, key=lambda name: busiest[name])
        return f"not settled after {delivered} deliveries; {worst} kept coming back (is it ever acknowledged?)"
