"""A running shop in one object: three services, their engines, and the story of what happened between them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from payments_lab.bus.faults import NO_FAULTS, BusFaults
from payments_lab.bus.records import Happening
from payments_lab.bus.simulator import SimulatedBus
from payments_lab.diagrams import Story, Table
from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.requests import Request, Response
from payments_lab.ports import LabClock, SequentialIds
from payments_lab.ports.immediate import immediately
from payments_lab.shop.audit import Books
from payments_lab.shop.events import SUBJECTS, PaymentCreated
from payments_lab.shop.expiration import ExpirationPorts, ExpirationService
from payments_lab.shop.inbox import StripeInbox
from payments_lab.shop.listeners import start_listeners
from payments_lab.shop.orders import OrdersPorts, OrdersService
from payments_lab.shop.payments import PaymentsPorts, PaymentsService
from payments_lab.stores.embedded import EmbeddedCollection, EmbeddedDatabase
from payments_lab.stores.jobs import EmbeddedRedis
from payments_lab.timeline import Exchange, tell

if TYPE_CHECKING:
    from payments_lab.connected import ConnectedShop
    from payments_lab.settings import Settings


class Lab:
    """The whole shop on embedded engines, deterministic: the same calls give the same ids, times and deliveries.

    ``payments`` and ``orders`` are the classes of those services, yours or the package's; ``faults`` are what the bus
    does by itself, drawn from ``seed``. ``inbox`` takes Stripe's events for payments, as the HTTP face does.

        lab = Lab()
        order = await lab.orders.create(user_id="ada", price=2000)
        await lab.settle()
        payment = await lab.payments.create_charge(order_id=order.id, token="tok_visa", user_id="ada")
        lab.timeline()
    """

    def __init__(
        self,
        *,
        payments: type[PaymentsService] = PaymentsService,
        orders: type[OrdersService] = OrdersService,
        seed: int = 0,
        faults: BusFaults = NO_FAULTS,
    ) -> None:
        self.clock = LabClock()
        self.ids = SequentialIds()
        self.bus = SimulatedBus(self.clock, self.ids, seed=seed, subjects=SUBJECTS, faults=faults)
        self.stripe = LocalStripe(self.clock)
        self.redis = EmbeddedRedis("expiration")
        self._databases = {name: EmbeddedDatabase(name, self.ids) for name in ("orders", "payments")}
        self._exchanges: list[Exchange] = []
        self.stripe.observers.append(self._observe)
        self.orders = self._orders(orders)
        self.payments = self._payments(payments)
        self.inbox = StripeInbox(self.payments, self._databases["payments"]["inbox"], self.clock)
        self.expiration = ExpirationService(
            ExpirationPorts(jobs=self.redis, bus=self.bus.client("expiration"), clock=self.clock)
        )
        immediately(self._start())

    @staticmethod
    async def connect(settings: Settings, *, payments: type[PaymentsService] = PaymentsService) -> ConnectedShop:
        """The same shop on the real engines that ``settings`` name; ``await shop.start()`` makes it listen."""
        from payments_lab.connected import connect_shop

        return await connect_shop(settings, payments=payments)

    async def settle(self) -> None:
        """Deliver until nothing is pending and no delayed job is due, moving the clock to redeliveries that are due."""
        await self.bus.settle()
        while await self.expiration.tick():
            await self.bus.settle()

    async def advance(self, by: timedelta | float) -> None:
        """Let time pass (a timedelta, or seconds), then settle."""
        self.clock.advance(by)
        await self.settle()

    async def recover(self) -> None:
        """Let every service finish what a crash left half done, then settle."""
        await self.orders.recover()
        await self.payments.recover()
        await self.settle()

    def timeline(self, title: str = "") -> Story:
        """What happened so far, as a sequence diagram."""
        return tell(title, self.bus.log, self.bus.messages, self._exchanges)

    @property
    def collections(self) -> list[str]:
        """The collections that are in use so far, as :meth:`documents` names them."""
        return sorted(self._collections())

    def documents(self, name: str) -> Table:
        """The documents of a collection, ``"payments.orders"`` for the orders that payments keeps."""
        known = self._collections()
        if name not in known:
            raise KeyError(f"there is no collection {name!r}; known are {', '.join(sorted(known))}")
        return Table.of_documents(known[name].documents(), title=name)

    def books(self) -> Books:
        """Orders, replicas, payments, charges and intents side by side, for :func:`payments_lab.shop.audit.audit`."""
        payments = self._databases["payments"]
        announced = (
            PaymentCreated.model_validate_json(message.data)
            for message in self.bus.messages
            if message.subject == PaymentCreated.subject
        )
        return Books(
            orders=self._databases["orders"]["orders"].documents(),
            replicas=payments["orders"].documents(),
            payments=payments["payments"].documents(),
            charges=self.stripe.charges(),
            announced=frozenset((event.order_id, event.stripe_id) for event in announced),
            intents=self.stripe.payment_intents(),
        )

    def published(self) -> list[str]:
        """The subject of every event that the bus keeps, in the order of publication."""
        return [message.subject for message in self.bus.messages]

    def delivered(self) -> list[str]:
        """The subject of every event, in the order in which each was first delivered."""
        deliveries = (record for record in self.bus.log if record.happening is Happening.DELIVERED)
        return list({record.sequence: record.subject for record in deliveries}.values())

    def _collections(self) -> dict[str, EmbeddedCollection]:
        return {each.resource: each for database in self._databases.values() for each in database.collections}

    def _orders(self, service: type[OrdersService]) -> OrdersService:
        orders = self._databases["orders"]["orders"]
        return service(OrdersPorts(orders=orders, bus=self.bus.client("orders"), clock=self.clock, ids=self.ids))

    def _payments(self, service: type[PaymentsService]) -> PaymentsService:
        database = self._databases["payments"]
        return service(
            PaymentsPorts(
                orders=database["orders"],
                payments=database["payments"],
                outbox=database["outbox"],
                stripe=self.stripe.client(ids=self.ids),
                bus=self.bus.client("payments"),
                clock=self.clock,
                ids=self.ids,
            )
        )

    async def _start(self) -> None:
        await self.payments.payments.create_index("orderId", unique=True)
        for service in (self.orders, self.payments, self.expiration):
            await start_listeners(service, self.bus.client(service.name))

    def _observe(self, request: Request, response: Response | None) -> None:
        self._exchanges.append(Exchange(len(self.bus.log), request, response))
