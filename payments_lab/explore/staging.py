"""Playing a story on the real simulator, step by step: nothing is remembered, everything is run.

The explorer works out what happens from what it remembers; here the same services run on engines that only ever go
forwards, and their messages travel over :class:`payments_lab.bus.simulator.SimulatedBus`. A finding that comes to the
same end here is no artefact of the explorer's memory.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar

from payments_lab.bus.deliveries import SimulatedDelivery
from payments_lab.bus.protocol import Subscription
from payments_lab.bus.records import Happening
from payments_lab.bus.simulator import SimulatedBus
from payments_lab.explore.coroutines import Finished, Wish, resume, under_control
from payments_lab.explore.evidence import Evidence
from payments_lab.explore.losing import lost_reply
from payments_lab.explore.machine import Kind, Machine, Move
from payments_lab.explore.ports import Message
from payments_lab.explore.scenario import Pay, Scenario
from payments_lab.explore.schedule import Step
from payments_lab.explore.strands import CHOICE, Strands
from payments_lab.explore.tasks import NamingPort, outcome_of_request
from payments_lab.explore.threads import Fate, Role, Source
from payments_lab.explore.world import PHASES, Service, Services
from payments_lab.ports import LabClock, Operation, scheduled_by
from payments_lab.ports.immediate import immediately
from payments_lab.shop.events import SUBJECTS
from payments_lab.shop.expiration import ExpirationPorts
from payments_lab.shop.listeners import listener
from payments_lab.shop.orders import OrdersPorts
from payments_lab.shop.payments import PaymentsPorts
from payments_lab.stores.embedded import EmbeddedDatabase
from payments_lab.stores.jobs import EmbeddedRedis

T = TypeVar("T")

_ANSWERS = frozenset({"ack", "nak", "term", "in_progress"})


class _AtOnce:
    """Lets everything happen at once, whoever else is in charge."""

    async def step(self, operation: Operation, perform: Callable[[], T]) -> T:
        return perform()


_AT_ONCE = _AtOnce()


@dataclass(slots=True)
class _Acting:
    """A task under way: its coroutine and its context, what it waits for, and an answer that is on its way to it."""

    coroutine: Strands
    label: str
    source: Source
    counts: dict[str, int] = field(default_factory=dict[str, int])
    context: Context = field(default_factory=copy_context)
    wish: Wish | None = None
    answer: tuple[Any, Exception | None] | None = None


def stage(machine: Machine, steps: Sequence[Step]) -> Stage:
    """The stage after ``steps`` of a story that ``machine`` told; LookupError where the story cannot be followed."""
    with scheduled_by(_AT_ONCE):
        played = Stage(machine)
    with under_control():
        played.set_up()
        for step in steps:
            played.play(step.move)
    return played


class Stage:
    """A shop on embedded engines and the simulator; ``bus.log`` holds everything that was delivered."""

    def __init__(self, machine: Machine) -> None:
        from payments_lab.local_stripe import LocalStripe

        self.scenario: Scenario = machine.world.scenario
        self.clock = LabClock(PHASES[0])
        self.ids = NamingPort()
        self.bus = SimulatedBus(self.clock, self.ids, subjects=SUBJECTS)
        self.stripe = LocalStripe(LabClock())
        self.redis = EmbeddedRedis("expiration")
        orders, shop = EmbeddedDatabase("orders", self.ids), EmbeddedDatabase("payments", self.ids)
        collections = (orders["orders"], shop["orders"], shop["payments"], shop["outbox"])
        self.collections = {collection.resource: collection for collection in collections}
        immediately(self.collections["payments.payments"].create_index("orderId", unique=True))
        self.answers: dict[int, str] = {}
        self.services: dict[str, Service] = {}
        self._machine = machine
        self._client = self.stripe.client(ids=self.ids)
        self._acting: dict[tuple[int, Any], list[_Acting]] = {}
        self._copied: dict[tuple[str, str], SimulatedDelivery] = {}
        self._subscriptions: dict[str, list[Subscription]] = {}
        for name in machine.services:
            self._start_service(name)

    def set_up(self) -> None:
        """Place the orders; where they are known, let everybody hear of them."""
        for number in range(len(self.scenario.orders)):
            source = Source(0, Role.SETUP, "orders", "", self._machine.slots[0], number)
            self._to_the_end(self._begin(source, self._label_of_placing(number)))
        while self.scenario.known and self.bus.pending():
            self._to_the_end(self._deliver(self.bus.pending()[0]))

    def play(self, move: Move) -> None:
        """One step: a coroutine runs from one await to the next, time passes, or a service crashes."""
        if move.kind is Kind.TIME:
            self.clock.advance(PHASES[1] - PHASES[0])
            return
        if move.kind is Kind.CRASH:
            self._crash(move.service)
            return
        if move.kind is Kind.GIVE_UP or move.slot is None or move.before is None:
            return
        acting = self._take(move)
        if self._act(acting, move):
            self._acting.setdefault((move.slot.shift, move.after), []).append(acting)

    @property
    def busy(self) -> bool:
        """Whether a task is still under way."""
        return any(self._acting.values())

    def evidence(self) -> Evidence:
        """What the invariants look at."""
        failed = [item for item in self._copied.values() if not self._is_acknowledged(item)]
        waiting = [*self.bus.pending(), *self.bus.waiting(), *self.bus.in_flight(), *failed]
        kept = [Message(each.message_id, each.subject, each.data.decode()) for each in self.bus.messages]
        return Evidence(
            scenario=self.scenario,
            documents={name: collection.documents() for name, collection in self.collections.items()},
            charges=self.stripe.charges(),
            refunds=self.stripe.refunds(),
            messages=kept,
            answers=self.answers,
            dead=[f"{letter.subject}: {letter.reason}" for letter in self.bus.dead],
            pending=[f"{item.subject} to {item.queue.removesuffix('-service')}" for item in waiting],
        )

    def _is_acknowledged(self, item: SimulatedDelivery) -> bool:
        """Whether the latest delivery of a message that was copied was acknowledged."""
        answers = (Happening.ACKED, Happening.NAKED, Happening.FAILED, Happening.CRASHED)
        records = [record for record in self.bus.log if record.sequence == item.sequence and record.party == item.queue]
        last = [record.happening for record in records if record.happening in answers]
        return not last or last[-1] is Happening.ACKED

    # services

    def _start_service(self, name: str) -> None:
        classes: Services = self._machine.world.classes
        docs, bus = self.collections, self.bus.client(name)
        if name == "orders":
            service: Service = classes.orders(OrdersPorts(docs["orders.orders"], bus, self.clock, self.ids))
        elif name == "payments":
            ports = PaymentsPorts(
                orders=docs["payments.orders"],
                payments=docs["payments.payments"],
                outbox=docs["payments.outbox"],
                stripe=self._client,
                bus=bus,
                clock=self.clock,
                ids=self.ids,
            )
            service = classes.payments(ports)
        else:
            service = classes.expiration(ExpirationPorts(self.redis, bus, self.clock))
        self.services[name] = service
        bind = getattr(service, "listener", listener)
        handlers: dict[type[Any], str] = dict(service.hears)
        self._subscriptions[name] = [
            immediately(bus.subscribe(event.subject, bind(event, getattr(service, method)), queue=service.queue_group))
            for event, method in handlers.items()
        ]

    def _crash(self, name: str) -> None:
        """Everything that the service was doing is cut short; a new process takes its place."""
        for key, acting in list(self._acting.items()):
            for each in [each for each in acting if each.source.service == name]:
                acting.remove(each)
                each.coroutine.close()
            if not acting:
                del self._acting[key]
        with scheduled_by(_AT_ONCE):
            for subscription in self._subscriptions.pop(name):
                immediately(subscription.unsubscribe())
            self._start_service(name)

    # tasks

    def _take(self, move: Move) -> _Acting:
        """The task of a move: one that is under way, or a new one."""
        assert move.slot is not None
        assert move.before is not None
        if move.before.fate is not Fate.FIRST:
            return self._acting[(move.slot.shift, move.before)].pop(0)
        source = self._machine.source_of(move.before)
        label = self._machine.tasks.scripts[self._machine.script(source, move.before.run)].label
        if source.role is not Role.DELIVERY:
            return self._begin(source, label)
        item = self._find(source)
        if move.copied:
            self.bus.duplicate(item)
            self._copied[(item.message_id, item.queue)] = item
        return self._deliver(item, source, label)

    def _begin(self, source: Source, label: str) -> _Acting:
        service: Any = self.services[source.service]
        match source.role:
            case Role.SETUP:
                order = self.scenario.orders[source.what]
                coroutine = service.create(
                    user_id=order.user, price=order.price, currency=order.currency, order_id=order.id
                )
            case Role.REQUEST:
                coroutine = self._request(service, source.what)
            case Role.RECOVERY:
                coroutine = service.recover()
            case _:
                coroutine = service.tick()
        return _Acting(Strands(coroutine), label, source)

    def _request(self, service: Any, number: int) -> Coroutine[Any, Any, Any]:
        action = self.scenario.actions[number]
        if isinstance(action, Pay):
            return service.create_charge(
                order_id=action.order, token=action.token, user_id=action.user, idempotency_key=action.key
            )
        return service.cancel(action.order)

    def _deliver(self, item: SimulatedDelivery, source: Source | None = None, label: str = "") -> _Acting:
        service = item.queue.removesuffix("-service")
        source = source or Source(0, Role.DELIVERY, service, "", self._machine.slots[0])
        return _Acting(Strands(self.bus.deliver(item)), label or f"{item.message_id}-{service}", source)

    def _find(self, source: Source) -> SimulatedDelivery:
        """The pending delivery of a source's message; one that waits to come again comes now.

        The simulator does not repeat a duplicate of what has been acknowledged; the explorer's bus repeats it until it
        is acknowledged, too, as a bus does that has lost the first acknowledgement.
        """
        message = source.message
        assert message is not None
        queue = self.services[source.service].queue_group
        for item in (*self.bus.pending(), *self.bus.waiting()):
            if item.message_id == message.message_id and item.queue == queue:
                if item not in self.bus.pending():
                    self.bus.redeliver(item)
                return self.bus.find(item)
        copied = self._copied.get((message.message_id, queue))
        if copied is not None:
            return self.bus.duplicate(copied)
        raise LookupError(f"the simulator has no {message.subject} for {source.service}")

    def _label_of_placing(self, number: int) -> str:
        return f"place-{self.scenario.orders[number].id}"

    # steps

    def _act(self, acting: _Acting, move: Move) -> bool:
        """Do one step of a task; whether it goes on."""
        assert move.before is not None
        after = move.after
        if move.before.fate is Fate.FIRST and self._resume(acting, None):
            return False
        if move.before.fate is Fate.REPLIED:
            return not self._resume(acting, acting.answer)
        begins_only = move.before.fate is Fate.FIRST and after is not None and after.fate is Fate.RUNS
        if begins_only and move.node is not None and after is not None and after.at == move.node.number:
            return True
        answer = self._chosen(move) if _is_choice(acting) else self._answer(acting, move.kind)
        if after is not None and after.fate is Fate.REPLIED:
            acting.answer = answer
            return True
        return not self._resume(acting, answer)

    def _chosen(self, move: Move) -> tuple[Any, Exception | None]:
        """Which way it goes on, as the explorer has chosen."""
        return self._machine.tasks.answers[move.answer].value, None

    def _answer(self, acting: _Acting, kind: Kind) -> tuple[Any, Exception | None]:
        wish = acting.wish
        assert wish is not None
        lost = lost_reply(wish.operation.resource) if kind is not Kind.STEP else None
        if kind is Kind.LOST_REQUEST:
            return None, lost
        try:
            value = wish.perform()
        except Exception as error:
            return None, lost or error
        return (None, lost) if lost else (value, None)

    def _resume(self, acting: _Acting, answer: tuple[Any, Exception | None] | None) -> bool:
        """Let a task run to its next await; whether it is done. Its acknowledgements are part of its last step."""
        value, error = answer or (None, None)
        while True:
            self.ids.task, self.ids.counts = acting.label, acting.counts
            outcome = acting.context.run(resume, acting.coroutine, value, error)
            if isinstance(outcome, Finished):
                if acting.source.role is Role.REQUEST:
                    self.answers[acting.source.what] = outcome_of_request(outcome)
                return True
            if outcome.operation.resource != "bus" or outcome.operation.verb not in _ANSWERS:
                acting.wish = outcome
                return False
            value, error = outcome.perform(), None

    def _to_the_end(self, acting: _Acting) -> None:
        done = self._resume(acting, None)
        while not done:
            done = self._resume(acting, self._answer(acting, Kind.STEP))


def _is_choice(acting: _Acting) -> bool:
    return acting.wish is not None and acting.wish.operation.resource == CHOICE
