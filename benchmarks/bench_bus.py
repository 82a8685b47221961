"""The buses: the simulator beside other ways to hand messages over in one process, the adapters beside their clients.

Every peer does the same hand-overs, and keeps the same records where it can: SimPy's processes and the bare loop write
down publication, delivery and acknowledgement as the simulator's log does. All handlers are coroutines.
"""

from __future__ import annotations

import asyncio
import heapq
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, interleaved
from payments_lab.bus import Delivery, SimulatedBus
from payments_lab.bus.connect import connect
from payments_lab.ports import LabClock
from tests.servers import Server, nats_server, redis_server

SUBJECT = "order:created"
DATA = b"ord_1 version 0 created ada 2000 usd"
BATCH = 100
UNIT = "messages/s"


def rows() -> list[Row]:
    return [*_in_process(), *_over_redis(), *_over_jetstream()]


# in one process


def _in_process() -> list[Row]:
    return [
        _row("simulator, one queue group", _simulator(30_000), "SimPy Store", _simpy(30_000), 30_000, "at least 3x"),
        _row("simulator, three queue groups", _simulator(30_000, 3), "SimPy Stores", _simpy(30_000, 3), 30_000, "3x"),
        _row("simulator", _simulator(30_000), "bare heapq loop", _heap(30_000), 30_000, "at least 0.33x"),
        _versus("simulator", _simulator, 30_000, "FastStream TestNatsBroker", _faststream, 1_000, "at least 80x"),
        _versus("simulator", _simulator, 30_000, "fakeredis Streams, asyncio", _fakeredis, 1_000, "at least 100x"),
    ]


