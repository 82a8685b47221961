"""A shop on the engines that the settings name; what they do not name is embedded in this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from payments_lab.bus.connect import connect as connect_bus
from payments_lab.bus.protocol import Bus
from payments_lab.ports import RandomIds, SystemClock
from payments_lab.settings import Settings
from payments_lab.shop.events import SUBJECTS
from payments_lab.shop.expiration import ExpirationPorts, ExpirationService
from payments_lab.shop.inbox import StripeInbox
from payments_lab.shop.listeners import Listens, start_listeners
from payments_lab.shop.orders import OrdersPorts, OrdersService
from payments_lab.shop.outbox import Backlog
from payments_lab.shop.payments import PaymentsPorts, PaymentsService
from payments_lab.stores.connect import EngineUnavailable, connect_mongo, connect_redis
from payments_lab.stores.embedded import EmbeddedDatabase
from payments_lab.stores.jobs import EmbeddedRedis
from payments_lab.stores.transactions import Together, one_after_the_other, together_on

if TYPE_CHECKING:
    import stripe

    from payments_lab.bus.connect import RemoteBus
    from payments_lab.local_stripe import LocalStripe

log = logging.getLogger("payments_lab")

ServiceName = Literal["orders", "payments", "expiration"]
SERVICES: tuple[ServiceName, ...] = ("orders", "payments", "expiration")

Checks = list[tuple[str, Callable[[], Awaitable[Any]]]]
"""Engines by name, and how to ask each whether it answers."""

PATIENCE = 3.0
TICK_SECONDS = 0.5
RECOVER_SECONDS = 3.0


class ConnectedShop:
    """The services of a shop that this process runs, on engines that other processes share.

    ``orders``, ``payments`` and ``expiration`` are there whether or not this process listens for them;
    :meth:`start` makes it listen for those that it was told to run. ``inbox`` takes Stripe's events for payments;
    ``embedded_stripe`` is Stripe itself, where that runs in this process.
    """

    def __init__(
        self,
        orders: OrdersService,
        payments: PaymentsService,
        expiration: ExpirationService,
        buses: Mapping[ServiceName, Bus],
        checks: Checks,
        closers: list[Callable[[], Awaitable[Any]]],
        inbox: StripeInbox,
        embedded_stripe: LocalStripe | None,
    ) -> None:
        self.orders = orders
        self.payments = payments
        self.expiration = expiration
        self.buses = buses
        self.inbox = inbox
        self.embedded_stripe = embedded_stripe
        self._checks = checks
        self._closers = closers
        self._chores: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()
        self._running: tuple[ServiceName, ...] = ()

    async def start(self, services: tuple[ServiceName, ...] = SERVICES) -> None:
        """Listen, finish what an earlier process left half done, and go on doing so now and then."""
        self._running = services
        for name in services:
            service: Listens = getattr(self, name)
            await start_listeners(service, self.buses[name])
        for name in services:
            chore = self.expiration.tick if name == "expiration" else getattr(self, name).recover
            seconds = TICK_SECONDS if name == "expiration" else RECOVER_SECONDS
            self._chores.append(asyncio.create_task(self._every(seconds, name, chore)))

    async def ready(self) -> Backlog:
        """What the services that run here have not published yet; ConnectionError names the first engine away."""
        asked = (_answers(engine, check) for engine, check in self._checks)
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            if answer is not None:
                raise answer
        try:
            waiting = [await getattr(self, name).backlog() for name in self._running if name != "expiration"]
        except Exception as error:
            raise _away("MongoDB", error) from error
        return Backlog(sum(each.rows for each in waiting), max((each.oldest_seconds for each in waiting), default=0.0))

    async def close(self) -> None:
        """Take no more events, finish those in hand, and let go of every engine."""
        self._closing.set()
        await asyncio.gather(*self._chores)
        await asyncio.gather(*(bus.drain() for bus in self.buses.values()))
        for close in reversed(self._closers):
            await close()

    async def _every(self, seconds: float, name: str, chore: Callable[[], Awaitable[object]]) -> None:
        while not self._closing.is_set():
            try:
                await chore()
            except Exception as error:
                log.warning("%s could not finish its chores and tries again in %s s: %s", name, seconds, error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)


async def connect_shop(
    settings: Settings,
    *,
    payments: type[PaymentsService] = PaymentsService,
    name: str = "shop",
    services: tuple[ServiceName, ...] = SERVICES,
) -> ConnectedShop:
    """Connect to every engine that ``settings`` name and one of ``services`` needs.

    Only expiration needs Redis for its jobs. EngineUnavailable or BusError says which engine does not answer.
    """
    clock, ids = SystemClock(), RandomIds()
    checks: Checks = []
    closers: list[Callable[[], Awaitable[Any]]] = []
    orders_database = await _database(settings, "orders", checks, closers)
    payments_database = await _database(settings, "payments", checks, closers)
    jobs = await _jobs(settings.redis_url if "expiration" in services else None, checks, closers)
    bus_url = settings.bus_url or f"fakeredis://{ids.new(name)}"
    buses: dict[ServiceName, RemoteBus] = {
        service: await connect_bus(bus_url, name=f"{name}-{service}", subjects=SUBJECTS) for service in SERVICES
    }
    checks += [(f"the bus of {service}", buses[service].ping) for service in services]
    closers += [bus.close for bus in buses.values()]
    await payments_database["payments"].create_index("orderId", unique=True)
    await payments_database["payments"].create_index("status")
    await payments_database["payments"].create_index("stripeId")
    await orders_database["orders"].create_index("outbox._id")
    embedded_stripe = _embedded_stripe(settings)
    payments_service = payments(
        PaymentsPorts(
            orders=payments_database["orders"],
            payments=payments_database["payments"],
            outbox=payments_database["outbox"],
            stripe=embedded_stripe.client() if embedded_stripe else stripe_client(settings),
            bus=buses["payments"],
            clock=clock,
            ids=ids,
            together=await _together(settings, payments_database),
        )
    )
    return ConnectedShop(
        OrdersService(OrdersPorts(orders=orders_database["orders"], bus=buses["orders"], clock=clock, ids=ids)),
        payments_service,
        ExpirationService(ExpirationPorts(jobs=jobs, bus=buses["expiration"], clock=clock)),
        buses,
        checks,
        closers,
        StripeInbox(payments_service, payments_database["inbox"], clock),
        embedded_stripe,
    )


def stripe_client(settings: Settings) -> stripe.StripeClient:
    """Stripe's test mode, a local Stripe at ``stripe_url``, or one in this process."""
    embedded = _embedded_stripe(settings)
    if embedded is not None:
        return embedded.client()
    import stripe

    key = settings.stripe_key.get_secret_value() if settings.stripe_key else "sk_test_local"
    where: Any = {"api": settings.stripe_url} if settings.stripe_url else {}
    return stripe.StripeClient(key, base_addresses=where, max_network_retries=2, http_client=stripe.HTTPXClient())


