"""Everything that a shop on real engines consists of, as processes that may be killed and come back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from pymongo import AsyncMongoClient

from payments_lab import Settings
from payments_lab.bus.connect import connect
from payments_lab.bus.protocol import ConsumerConfig, Delivery
from payments_lab.connected import SERVICES, ConnectedShop
from payments_lab.shop.events import SUBJECTS
from payments_lab.shop.listeners import Listens
from tests.distributed.shop_processes import ServiceProcess
from tests.servers import HOST, Server, free_port, nats_server, program, redis_server, running

LOST_REPLIES = 0.02
ACK_WAIT = ConsumerConfig(ack_wait=1.0)
LONGEST_ABSENCE = 0.3
COLLECTIONS = {"orders": ["orders"], "payments": ["orders", "payments", "outbox"]}


class Machines:
    """The engines and the services; :meth:`kill` takes any of them down and brings it back."""

    def __init__(self, engines: dict[str, Server], bus: str, stripe_url: str, folder: Path) -> None:
        self.engines = engines
        self.stripe_url = stripe_url
        self.bus_url = engines[bus].url
        self.redis_url = engines["redis"].url
        self.mongo_url = f"{engines['mongo'].url}/?directConnection=true"
        options = self.options
        self.orders = ServiceProcess("orders", options, folder)
        self.payments = [ServiceProcess("payments", options, folder) for _ in range(2)]
        self.expiration = ServiceProcess("expiration", options, folder)
        self.services = {
            "orders": self.orders,
            "payments 1": self.payments[0],
            "payments 2": self.payments[1],
            "expiration": self.expiration,
        }
        self.kills: dict[str, int] = dict.fromkeys((*self.services, *engines), 0)
        self._away: set[str] = set()

    @property
    def options(self) -> list[str]:
        """What ``serve`` and ``reconcile`` take to find the engines."""
        urls = {"bus": self.bus_url, "mongo": self.mongo_url, "redis": self.redis_url, "stripe": self.stripe_url}
        return [word for name, url in urls.items() for word in (f"--{name}", url)]

    @property
    def settings(self) -> Settings:
        return Settings.load(
            env_file=None,
            bus_url=self.bus_url,
            mongo_url=self.mongo_url,
            redis_url=self.redis_url,
            stripe_url=self.stripe_url,
        )

    async def start(self, shop: ConnectedShop) -> None:
        """The services, on consumers that wait less long than usual for an acknowledgement."""
        await _make_collections(self.mongo_url)
        for name in SERVICES:
            await _make_consumers(self.bus_url, getattr(shop, name))
        for service in self.services.values():
            service.start()
        await self.all_listening()

    async def all_listening(self) -> None:
        for service in self.services.values():
            await service.listening()

    async def kill(self, name: str, random: Random) -> None:
        """SIGKILL, and back after a moment."""
        absence = random.uniform(0, LONGEST_ABSENCE)
        self.kills[name] += 1
        self._away.add(name)
        victim = self.services.get(name) or self.engines[name]
        victim.kill()
        await asyncio.sleep(absence)
        await asyncio.to_thread(victim.start)
        self._away.remove(name)

    async def supervise(self) -> None:
        """Start a service again that gave up, because an engine was away when it began."""
        while True:
            await asyncio.sleep(0.1)
            for name, service in self.services.items():
                if name not in self._away:
                    service.revive()

    def stop(self) -> None:
        for service in self.services.values():
            service.stop()


@contextmanager
def machines(bus: str, folder: Path, seed: str) -> Iterator[Machines]:
    """Engines that keep what they have acknowledged through a kill, and services that are not started yet."""
    with ExitStack() as stack:
        engines = {"mongo": stack.enter_context(_mongo(_made(folder / "mongo")))}
        engines["redis"] = stack.enter_context(redis_server(_made(folder / "redis"), appendonly=True))
        if bus == "nats":
            engines["nats"] = stack.enter_context(nats_server(_made(folder / "nats")))
        stripe_url = stack.enter_context(_forgetful_stripe(folder, seed))
        every = Machines(engines, bus, stripe_url, folder)
        stack.callback(every.stop)
        yield every


@contextmanager
def _mongo(folder: Path) -> Iterator[Server]:
    port = free_port()
    command = [program("secantusd-py"), "--port", str(port), "--storage-path", str(folder / "data"), "--sync-on-commit"]
    server = Server("mongodb", command, port, folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def _forgetful_stripe(folder: Path, seed: str) -> Iterator[str]:
    port = free_port()
    script = str(Path(__file__).with_name("forgetful_stripe.py"))
    command = [sys.executable, script, str(port), str(LOST_REPLIES), seed]
    with running(command, port, folder / "stripe.log"):
        yield f"http://{HOST}:{port}"


async def _make_consumers(url: str, service: Listens) -> None:
    bus = await connect(url, name="chaos", subjects=SUBJECTS)
    for event_type in service.hears:
        await bus.subscribe(event_type.subject, _leave_it, queue=service.queue_group, config=ACK_WAIT)
    await bus.close()


async def _make_collections(url: str) -> None:
    """SecantusDB makes files for a collection at its first write, and a kill in that moment leaves half a file."""
    client: AsyncMongoClient[Any] = AsyncMongoClient(url)
    for database, collections in COLLECTIONS.items():
        for collection in collections:
            await client[database].create_collection(collection, check_exists=False)
    await client.admin.command("fsync")
    await client.close()


async def _leave_it(delivery: Delivery) -> None:
    await delivery.nak()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
