"""The shop as it is explored: the real services on embedded engines, and everything that can be started in it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

from payments_lab.explore.coroutines import under_control
from payments_lab.explore.divided import DividedEngine, Stream
from payments_lab.explore.engines import Engine
from payments_lab.explore.losing import lost_reply
from payments_lab.explore.memory import Memory
from payments_lab.explore.places import innermost
from payments_lab.explore.ports import ExploredBus, ExploredDelivery, Message
from payments_lab.explore.refusing import Refused
from payments_lab.explore.scenario import Action, Pay, Scenario
from payments_lab.explore.standing import Standing
from payments_lab.explore.tasks import NamingPort, Script, Tasks, TimePort
from payments_lab.ports import LabClock, Resource
from payments_lab.ports.clock import LAB_EPOCH
from payments_lab.ports.immediate import immediately
from payments_lab.shop.expiration import ExpirationPorts, ExpirationService
from payments_lab.shop.listeners import listener
from payments_lab.shop.orders import TIME_TO_PAY, OrdersPorts, OrdersService
from payments_lab.shop.payments import PaymentsPorts, PaymentsService
from payments_lab.stores.embedded import EmbeddedDatabase
from payments_lab.stores.jobs import EmbeddedRedis

if TYPE_CHECKING:
    from payments_lab.shop.events import Event

Service = OrdersService | PaymentsService | ExpirationService
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Services:
    """The classes of the services that are explored."""

    payments: type[PaymentsService] = PaymentsService
    orders: type[OrdersService] = OrdersService
    expiration: type[ExpirationService] = ExpirationService


PHASES = (LAB_EPOCH, LAB_EPOCH + TIME_TO_PAY + timedelta(minutes=1))


class World:
    """One shop; the memo of its tasks and of its engines. Where no time passes, nobody waits for it to be over.

    Stripe's clock stands still: a story is shorter than anything that Stripe forgets.
    """

    def __init__(self, services: Services, scenario: Scenario, *, merge: bool = True) -> None:
        from payments_lab.local_stripe import LocalStripe

        self.scenario = scenario
        self.classes = services
        self.clock = TimePort(list(PHASES if scenario.expires else PHASES[:1]))
        self.ids = NamingPort()
        self.bus = ExploredBus(self.ids)
        self.stripe = LocalStripe(LabClock())
        orders, shop = EmbeddedDatabase("orders", self.ids), EmbeddedDatabase("payments", self.ids)
        client = self.stripe.client(ids=self.ids)
        self.collections = {
            collection.resource: collection
            for collection in (orders["orders"], shop["orders"], shop["payments"], shop["outbox"])
        }
        immediately(shop["payments"].create_index("orderId", unique=True))
        orders_ports = OrdersPorts(orders=orders["orders"], bus=self.bus, clock=self.clock, ids=self.ids)
        payments_ports = PaymentsPorts(
            orders=shop["orders"],
            payments=shop["payments"],
            outbox=shop["outbox"],
            stripe=client,
            bus=self.bus,
            clock=self.clock,
            ids=self.ids,
        )
        with under_control():
            self.services: dict[str, Service] = {
                "orders": _started(services.orders, orders_ports),
                "payments": _started(services.payments, payments_ports),
            }
        ports = [*_fields(orders_ports), *_fields(payments_ports)]
        jobs: dict[str, Resource] = {}
        if scenario.expires:
            ports += self._add_expiration(services, jobs)
        memories = {name: Memory(service, ports) for name, service in self.services.items()}
        shared = _reachable([*self.services.values(), *ports])
        self.tasks = Tasks(self.clock, self.ids, memories, Standing(shared), merge=merge)
        resources: dict[str, Resource] = {**jobs, self.stripe.name: self.stripe}
        self._hearers: dict[str, list[str]] = {}
        answers = self.tasks.answers
        self.stream = Stream(self.bus, answers, lost_reply(self.bus.name))
        self.engines = [
            *(DividedEngine(name, each, answers, lost_reply(name)) for name, each in self.collections.items()),
            *(Engine(name, resource, answers, lost_reply(name)) for name, resource in resources.items()),
            self.stream,
        ]

    def _add_expiration(self, services: Services, jobs: dict[str, Resource]) -> list[Any]:
        """The service that waits for the time to pay to be over, and its Redis among ``jobs``; returns its ports."""
        redis = EmbeddedRedis("expiration")
        ports = ExpirationPorts(jobs=redis, bus=self.bus, clock=self.clock)
        with under_control():
            self.services["expiration"] = _started(services.expiration, ports)
        jobs[redis.name] = redis
        return _fields(ports)

    # what can be started

    def placing(self, number: int) -> int:
        """The script that places one of the scenario's orders."""
        order = self.scenario.orders[number]
        return self._request(
            "orders",
            "create",
            f"place-{order.id}",
            user_id=order.user,
            price=order.price,
            currency=order.currency,
            order_id=order.id,
        )

    def action(self, number: int, attempt: int) -> int:
        """The script of one action; ``attempt`` counts the client's retries."""
        wanted: Action = self.scenario.actions[number]
        label = self.scenario.label(number) + (f"-retry-{attempt}" if attempt else "")
        if isinstance(wanted, Pay):
            return self._request(
                "payments",
                "create_charge",
                label,
                order_id=wanted.order,
                token=wanted.token,
                user_id=wanted.user,
                idempotency_key=wanted.key,
            )
        return self._request("orders", "cancel", label, order_id=wanted.order)

    def recovery(self, service: str, run: int) -> int:
        return self._request(service, "recover", f"{service}-recovery-{run}")

    def tick(self, run: int) -> int:
        return self._request("expiration", "tick", f"tick-{run}")

    def hearers(self, message: Message) -> list[str]:
        """The services that hear a message."""
        known = self._hearers.get(message.subject)
        if known is None:
            known = [name for name in self.services if self._ear(message, name) is not None]
            self._hearers[message.subject] = known
        return known

    def delivery(self, message: Message, service: str, run: int) -> int:
        """The script of one delivery; ``run`` tells apart deliveries that make ids."""
        ear = self._ear(message, service)
        assert ear is not None
        event_type, method = ear
        handler = getattr(self.services[service], method)

        def start() -> tuple[Coroutine[Any, Any, Any], Callable[[], str]]:
            delivery = ExploredDelivery(message)
            bind = getattr(self.services[service], "listener", listener)
            answer: Any = bind(event_type, handler)(delivery)
            return answer, delivery.answer

        label = f"{message.message_id}-{service}" + (f"-{run}" if run else "")
        return self.tasks.add(Script(service, label, start))

    def _ear(self, message: Message, service: str) -> tuple[type[Event], str] | None:
        hears = self.services[service].hears
        return next(((event, method) for event, method in hears.items() if event.subject == message.subject), None)

    def _request(self, service: str, method: str, label: str, **arguments: Any) -> int:
        call = getattr(self.services[service], method)

        def start() -> tuple[Coroutine[Any, Any, Any], None]:
            return _called(call, arguments), None

        return self.tasks.add(Script(service, label, start))


