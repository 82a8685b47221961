"""A shop on the engines that the settings name; what they do not name is embedded in this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from payments_lab.bus.connect import connect as connect_bus
from payments_lab.bus.protocol import Bus
from payments_lab.ports import RandomIds, SystemClock
from payments_lab.settings import Settings
from payments_lab.shop.events import SUBJECTS
from payments_lab.shop.expiration import ExpirationPorts, ExpirationService
from payments_lab.shop.listeners import Listens, start_listeners
from payments_lab.shop.orders import OrdersPorts, OrdersService
from payments_lab.shop.payments import PaymentsPorts, PaymentsService
from payments_lab.stores.connect import EngineUnavailable, connect_mongo, connect_redis
from payments_lab.stores.embedded import EmbeddedDatabase
from payments_lab.stores.jobs import EmbeddedRedis

if TYPE_CHECKING:
    import stripe

log = logging.getLogger("payments_lab")

ServiceName = Literal["orders", "payments", "expiration"]
SERVICES: tuple[ServiceName, ...] = ("orders", "payments", "expiration")

TICK_SECONDS = 0.5
RECOVER_SECONDS = 3.0


class ConnectedShop:
    """The services of a shop that this process runs, on engines that other processes share.

    ``orders``, ``payments`` and ``expiration`` are there whether or not this process listens for them;
    :meth:`start` makes it listen for those that it was told to run.
    """

    def __init__(
        self,
        orders: OrdersService,
        payments: PaymentsService,
        expiration: ExpirationService,
        buses: dict[ServiceName, Bus],
        checks: list[Callable[[], Awaitable[Any]]],
        closers: list[Callable[[], Awaitable[Any]]],
    ) -> None:
        self.orders = orders
        self.payments = payments
        self.expiration = expiration
        self.buses = buses
        self._checks = checks
        self._closers = closers
        self._chores: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()

    async def start(self, services: tuple[ServiceName, ...] = SERVICES) -> None:
        """Listen, finish what an earlier process left half done, and go on doing so now and then."""
        for name in services:
            service: Listens = getattr(self, name)
            await start_listeners(service, self.buses[name])
        for name in services:
            chore = self.expiration.tick if name == "expiration" else getattr(self, name).recover
            seconds = TICK_SECONDS if name == "expiration" else RECOVER_SECONDS
            self._chores.append(asyncio.create_task(self._every(seconds, name, chore)))

    async def ready(self) -> None:
        """ConnectionError names the first engine that does not answer."""
        for check in self._checks:
            try:
                await check()
            except Exception as error:
                raise EngineUnavailable(f"an engine does not answer: {type(error).__name__}") from error

    async def close(self) -> None:
        """Take no more events, finish those in hand, and let go of every engine."""
        self._closing.set()
        await asyncio.gather(*self._chores)
        for bus in self.buses.values():
            await bus.drain()
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
    settings: Settings, *, payments: type[PaymentsService] = PaymentsService, name: str = "shop"
) -> ConnectedShop:
    """Connect to every engine that ``settings`` name; EngineUnavailable or BusError says which one does not answer."""
    clock, ids = SystemClock(), RandomIds()
    checks: list[Callable[[], Awaitable[Any]]] = []
    closers: list[Callable[[], Awaitable[Any]]] = []
    orders_database = await _database(settings, "orders", checks, closers)
    payments_database = await _database(settings, "payments", checks, closers)
    jobs = await _jobs(settings, checks, closers)
    bus_url = settings.bus_url or f"fakeredis://{ids.new(name)}"
    buses: dict[ServiceName, Bus] = {
        service: await connect_bus(bus_url, name=f"{name}-{service}", subjects=SUBJECTS) for service in SERVICES
    }
    await payments_database["payments"].create_index("orderId", unique=True)
    await payments_database["payments"].create_index("status")
    await orders_database["orders"].create_index("outbox._id")
    return ConnectedShop(
        OrdersService(OrdersPorts(orders=orders_database["orders"], bus=buses["orders"], clock=clock, ids=ids)),
        payments(
            PaymentsPorts(
                orders=payments_database["orders"],
                payments=payments_database["payments"],
                outbox=payments_database["outbox"],
                stripe=stripe_client(settings),
                bus=buses["payments"],
                clock=clock,
                ids=ids,
            )
        ),
        ExpirationService(ExpirationPorts(jobs=jobs, bus=buses["expiration"], clock=clock)),
        buses,
        checks,
        closers,
    )


def stripe_client(settings: Settings) -> stripe.StripeClient:
    """Stripe's test mode, a local Stripe at ``stripe_url``, or one in this process."""
    if settings.stripe_key is None and settings.stripe_url is None:
        from payments_lab.local_stripe import LocalStripe

        return LocalStripe(SystemClock()).client()
    import stripe

    key = settings.stripe_key.get_secret_value() if settings.stripe_key else "sk_test_local"
    where: Any = {"api": settings.stripe_url} if settings.stripe_url else {}
    return stripe.StripeClient(key, base_addresses=where, max_network_retries=2, http_client=stripe.HTTPXClient())


async def _database(settings: Settings, name: str, checks: list[Any], closers: list[Any]) -> Any:
    if settings.mongo_url is None:
        return EmbeddedDatabase(name)
    database = await connect_mongo(settings.mongo_url, name)
    checks.append(lambda: database.command("ping"))
    closers.append(database.client.close)
    return database


async def _jobs(settings: Settings, checks: list[Any], closers: list[Any]) -> Any:
    if settings.redis_url is None:
        return EmbeddedRedis()
    redis: Any = await connect_redis(settings.redis_url)
    checks.append(redis.ping)
    closers.append(redis.aclose)
    return redis