def _simulator(deliveries: int, groups: int = 1) -> Callable[[], object]:
    """Publish, deliver, acknowledge, and keep the log; deliveries in all."""

    async def work() -> None:
        bus = SimulatedBus(LabClock(), subjects=(SUBJECT,))
        for group in range(groups):
            await bus.client("listener").subscribe(SUBJECT, _acknowledge, queue=f"group-{group}")
        publish = bus.client("orders").publish
        for _ in range(deliveries // groups // BATCH):
            for _ in range(BATCH):
                await publish(SUBJECT, DATA)
            await bus.settle()

    return lambda: asyncio.run(work())


async def _acknowledge(delivery: Delivery) -> None:
    await delivery.ack()


def _simpy(deliveries: int, groups: int = 1) -> Callable[[], object]:
    import simpy

    messages = deliveries // groups

    def work() -> None:
        environment = simpy.Environment()
        stores = [simpy.Store(environment, BATCH) for _ in range(groups)]
        log: list[tuple[object, ...]] = []

        def publisher() -> Any:
            for number in range(messages):
                log.append(("published", environment.now, "orders", number))
                for store in stores:
                    yield store.put((number, DATA))

        def listener(name: str, store: simpy.Store) -> Any:
            for _ in range(messages):
                number, _ = yield store.get()
                log.append(("delivered", environment.now, name, number))
                log.append(("acked", environment.now, name, number))

        environment.process(publisher())
        for group, store in enumerate(stores):
            environment.process(listener(f"group-{group}", store))
        environment.run()

    return work


def _heap(deliveries: int) -> Callable[[], object]:
    async def work() -> None:
        heap: list[tuple[float, int, bytes]] = []
        log: list[tuple[object, ...]] = []

        async def handler(number: int, data: bytes) -> None:
            log.append(("acked", 0.0, number))

        for start in range(0, deliveries, BATCH):
            for number in range(start, start + BATCH):
                heapq.heappush(heap, (0.0, number, DATA))
                log.append(("published", 0.0, number))
            while heap:
                at, number, data = heapq.heappop(heap)
                log.append(("delivered", at, number))
                await handler(number, data)

    return lambda: asyncio.run(work())


def _faststream(deliveries: int) -> Callable[[], object]:
    from faststream.nats import NatsBroker, TestNatsBroker

    broker = NatsBroker(logger=None)
    heard: list[bytes] = []

    @broker.subscriber(SUBJECT, queue="payments-service")
    async def _(data: bytes) -> None:
        heard.append(data)

    async def work() -> None:
        async with TestNatsBroker(broker):
            for _ in range(deliveries):
                await broker.publish(DATA, SUBJECT)

    return lambda: asyncio.run(work())


def _fakeredis(deliveries: int) -> Callable[[], object]:
    """The asynchronous client, which a shop written with coroutines would use."""
    import fakeredis
    from fakeredis.aioredis import FakeRedis

    async def work() -> None:
        redis = FakeRedis(server=fakeredis.FakeServer())
        await redis.xgroup_create(SUBJECT, "payments-service", id="0", mkstream=True)
        for _ in range(deliveries // BATCH):
            for _ in range(BATCH):
                await redis.xadd(SUBJECT, {"d": DATA})
            ((_, entries),) = await redis.xreadgroup("payments-service", "one", {SUBJECT: ">"}, count=BATCH)
            for entry, _ in entries:
                await redis.xack(SUBJECT, "payments-service", entry)

    return lambda: asyncio.run(work())


# over a server


MESSAGES = 1_500
PUBLISHED = "order:cancelled"


def _over_redis() -> list[Row]:
    from redis.asyncio import Redis

    with _server(redis_server) as (url, runner):
        bare = Redis.from_url(url, protocol=2)

        async def publish() -> None:
            for _ in range(MESSAGES):
                await bare.xadd("published", {"d": DATA, "s": "orders"})

        async def prepare() -> None:
            for _ in range(MESSAGES):
                await bare.xadd("bare", {"d": DATA, "s": "orders"})

        async def consume(group: str) -> None:
            await bare.xgroup_create("bare", group, id="0")
            heard = 0
            while heard < MESSAGES:
                for _, entries in await bare.xreadgroup(group, "one", {"bare": ">"}, count=64, block=1000):
                    for entry, _ in entries:
                        await bare.xack("bare", group, entry)
                        heard += 1

        rows = _beside_client(runner, url, "Redis Streams", "redis-py", prepare, publish, consume)
        runner.run(bare.aclose())
    return rows


def _over_jetstream() -> list[Row]:
    import nats

    with _server(nats_server) as (url, runner):
        client = runner.run(nats.connect(url))
        bare = client.jetstream()
        headers = {"Sender": "orders"}

        async def publish() -> None:
            for _ in range(MESSAGES):
                await bare.publish("published", DATA, headers=headers)

        async def prepare() -> None:
            await bare.add_stream(name="published", subjects=["published"])
            await bare.add_stream(name="bare", subjects=["bare"])
            for _ in range(MESSAGES):
                await bare.publish("bare", DATA, headers=headers)

        async def consume(group: str) -> None:
            subscription = await bare.pull_subscribe("bare", durable=group, stream="bare")
            heard = 0
            while heard < MESSAGES:
                for message in await subscription.fetch(64):
                    await message.ack()
                    heard += 1

        rows = _beside_client(runner, url, "JetStream", "nats-py", prepare, publish, consume)
        runner.run(client.close())
    return rows


def _beside_client(
    runner: asyncio.Runner,
    url: str,
    name: str,
    client: str,
    bare_prepare: Callable[[], Coroutine[Any, Any, None]],
    bare_publish: Callable[[], Coroutine[Any, Any, None]],
    bare_consume: Callable[[str], Coroutine[Any, Any, None]],
) -> list[Row]:
    """Publishing, each message confirmed; and a new group that consumes what is kept, with an ack for each."""
    run = runner.run
    bus: Any = run(connect(url, name="orders", subjects=(SUBJECT, PUBLISHED)))
    groups = (f"group-{number}" for number in count())

    async def publish(subject: str) -> None:
        for _ in range(MESSAGES):
            await bus.publish(subject, DATA)

    async def consume(group: str) -> None:
        heard = 0
        done = asyncio.Event()

        async def handler(delivery: Delivery) -> None:
            nonlocal heard
            await delivery.ack()
            heard += 1
            if heard == MESSAGES:
                done.set()

        await bus.subscribe(SUBJECT, handler, queue=group)
        await done.wait()

    run(bare_prepare())
    run(publish(SUBJECT))
    goal = "at least 0.8x"
    rows = [
        _row(f"{name}, publish", lambda: run(publish(PUBLISHED)), client, lambda: run(bare_publish()), MESSAGES, goal),
        _row(
            f"{name}, consume and ack",
            lambda: run(consume(next(groups))),
            client,
            lambda: run(bare_consume(next(groups))),
            MESSAGES,
            goal,
        ),
    ]
    run(bus.close())
    return rows


@contextmanager
def _server(start: Callable[[Path], AbstractContextManager[Server]]) -> Iterator[tuple[str, asyncio.Runner]]:
    """A server's URL, and one event loop for all that talks to it."""
    with tempfile.TemporaryDirectory() as folder, start(Path(folder)) as server, asyncio.Runner() as runner:
        yield server.url, runner


def _row(
    name: str, ours: Callable[[], object], peer_name: str, peer: Callable[[], object], messages: int, goal: str
) -> Row:
    return _versus(name, lambda _: ours, messages, peer_name, lambda _: peer, messages, goal)


def _versus(
    name: str,
    ours: Callable[[int], Callable[[], object]],
    our_messages: int,
    peer_name: str,
    peer: Callable[[int], Callable[[], object]],
    peer_messages: int,
    goal: str,
) -> Row:
    """A row where a slow peer gets less to do."""
    mine, other = interleaved(ours(our_messages), peer(peer_messages))
    return Row(
        name=name, ours=our_messages / mine, peer=peer_messages / other, unit=UNIT, peer_name=peer_name, goal=goal
    )
