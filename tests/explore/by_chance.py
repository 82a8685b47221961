"""A shop that lives by chance: an explorer that draws its stories, as simple as can be, to hold the real one against.

It knows nothing of states or reductions. The real coroutines run on the real embedded engines; at every await a random
generator decides whose turn it is and what goes wrong, within the bounds of the faults. At rest the books are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from types import coroutine
from typing import Any, NamedTuple

from payments_lab.bus.protocol import PubAck
from payments_lab.explore.coroutines import Wish
from payments_lab.explore.eventloop import stood_in
from payments_lab.explore.faults import Faults
from payments_lab.explore.losing import lost_reply
from payments_lab.explore.scenario import Pay, Scenario
from payments_lab.explore.strands import CHOICE, Strands
from payments_lab.local_stripe import LocalStripe
from payments_lab.ports import LabClock, Operation, SequentialIds, scheduled_by
from payments_lab.shop.audit import Books, audit, kept
from payments_lab.shop.errors import Indefinite, ShopError
from payments_lab.shop.events import PaymentCreated
from payments_lab.shop.expiration import ExpirationPorts, ExpirationService
from payments_lab.shop.listeners import listener
from payments_lab.shop.orders import OrdersPorts, OrdersService
from payments_lab.shop.payments import PaymentsPorts, PaymentsService
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.embedded import EmbeddedDatabase
from payments_lab.stores.jobs import EmbeddedRedis

LONGEST = 2000
ROUNDS_AT_REST = 4


class Suspends:
    """The scheduler in charge: every checkpoint waits for the driver."""

    @coroutine
    def step(self, operation: Operation, perform: Callable[[], Any]) -> Generator[Wish, Any, Any]:
        return (yield Wish(operation, perform))


class Message(NamedTuple):
    id: str
    subject: str
    data: bytes


class Bus:
    """Keeps what is published; each message id once."""

    def __init__(self, ids: SequentialIds) -> None:
        self.ids = ids
        self.messages: dict[str, Message] = {}
        self.fresh: list[Message] = []

    async def publish(
        self, subject: str, data: bytes, *, message_id: str | None = None, headers: Mapping[str, str] | None = None
    ) -> PubAck:
        from payments_lab.ports import checkpoint

        message = Message(message_id or self.ids.new("msg"), subject, data)
        return await checkpoint(Operation("bus", "publish", message, writes=True), lambda: self.keep(message))

    def keep(self, message: Message) -> PubAck:
        known = message.id in self.messages
        if not known:
            self.messages[message.id] = message
            self.fresh.append(message)
        return PubAck(0, duplicate=known)


class Delivery:
    sequence = 0
    attempt = 1
    headers: Mapping[str, str] = {}

    def __init__(self, message: Message) -> None:
        self.message_id, self.subject, self.data = message
        self.answer = "again"

    async def ack(self) -> None:
        self.answer = "ack"

    async def nak(self, delay: float | None = None) -> None:
        self.answer = "again"

    async def in_progress(self) -> None:
        """Nobody is in a hurry."""

    async def term(self, reason: str) -> None:
        self.answer = "dead"


@dataclass(eq=False)
class Task:
    """A request, a delivery, a recovery or a tick; ``waits`` while it is under way."""

    service: str
    start: Callable[[], tuple[Coroutine[Any, Any, Any], Delivery | None]]
    message: Message | None = None
    action: int | None = None
    payer: str = ""
    copied: bool = False
    recovery: bool = False
    coroutine: Coroutine[Any, Any, Any] | None = None
    delivery: Delivery | None = None
    waits: Wish | None = None
    tries: int = 0
    fault_free_refusals: int = 0


@dataclass
class Outcome:
    """What was wrong at rest: sentences by invariant; and which faults bit."""

    broken: dict[str, str] = field(default_factory=dict)
    crashes: int = 0
    lost: int = 0
    copies: int = 0
    charges: int = 0
    answers: tuple[str, ...] = ()


class Shop:
    """One life of a shop, drawn from ``seed``."""

    def __init__(
        self,
        payments: type[PaymentsService],
        orders: type[OrdersService] | None,
        scenario: Scenario,
        faults: Faults,
        seed: int,
    ) -> None:
        self.random = Random(seed)
        self.rate = self.random.choice((0.03, 0.1, 0.3))
        self.scenario, self.faults = scenario, faults
        self.clock = LabClock()
        ids = SequentialIds()
        self.bus = Bus(ids)
        self.stripe = LocalStripe(LabClock())
        theirs, ours = EmbeddedDatabase("orders", ids), EmbeddedDatabase("payments", ids)
        self.theirs, self.ours = theirs, ours
        self.outcome = Outcome()
        self.payers: dict[str, str] = {}
        self.crashes, self.lost, self.copies, self.retries = (
            faults.crashes, faults.lost_replies, faults.duplicates, faults.retries,
        )  # fmt: skip
        orders_ports = OrdersPorts(orders=theirs["orders"], bus=self.bus, clock=self.clock, ids=ids)
        payments_ports = PaymentsPorts(
            orders=ours["orders"],
            payments=ours["payments"],
            outbox=ours["outbox"],
            stripe=self.stripe.client(ids=ids),
            bus=self.bus,
            clock=self.clock,
            ids=ids,
        )
        jobs = ExpirationPorts(jobs=EmbeddedRedis("expiration"), bus=self.bus, clock=self.clock)
        self.makers: dict[str, Callable[[], Any]] = {
            "orders": lambda: (orders or OrdersService)(orders_ports),
            "payments": lambda: payments(payments_ports),
            "expiration": lambda: ExpirationService(jobs),
        }
        self.services = {name: make() for name, make in self.makers.items()}
        self.tasks: list[Task] = []
        self.told: dict[int, str] = {}
        self.dead: list[Message] = []

    def live(self) -> Outcome:
        with scheduled_by(Suspends()), stood_in():
            self._alone(ours=self.ours["payments"].create_index("orderId", unique=True))
            for order in self.scenario.orders:
                self._alone(
                    ours=self.services["orders"].create(
                        user_id=order.user, price=order.price, currency=order.currency, order_id=order.id
                    )
                )
            self._hear()
            if self.scenario.known:
                self._run_down()
            for number, action in enumerate(self.scenario.actions):
                if action.after is None:
                    self._begin_action(number)
            self._live()
            self._rest()
        return self.outcome

    # the story

    def _live(self) -> None:
        phases = int(self.scenario.expires)
        for _ in range(LONGEST):
            moves: list[Callable[[], None]] = [lambda task=task: self._step(task) for task in self._able()]
            if phases and (not moves or self.random.random() < 0.08):
                moves.append(self._expire)
            if self.crashes and self.random.random() < (self.rate if moves else 0.5):
                moves += [lambda name=name: self._crash(name) for name in self.faults.services] * 2
            if not moves:
                return
            chosen = self.random.choice(moves)
            if chosen == self._expire:
                phases = 0
            chosen()

    def _able(self) -> list[Task]:
        able = [task for task in self.tasks if task.fault_free_refusals < 3]
        if self.faults.recovers_first:
            recovering = {task.service for task in able if task.recovery}
            able = [task for task in able if task.recovery or task.service not in recovering]
        if not self.faults.reorder:
            first = {}
            for task in self.tasks:
                if task.message is not None:
                    first.setdefault(task.service, task)
            able = [task for task in able if task.message is None or first[task.service] is task]
        return able

    def _step(self, task: Task) -> None:
        if task.coroutine is None:
            if task.message is not None and self.copies and self.random.random() < 0.5:
                self.copies -= 1
                self.outcome.copies += 1
                self._deliver(task.message, task.service)
            begun, task.delivery = task.start()
            task.coroutine = Strands(begun)
            self._send(task, None, None)
            return
        assert task.waits is not None
        asked = task.waits
        before = {charge["id"] for charge in self.stripe.charges()} if asked.operation.resource == "stripe" else set()
        error: Exception | None = None
        answer = None
        loses = task.service in self.faults.services and self.lost and self.random.random() < self.rate
        if loses:
            self.lost -= 1
            self.outcome.lost += 1
            if self.random.random() < 0.5:
                self._perform(asked)
            error = lost_reply(asked.operation.resource)
        else:
            answer, error = self._perform(asked)
        if asked.operation.resource == "stripe":
            for charge in self.stripe.charges():
                if charge["id"] not in before and charge["paid"]:
                    self.payers[charge["id"]] = task.payer
        self._hear()
        self._send(task, answer, error)

    def _perform(self, asked: Wish) -> tuple[Any, Exception | None]:
        try:
            return asked.perform(), None
        except Exception as error:
            return None, error

    def _send(self, task: Task, answer: Any, error: Exception | None) -> None:
        assert task.coroutine is not None
        try:
            task.waits = task.coroutine.send(answer) if error is None else task.coroutine.throw(error)
            while task.waits.operation.resource == CHOICE:
                task.waits = task.coroutine.send(self.random.randrange(len(task.waits.operation.arguments)))
        except StopIteration:
            self._end(task, None)
        except Exception as failure:
            self._end(task, failure)

    def _end(self, task: Task, error: Exception | None) -> None:
        task.coroutine = task.waits = None
        if task.message is not None:
            answer = "again" if error or task.delivery is None else task.delivery.answer
            if answer == "again":
                task.tries += 1
                task.fault_free_refusals += 1
                self.tasks.remove(task)
                self.tasks.append(task)
                return
            if answer == "dead":
                self.dead.append(task.message)
            self._forgive()
        self._forgive()
        if task.action is not None:
            kind = "answered" if error is None else type(error).__name__
            definite = error is None or (isinstance(error, ShopError) and not isinstance(error, Indefinite))
            if not definite and self.retries:
                self.retries -= 1
                return
            self._tell(task.action, kind if definite else f"unknown: {kind}: {error}")
        self.tasks.remove(task)

    def _forgive(self) -> None:
        for each in self.tasks:
            each.fault_free_refusals = 0

    def _tell(self, action: int, answer: str) -> None:
        self.told[action] = answer
        for number, each in enumerate(self.scenario.actions):
            if each.after == action:
                self._begin_action(number)

    def _begin_action(self, number: int) -> None:
        action = self.scenario.actions[number]

        def start() -> tuple[Coroutine[Any, Any, Any], None]:
            if isinstance(action, Pay):
                return self.services["payments"].create_charge(
                    order_id=action.order, token=action.token, user_id=action.user, idempotency_key=action.key
                ), None
            return self.services["orders"].cancel(action.order), None

        payer = action.user if isinstance(action, Pay) else ""
        self.tasks.append(Task(self.scenario.service(number), start, action=number, payer=payer))

    def _deliver(self, message: Message, service: str) -> None:
        def start() -> tuple[Coroutine[Any, Any, Any], Delivery]:
            hears = self.services[service].hears
            kind, method = next((kind, method) for kind, method in hears.items() if kind.subject == message.subject)
            delivery = Delivery(message)
            return listener(kind, getattr(self.services[service], method))(delivery), delivery

        self.tasks.append(Task(service, start, message=message))

    def _hear(self) -> None:
        for message in self.bus.fresh:
            for name, service in self.services.items():
                if any(kind.subject == message.subject for kind in service.hears):
                    self._deliver(message, name)
        self.bus.fresh.clear()

    def _expire(self) -> None:
        self.clock.advance(timedelta(minutes=16))
        self._begin("expiration", lambda: self.services["expiration"].tick())

    def _begin(self, service: str, call: Callable[[], Coroutine[Any, Any, Any]], *, recovery: bool = False) -> None:
        self.tasks.append(Task(service, lambda: (call(), None), recovery=recovery))

    def _crash(self, service: str) -> None:
        self.crashes -= 1
        self.outcome.crashes += 1
        for task in [each for each in self.tasks if each.service == service]:
            if task.coroutine is None:
                continue
            with closing(task.coroutine):
                task.coroutine = task.waits = None
            if task.message is None:
                if task.action is not None and self.retries:
                    self.retries -= 1
                    continue
                self.tasks.remove(task)
                if task.action is not None:
                    self._tell(task.action, "unknown: crashed")
        self.services[service] = self.makers[service]()
        self._begin(service, lambda: self.services[service].recover(), recovery=True)

    # rest

    def _alone(self, ours: Coroutine[Any, Any, Any]) -> Any:
        answer, error = None, None
        while True:
            try:
                asked = ours.send(answer) if error is None else ours.throw(error)
            except StopIteration as done:
                return done.value
            answer, error = self._perform(asked)

    def _run_down(self) -> None:
        while self._able():
            self._step(self._able()[0])

    def _rest(self) -> None:
        self.crashes = self.lost = self.copies = 0
        for _ in range(ROUNDS_AT_REST):
            self._forgive()
            self._run_down()
            if self.scenario.expires:
                self._begin("expiration", lambda: self.services["expiration"].tick())
                self._run_down()
            for name, service in self.services.items():
                self._begin(name, service.recover, recovery=True)
            self._run_down()
        self._judge()

    # judgement

    def _judge(self) -> None:
        published = (message for message in self.bus.messages.values() if message.subject == PaymentCreated.subject)
        events = [PaymentCreated.model_validate_json(message.data) for message in published]
        books = Books(
            orders=self.theirs["orders"].documents(),
            replicas=self.ours["orders"].documents(),
            payments=self.ours["payments"].documents(),
            charges=self.stripe.charges(),
            announced=frozenset((event.order_id, event.stripe_id) for event in events),
        )
        broken = self.outcome.broken
        for difference in audit(books):
            broken.setdefault(difference.rule, difference.message)
        taken = {charge["id"] for charge in books.charges if charge["paid"]}
        claimed = [each["stripeId"] for each in books.payments if each.get("status", "paid") == "paid"]
        if len(set(claimed)) < len(claimed) or not taken.issuperset(claimed):
            broken.setdefault("charge-has-payment", f"payments claim {claimed}, taken were {taken}")
        stuck = [f"{task.message.subject} to {task.service}" for task in self.tasks if task.message]
        stuck += [f"dead: {message.subject}" for message in self.dead]
        stuck += [f"request {task.action}" for task in self.tasks if task.message is None]
        if not self.outcome.crashes and not self.outcome.lost:
            stuck += [answer for answer in self.told.values() if answer.startswith("unknown")]
        if stuck:
            broken["nothing-is-stuck"] = "; ".join(stuck)
        for order in books.orders:
            self._judge_order(books, order)
        self.outcome.charges = len([charge for charge in books.charges if charge["paid"]])
        self.outcome.answers = tuple(self.told.get(number, "?") for number in range(len(self.scenario.actions)))

    def _judge_order(self, books: Books, order: dict[str, Any]) -> None:
        broken = self.outcome.broken
        charges = [charge for charge in books.charges if charge["paid"] and books.order_of(charge) == order["_id"]]
        strangers = {self.payers[charge["id"]] for charge in charges} - {order["userId"], ""}
        if strangers:
            broken["only-the-owner-pays"] = f"{', '.join(strangers)} paid an order of {order['userId']}"
        money = sum(kept(charge) for charge in charges)
        for number, action in enumerate(self.scenario.actions):
            if not isinstance(action, Pay) or action.order != order["_id"] or action.after is None or money:
                continue
            before = self.scenario.actions[action.after]
            declined = isinstance(before, Pay) and "Declined" in before.token and "Declined" not in action.token
            answer = self.told.get(number, "no answer")
            refused = answer != "answered" and not answer.startswith("unknown")
            if declined and refused and OrderStatus(order["status"]).is_open:
                broken["a-declined-buyer-may-retry"] = f"the other card: {answer}"


def live(
    payments: type[PaymentsService],
    scenario: Scenario,
    faults: Faults,
    seed: int,
    orders: type[OrdersService] | None = None,
) -> Outcome:
    """One life, drawn from its seed."""
    return Shop(payments, orders, scenario, faults, seed).live()
