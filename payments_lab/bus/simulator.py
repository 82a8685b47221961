"""A bus in this process that does only what it is told: deterministic, on the lab's clock, steerable.

Nothing runs in the background and no event loop is touched. :meth:`SimulatedBus.settle` delivers until nothing is
pending; the other verbs deliver one message, deliver it again, hold it back, lose its acknowledgement or crash its
consumer.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from payments_lab.bus.checks import DUPLICATE_WINDOW, MAX_PAYLOAD, check_headers, check_message_id, check_payload
from payments_lab.bus.consumers import Consumer, Trouble
from payments_lab.bus.deliveries import (
    ACK_LOST,
    DELAYED,
    DONE,
    HELD,
    IN_FLIGHT,
    OWED,
    PUT_BACK,
    READY,
    SUPERSEDED,
    UNANSWERED,
    ConsumerDied,
    Crash,
    DoomedDelivery,
    Redelivery,
    SimulatedDelivery,
)
from payments_lab.bus.faults import NO_FAULTS, BusFaults
from payments_lab.bus.journal import Journal
from payments_lab.bus.protocol import BusError, ConsumerConfig, DeadLetter, Handler, PubAck, Subscription
from payments_lab.bus.records import NO_HEADERS, Happening, Message, Record
from payments_lab.bus.subjects import check_listenable, check_publishable, durable_name
from payments_lab.ports import Ids, LabClock, Operation, checkpoint
from payments_lab.ports.checkpoint import in_charge

_DELIVERED = Happening.DELIVERED
_WINDOW = timedelta(seconds=DUPLICATE_WINDOW)
_HANDLE = re.compile(r"#(\d+) (.+?)(?: ×(\d+))?")


class SimulatedSubscription:
    """One member of a queue group."""

    def __init__(self, consumer: Consumer, handler: Handler) -> None:
        self._consumer = consumer
        self._handler = handler
        self.subject = consumer.subject
        self.durable = consumer.durable

    def __repr__(self) -> str:
        return f"<{self.durable} listens on {self.subject}>"

    async def unsubscribe(self) -> None:
        if self._handler in self._consumer.members:
            self._consumer.members.remove(self._handler)
            self._consumer.update()


class BusClient:
    """The bus as one service sees it: what it publishes carries its name. Satisfies the protocol ``Bus``."""

    def __init__(self, bus: SimulatedBus, name: str) -> None:
        self._bus = bus
        self.name = name
        self._subscriptions: list[SimulatedSubscription] = []

    async def publish(
        self, subject: str, data: bytes, *, message_id: str | None = None, headers: Mapping[str, str] | None = None
    ) -> PubAck:
        if in_charge() is None:
            return self._bus.keep(subject, data, message_id, headers, self.name)
        return await self._publish_when_told(subject, data, message_id, headers)

    async def _publish_when_told(
        self, subject: str, data: bytes, message_id: str | None, headers: Mapping[str, str] | None
    ) -> PubAck:
        # Named now, by who publishes: others may act, and name what is theirs, before it is kept.
        message_id = message_id or self._bus.name()
        arguments = {
            "subject": subject,
            "data": data,
            "message_id": message_id,
            "headers": headers,
            "sender": self.name,
        }
        return await checkpoint(
            Operation("bus", "publish", arguments, writes=True),
            lambda: self._bus.keep(subject, data, message_id, headers, self.name),
        )

    async def subscribe(
        self, subject: str, handler: Handler, *, queue: str, config: ConsumerConfig | None = None
    ) -> Subscription:
        subscription = self._bus.join(subject, handler, queue, config)
        self._subscriptions.append(subscription)
        return subscription

    async def dead_letters(self) -> list[DeadLetter]:
        return await checkpoint(Operation("bus", "dead_letters", {}, writes=False), lambda: list(self._bus.dead))

    async def drain(self) -> None:
        """Leave every queue group; a delivery that is in hand goes on for whoever drives it."""
        for subscription in self._subscriptions:
            await subscription.unsubscribe()
        self._subscriptions.clear()


class _Hand:
    """The delivery that one running :meth:`SimulatedBus.settle` or ``deliver`` holds, and since when."""

    __slots__ = ("item", "since")

    item: SimulatedDelivery | None
    since: datetime

    def __init__(self, now: datetime) -> None:
        self.item = None
        self.since = now


class SimulatedBus:
    """The stream, its durable consumers, and the verbs that steer them.

    ``subjects`` are the patterns that the stream keeps; ``faults`` are what the network does by itself, drawn from
    ``seed``. ``dead`` holds the dead letters. ``on_crash`` is called with the delivery whenever the simulator crashes
    a consumer, so that its service can lose its memory. ``ids`` name messages that are published without an id; else
    they are called after their place in the stream. Steering verbs take a delivery or its handle.
    """

    def __init__(
        self,
        clock: LabClock,
        ids: Ids | None = None,
        seed: int = 0,
        *,
        subjects: tuple[str, ...] = (">",),
        max_payload: int = MAX_PAYLOAD,
        faults: BusFaults = NO_FAULTS,
    ) -> None:
        self.clock = clock
        self._ids = ids
        self.faults = faults
        self.subjects = subjects
        self.dead: list[DeadLetter] = []
        self.on_crash: Callable[[SimulatedDelivery], None] | None = None
        self._max_payload = max_payload
        self._random = Random(seed)
        self._journal = Journal()
        self._kept = self._journal.kept
        self.rows = self._journal.rows
        self._consumers: dict[str, Consumer] = {}
        self._routes: dict[str, tuple[Consumer, ...]] = {}
        self._ready: deque[SimulatedDelivery] = deque()
        self._held: list[SimulatedDelivery] = []
        self._timers: list[tuple[datetime, int, SimulatedDelivery]] = []
        self._timers_set = 0
        self._hands: list[_Hand] = []
        self._seen: dict[str, int] = {}

    def client(self, name: str) -> BusClient:
        """The bus as the service ``name`` sees it."""
        return BusClient(self, name)

    # what there is to see

    @property
    def log(self) -> list[Record]:
        """A record of everything that happened, in order."""
        return self._journal.records()

    @property
    def messages(self) -> list[Message]:
        """Everything that the stream keeps, in order."""
        return self._journal.messages()

    def pending(self) -> list[SimulatedDelivery]:
        """What could be delivered now, in the order in which :meth:`deliver_next` would."""
        self._wake()
        return [item for item in self._ready if item.state is READY and self._taker(item) is not None]

    def held(self) -> list[SimulatedDelivery]:
        """What is kept back until it is released."""
        return list(self._held)

    def in_flight(self) -> list[SimulatedDelivery]:
        """What a handler is working on now."""
        return [hand.item for hand in self._hands if hand.item is not None and hand.item.state is IN_FLIGHT]

    def waiting(self) -> list[SimulatedDelivery]:
        """What comes again, or is given up, when its time is due; the next one first."""
        timers = sorted(self._timers, key=lambda timer: timer[:2])
        return [item for due, _, item in timers if item.state in OWED and item.due is due]

    def blocked(self) -> list[SimulatedDelivery]:
        """What nobody may take now: its queue group has no members, or max ack pending is reached."""
        ready = [item for item in self._ready if item.state is READY and self._taker(item) is None]
        return [item for consumer in self._consumers.values() for item in consumer.backlog] + ready

    def overview(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that is not done, as plain data: pending, in flight, waiting, held, blocked, dead."""
        return {
            "pending": [item.facts() for item in self.pending()],
            "in flight": [item.facts() for item in self.in_flight()],
            "waiting": [item.facts() for item in self.waiting()],
            "held": [item.facts() for item in self.held()],
            "blocked": [item.facts() for item in self.blocked()],
            "dead": [{name: getattr(letter, name) for name in letter.__slots__} for letter in self.dead],
        }

    def __repr__(self) -> str:
        from payments_lab.bus.picture import summary

        return f"<SimulatedBus: {summary(self.overview())}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from payments_lab.bus.picture import picture

        table = picture(self.overview())
        return {"text/plain": str(table), "text/html": table.html()}

    def next_due(self) -> datetime | None:
        """When the next message that was not acknowledged comes again, or None."""
        timers = self._timers
        while timers:
            due, _, item = timers[0]
            if item.state in OWED and item.due is due:
                return due
            heapq.heappop(timers)
        return None

    # steering

    async def deliver_next(self) -> bool:
        """Deliver the first message that can be delivered; False when there is none."""
        if self.faults is NO_FAULTS:
            return await self._deliver(1) == 1
        return await self._deliver_by_chance()

    async def deliver(
        self, item: SimulatedDelivery | str, *, crash: Crash | None = None, lose_ack: bool = False
    ) -> None:
        """Deliver this one now, held or not; its consumer may crash, or its ack be lost, on the way.

        A crash comes ``"before"`` the handler starts, ``"after"`` its effect but before its acknowledgement, or
        ``"after ack"``. BusError for what is not pending or that nobody may take.
        """
        item = self.find(item)
        if item.state not in (READY, HELD):
            raise BusError(f"{item!r} is not pending; bus.pending() lists what is, bus.duplicate() delivers it again")
        if self._taker(item) is None:
            raise BusError(f"nobody in {item.queue} may take {item!r}: subscribe, or acknowledge what is unanswered")
        self._take_out(item)
        if crash == "before":
            item.state = IN_FLIGHT
            self._note(_DELIVERED, item)
            self._crashed(item, "before its effect", self.clock.instant)
            return
        if crash is not None or lose_ack:
            item = DoomedDelivery(item, crash or "lose ack")
        self._ready.appendleft(item)
        await self._deliver(1)

    def duplicate(self, item: SimulatedDelivery | str) -> SimulatedDelivery:
        """Put the same message on its way once more, as the next one, whatever became or becomes of the first."""
        if isinstance(item, str):
            item = self._find_live(item) or self._find_done(item)
        again = self._again(item, origin=item.origin or item)
        self._ready.appendleft(again)
        return again

    def redeliver(self, item: SimulatedDelivery | str) -> None:
        """Let the ack wait, or the delay, of what is waiting be over now. BusError for what is not waiting."""
        item = self.find(item)
        if item.state not in OWED:
            raise BusError(f"{item!r} waits for nothing; bus.waiting() lists what does")
        self._due(item)

    def hold(self, item: SimulatedDelivery | str) -> None:
        """Keep a pending message back until it is released."""
        item = self.find(item)
        if item.state is not READY:
            raise BusError(f"{item!r} is not pending, so it cannot be held back; bus.pending() lists what is")
        self._take_out(item)
        item.state = HELD
        self._held.append(item)
        self._note(Happening.HELD, item)

    def release(self, item: SimulatedDelivery | str) -> None:
        """Give a message that was held its place back."""
        item = self.find(item)
        if item.state is not HELD:
            raise BusError(f"{item!r} is not held; bus.held() lists what is")
        self._take_out(item)
        later = (place for place, other in enumerate(self._ready) if other.sequence > item.sequence)
        self._ready.insert(next(later, len(self._ready)), item)
        self._note(Happening.RELEASED, item)

    def put_first(self, item: SimulatedDelivery | str) -> None:
        """Let a pending message overtake all others."""
        item = self.find(item)
        if item.state is not READY:
            raise BusError(f"{item!r} is not pending; bus.pending() lists what is")
        self._take_out(item)
        self._ready.appendleft(item)

    async def settle(self, max_deliveries: int = 10_000) -> int:
        """Deliver until nothing is pending, moving the clock to each redelivery that is due; the number of deliveries.

        What is held, or that nobody listens for, stays. BusError after ``max_deliveries`` names what keeps coming.
        """
        delivered = 0
        while True:
            delivered += await self._deliver_all(max_deliveries - delivered)
            due = self.next_due()
            if delivered >= max_deliveries and (due is not None or self.pending()):
                raise BusError(self._what_keeps_coming(delivered))
            if due is None:
                return delivered
            self.clock.advance(max(due - self.clock.instant, timedelta(0)))

    def find(self, item: SimulatedDelivery | str) -> SimulatedDelivery:
        """The delivery that a handle names, which must not be done; BusError if there is none."""
        if isinstance(item, SimulatedDelivery):
            return _newest(item)
        found = self._find_live(item)
        if found is None:
            known = ", ".join(each.handle for each in self._live()) or "nothing"
            raise BusError(f"{item!r} names nothing that is still to be delivered; there is {known}")
        return found

    # what clients do

    def name(self) -> str | None:
        """An id for a message whose publisher gives it none; None where the ids are not ours to give."""
        return self._ids.new("msg") if self._ids is not None else None

    def keep(
        self, subject: str, data: bytes, message_id: str | None, headers: Mapping[str, str] | None, sender: str
    ) -> PubAck:
        route = self._routes.get(subject)
        if route is None:
            route = self._find_route(subject)
        if type(data) is not bytes or len(data) > self._max_payload:
            check_payload(subject, data, self._max_payload)
        if headers is not None:
            check_headers(headers)
            headers = dict(headers)
        now = self.clock.instant
        kept = self._kept
        if message_id is None:
            message_id = self.name()
        else:
            first = self._seen.get(message_id)
            if first is None:
                if not (message_id and message_id.isprintable()):
                    check_message_id(message_id)
            elif now - kept[first - 1][6] <= _WINDOW:
                self._journal.note(Happening.DUPLICATE, now, sender, first)
                return PubAck(first, duplicate=True)
            self._seen[message_id] = len(kept) + 1
        sequence = len(kept) + 1
        message = (sequence, subject, data, message_id, headers, sender, now, len(self.rows))
        kept.append(message)
        ready = self._ready
        for consumer in route:
            ready.append(SimulatedDelivery(message, consumer))
        return PubAck(sequence)

    def join(self, subject: str, handler: Handler, queue: str, config: ConsumerConfig | None) -> SimulatedSubscription:
        check_listenable(subject, self.subjects)
        durable = durable_name(queue, subject)
        consumer = self._consumers.get(durable)
        if consumer is None:
            consumer = self._create(durable, Consumer(self, subject, queue, config or ConsumerConfig()))
        elif consumer.subject != subject or (config is not None and config != consumer.config):
            raise BusError(
                f"the durable consumer {durable} exists on {consumer.subject} with {consumer.config}; "
                "use the same subject and configuration, or another queue group"
            )
        consumer.members.append(handler)
        self.reopen(consumer)
        return SimulatedSubscription(consumer, handler)

    # what deliveries do

    def finish(self, item: SimulatedDelivery, happening: Happening, detail: str = "") -> None:
        """The message of ``item`` needs no more deliveries; a duplicate that is on its way still arrives."""
        self._note(happening, item, detail)
        self._leave(item)
        consumer = item.consumer
        trouble = consumer.trouble.get(item.sequence)
        if trouble is not None:
            trouble.settled = True
        if item.origin is not None and (origin := _newest(item.origin)).state in OWED:
            self._leave(origin)
        if consumer.backlog:
            self.reopen(consumer)

    def late_ack(self, item: SimulatedDelivery) -> None:
        """An ack that comes when its handler has long returned still counts; a second answer does not."""
        item = _newest(item) if item.state is SUPERSEDED else item
        if item.state not in (DONE, PUT_BACK, ACK_LOST):
            self.finish(item, Happening.ACKED)

    def lose_ack(self, item: SimulatedDelivery) -> None:
        """The consumer has acknowledged, and the bus will never know."""
        self._owe(item, ACK_LOST, self._ack_due(item))
        self._note(Happening.ACK_LOST, item)

    def put_back(self, item: SimulatedDelivery, delay: float) -> None:
        """A nak: the message comes again, at once or later."""
        if item.state is not IN_FLIGHT and item.state is not UNANSWERED:
            return
        self._note(Happening.NAKED, item, f"again in {delay:g} s" if delay else "")
        self._remember(item, "its handler asked for it again")
        if item.attempt >= item.consumer.config.max_deliver:
            self._give_up(item)
            return
        self._owe(item, PUT_BACK, self.clock.instant + timedelta(seconds=delay))
        self._wake()

    def extend(self, item: SimulatedDelivery) -> None:
        """The ack wait starts anew."""
        now = self.clock.instant
        for hand in self._hands:
            if hand.item is item and item.state is IN_FLIGHT:
                hand.since = now
                self._note(Happening.IN_PROGRESS, item)
        if item.state is UNANSWERED:
            self._arm(item, now + timedelta(seconds=item.consumer.config.ack_wait))
            self._note(Happening.IN_PROGRESS, item)

    def terminate(self, item: SimulatedDelivery, reason: str) -> None:
        """The message becomes a dead letter at once, unless it was settled before."""
        item = _newest(item)
        trouble = item.consumer.trouble.get(item.sequence)
        if trouble is not None and trouble.settled:
            self._leave(item)
        elif item.state not in (DONE, PUT_BACK, ACK_LOST):
            self._bury(item, reason)

    def reopen(self, consumer: Consumer) -> None:
        """Bring back what nobody could take, if somebody can now."""
        consumer.update()
        if consumer.handler is not None and consumer.backlog:
            self._ready.extendleft(reversed(consumer.backlog))
            consumer.backlog.clear()

    # delivering

    async def _deliver(self, limit: int) -> int:
        """Deliver at most ``limit`` messages that are pending, without moving the clock; how many it were."""
        ready, timers, hands, rows, clock = self._ready, self._timers, self._hands, self.rows, self.clock
        hand = _Hand(clock.instant)
        hands.append(hand)
        delivered = 0
        try:
            while delivered < limit:
                crowded = len(hands) > 1
                if crowded or (timers and timers[0][0] <= clock.instant):
                    self._wake()
                if not ready:
                    break
                item = ready.popleft()
                if item.state is not READY:
                    continue
                consumer = item.consumer
                handler = consumer.handler
                if handler is None or crowded:
                    handler = self._taker(item)
                    if handler is None:
                        consumer.backlog.append(item)
                        continue
                delivered += 1
                item.state = IN_FLIGHT
                hand.item = item
                hand.since = now = clock.instant
                rows += (_DELIVERED, now, consumer, item.message[0], item.attempt)
                try:
                    await handler(item)
                except Exception as error:
                    self._failed(item, error, hand.since)
                except ConsumerDied as death:
                    self._crashed(item, str(death), hand.since)
                except BaseException:
                    self._crashed(item, "while its handler ran", hand.since)
                    raise
                else:
                    if item.state is IN_FLIGHT:
                        self._silent(item, hand.since)
        finally:
            hands.remove(hand)
        return delivered

    async def _deliver_all(self, limit: int) -> int:
        if self.faults is NO_FAULTS:
            return await self._deliver(limit)
        delivered = 0
        while delivered < limit and await self._deliver_by_chance():
            delivered += 1
        return delivered

    async def _deliver_by_chance(self) -> bool:
        chance, random = self.faults, self._random
        while candidates := self.pending():
            item = random.choice(candidates) if random.random() < chance.reorder else candidates[0]
            if random.random() < chance.delay:
                self._delay(item, chance.longest_delay * random.random())
                continue
            if random.random() < chance.duplicate:
                self.duplicate(item)
            crash: Crash | None = None
            if random.random() < chance.crash:
                crash = random.choice(("before", "after", "after ack"))
            await self.deliver(item, crash=crash, lose_ack=random.random() < chance.lose_ack)
            return True
        return False

    def _taker(self, item: SimulatedDelivery) -> Handler | None:
        """Who may take the item now. What was delivered before is not stopped by max ack pending."""
        consumer = item.consumer
        if consumer.members and item.attempt > 1:
            return consumer.take_turns
        if consumer.handler is None:
            return None
        at_work = sum(each.consumer is consumer and not each.counted for each in self.in_flight())
        return consumer.handler if consumer.unanswered + at_work < consumer.config.max_ack_pending else None

    # what becomes of a delivery

    def _failed(self, item: SimulatedDelivery, error: Exception, since: datetime) -> None:
        detail = f"{type(error).__name__}: {error}"
        self._note(Happening.FAILED, item, detail)
        if item.state is IN_FLIGHT:
            self._remember(item, f"its handler raised {detail}")
            self._unanswered(item, since)

    def _crashed(self, item: SimulatedDelivery, when: str, since: datetime) -> None:
        self._note(Happening.CRASHED, item, when)
        if item.state is IN_FLIGHT:
            self._remember(item, f"its consumer crashed {when}")
            self._unanswered(item, since)
        if self.on_crash is not None:
            self.on_crash(item)

    def _silent(self, item: SimulatedDelivery, since: datetime) -> None:
        if isinstance(item, DoomedDelivery) and item.fate != "lose ack":
            self._crashed(item, "after its effect", since)
        else:
            self._unanswered(item, since)

    def _unanswered(self, item: SimulatedDelivery, since: datetime) -> None:
        self._owe(item, UNANSWERED, since + timedelta(seconds=item.consumer.config.ack_wait))

    def _owe(self, item: SimulatedDelivery, state: str, due: datetime) -> None:
        """The message has no good answer yet: set its state and its timer."""
        trouble = item.consumer.trouble.get(item.sequence)
        if item.origin is not None or (trouble is not None and trouble.settled):
            self._leave(item)
            return
        if not item.counted and item.state is IN_FLIGHT:
            item.consumer.unanswered += 1
            item.consumer.update()
        item.state = state
        self._arm(item, due)

    def _leave(self, item: SimulatedDelivery) -> None:
        """This delivery is over, for good or ill."""
        if item.counted or item.state in (UNANSWERED, ACK_LOST, PUT_BACK):
            item.consumer.unanswered -= 1
            item.consumer.update()
        item.state = DONE

    def _delay(self, item: SimulatedDelivery, seconds: float) -> None:
        self._take_out(item)
        self._note(Happening.DELAYED, item, f"by {seconds:.1f} s")
        item.state = DELAYED
        self._arm(item, self.clock.instant + timedelta(seconds=seconds))

    def _arm(self, item: SimulatedDelivery, due: datetime) -> None:
        item.due = due
        self._timers_set += 1
        heapq.heappush(self._timers, (due, self._timers_set, item))

    def _ack_due(self, item: SimulatedDelivery) -> datetime:
        since = next((hand.since for hand in self._hands if hand.item is item), self.clock.instant)
        return since + timedelta(seconds=item.consumer.config.ack_wait)

    def _wake(self) -> None:
        """Let everything that is due come again."""
        now = self.clock.instant
        timers = self._timers
        while timers and timers[0][0] <= now:
            due, _, item = heapq.heappop(timers)
            if item.state in OWED and item.due is due:
                self._due(item)
        for hand in self._hands:
            item = hand.item
            if item is not None and item.state is IN_FLIGHT and self._ack_due(item) <= now:
                self._unanswered(item, hand.since)
                self._due(item)

    def _due(self, item: SimulatedDelivery) -> None:
        """The time of an item that is owed has come."""
        if item.state is DELAYED:
            item.state = READY
            self._ready.append(item)
            return
        if item.state is not PUT_BACK:
            self._note(Happening.TIMED_OUT, item)
        if item.attempt >= item.consumer.config.max_deliver:
            self._give_up(item)
            return
        item.state = SUPERSEDED
        item.successor = self._again(item, origin=None)
        self._ready.append(item.successor)

    def _again(self, item: SimulatedDelivery, *, origin: SimulatedDelivery | None) -> SimulatedDelivery:
        trouble = item.consumer.trouble.setdefault(item.sequence, Trouble())
        trouble.attempts += 1
        return Redelivery(item.message, item.consumer, trouble.attempts, counted=origin is None, origin=origin)

    def _remember(self, item: SimulatedDelivery, reason: str) -> None:
        item.consumer.trouble.setdefault(item.sequence, Trouble()).reason = reason

    def _give_up(self, item: SimulatedDelivery) -> None:
        reason = item.consumer.trouble.get(item.sequence, Trouble()).reason
        times = "once" if item.attempt == 1 else f"{item.attempt} times"
        self._bury(item, f"delivered {times} without an acknowledgement; the last time {reason}")

    def _bury(self, item: SimulatedDelivery, reason: str) -> None:
        self.finish(item, Happening.DEAD, reason)
        sequence, subject, data, _, headers, _, _, _ = item.message
        self.dead.append(
            DeadLetter(
                subject=subject,
                data=data,
                reason=reason,
                message_id=item.message_id,
                sequence=sequence,
                durable=item.durable,
                attempts=item.attempt,
                headers=headers or NO_HEADERS,
            )
        )

    def _note(self, happening: Happening, item: SimulatedDelivery, detail: str = "") -> None:
        self._journal.note(happening, self.clock.instant, item.consumer, item.sequence, item.attempt, detail)

    # finding

    def _find_route(self, subject: str) -> tuple[Consumer, ...]:
        check_publishable(subject, self.subjects)
        route = tuple(consumer for consumer in self._consumers.values() if consumer.matches(subject))
        self._routes[subject] = route
        return route

    def _create(self, durable: str, consumer: Consumer) -> Consumer:
        self._consumers[durable] = consumer
        self._routes.clear()
        if consumer.config.deliver == "all":
            kept = (message for message in self._kept if consumer.matches(message[1]))
            self._ready.extend(SimulatedDelivery(message, consumer) for message in kept)
        return consumer

    def _take_out(self, item: SimulatedDelivery) -> None:
        """Remove a pending or held item from where it stands."""
        if item.state is HELD:
            self._held.remove(item)
        elif item in item.consumer.backlog:
            item.consumer.backlog.remove(item)
        else:
            self._ready.remove(item)
        item.state = READY

    def _live(self) -> list[SimulatedDelivery]:
        self._wake()
        ready = [item for item in self._ready if item.state is READY]
        backlog = [item for consumer in self._consumers.values() for item in consumer.backlog]
        return ready + backlog + self._held + self.in_flight() + self.waiting()

    def _find_live(self, handle: str) -> SimulatedDelivery | None:
        live = self._live()
        exact = [item for item in live if item.handle == handle]
        return next(iter(exact or [item for item in live if item.handle.partition(" ×")[0] == handle]), None)

    def _find_done(self, handle: str) -> SimulatedDelivery:
        parts = _HANDLE.fullmatch(handle)
        sequence = int(parts[1]) if parts else 0
        if parts and 0 < sequence <= len(self._kept):
            message = self._kept[sequence - 1]
            for consumer in self._consumers.values():
                if consumer.queue == parts[2] and consumer.matches(message[1]):
                    return SimulatedDelivery(message, consumer)
        raise BusError(f"{handle!r} names no delivery; a handle is like '#3 payments-service', as bus.pending() shows")

    def _what_keeps_coming(self, delivered: int) -> str:
        recent = [record for record in self.log[-1000:] if record.happening is _DELIVERED]
        (subject, party), times = Counter((record.subject, record.party) for record in recent).most_common(1)[0]
        return (
            f"not settled after {delivered} deliveries; {subject} came to {party} {times} times of late: is it ever "
            "acknowledged, or does its handler publish it anew?"
        )


def _newest(item: SimulatedDelivery) -> SimulatedDelivery:
    """The delivery that took the place of one whose time was over."""
    while item.state is SUPERSEDED:
        item = item.successor
    return item