def _embedded_stripe(settings: Settings) -> LocalStripe | None:
    if settings.stripe_key is not None or settings.stripe_url is not None:
        return None
    from payments_lab.local_stripe import LocalStripe

    return LocalStripe(SystemClock())


async def _answers(engine: str, check: Callable[[], Awaitable[Any]]) -> None:
    try:
        await asyncio.wait_for(check(), PATIENCE)
    except Exception as error:
        raise _away(engine, error) from error


def _away(engine: str, error: Exception) -> EngineUnavailable:
    return EngineUnavailable(f"{engine} does not answer: {type(error).__name__}")


async def _database(settings: Settings, name: str, checks: Checks, closers: list[Any]) -> Any:
    if settings.mongo_url is None:
        return EmbeddedDatabase(name)
    database = await connect_mongo(settings.mongo_url, name)
    checks.append(("MongoDB", lambda: database.command("ping")))
    closers.append(database.client.close)
    return database


async def _together(settings: Settings, database: Any) -> Together:
    if settings.mongo_url is None or not settings.mongo_transactions:
        return one_after_the_other
    return await together_on(database.client)


async def _jobs(url: str | None, checks: Checks, closers: list[Any]) -> Any:
    if url is None:
        return EmbeddedRedis()
    redis: Any = await connect_redis(url)
    checks.append(("Redis", redis.ping))
    closers.append(redis.aclose)
    return redis