def _started(service: Callable[[Any], S], ports: Any) -> S:
    """A new service. Refused when it cannot be made of its ports."""
    try:
        return service(ports)
    except Exception as error:
        name = getattr(service, "__name__", "")
        raise Refused(
            "interface", f"{name}(ports) cannot start: {type(error).__name__}: {error} ({innermost(error)})"
        ) from error


def _called(call: Callable[..., Any], arguments: dict[str, Any]) -> Coroutine[Any, Any, Any]:
    """The coroutine of a request. Refused when there is none."""
    name = getattr(call, "__qualname__", repr(call))
    try:
        coroutine = call(**arguments)
    except TypeError as error:
        raise Refused(
            "interface", f"{name} cannot be called with {', '.join(arguments) or 'nothing'}: {error}"
        ) from error
    if not isinstance(coroutine, Coroutine):
        raise Refused("interface", f"{name} is no `async def`: it gives {coroutine!r} where a coroutine was wanted")
    return cast("Coroutine[Any, Any, Any]", coroutine)


def _fields(ports: Any) -> list[Any]:
    return [getattr(ports, field.name) for field in fields(ports)]


def _reachable(roots: list[object]) -> list[object]:
    """Every instance that the world holds from its start."""
    found: dict[int, object] = {}
    waiting = list(roots)
    while waiting:
        each = waiting.pop()
        if id(each) in found or isinstance(each, type | str | int | float | bytes | None.__class__):
            continue
        found[id(each)] = each
        waiting += _held(each)
    return list(found.values())


def _held(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(cast("dict[object, object]", value).values())
    if isinstance(value, list | tuple | set):
        return list(cast("list[object]", value))
    return list(getattr(value, "__dict__", {}).values())
