"""Several processes share a queue group on a real server, and processes and servers are killed while they work."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from payments_lab.bus import Bus
from payments_lab.bus.connect import connect
from tests.contracts.bus.worlds import SUBJECTS, RemoteWorld, names
from tests.servers import Server, nats_server, redis_server

pytestmark = pytest.mark.anyio

CREATED = "order:created"
MESSAGES = 600


@pytest.fixture(params=["valkey", "jetstream"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server of its own, which keeps what it has acknowledged."""
    start = nats_server(tmp_path) if request.param == "jetstream" else redis_server(tmp_path, appendonly=True)
    with start as running:
        yield running


class Workers:
    """Processes that are members of one queue group."""

    def __init__(self, server: Server, namespace: str, folder: Path) -> None:
        self._command = [sys.executable, "-m", "tests.contracts.bus.worker", server.url, namespace]
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.hired = 0

    def hire(self) -> None:
        """Start one more; returns when it listens."""
        self.hired += 1
        process = subprocess.Popen(
            [*self._command, str(self._folder / f"book_{self.hired}")],
            stdout=subprocess.PIPE,
            stderr=(self._folder / f"worker_{self.hired}.log").open("wb"),
            cwd=Path(__file__).parents[3],
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        self._processes.append(process)

    def kill_one(self) -> None:
        """SIGKILL the one that has served longest."""
        process = self._processes.pop(0)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def heard(self) -> Counter[bytes]:
        """How often each message was written down, by all workers there ever were."""
        return Counter(line for book in self._folder.glob("book_*") for line in book.read_bytes().splitlines())

    def dismiss(self) -> None:
        while self._processes:
            self.kill_one()


@pytest.fixture
def namespace() -> str:
    return f"processes_{next(names)}"


@pytest.fixture
def workers(server: Server, namespace: str, tmp_path: Path) -> Iterator[Workers]:
    crew = Workers(server, namespace, tmp_path)
    yield crew
    crew.dismiss()


@pytest.fixture
async def bus(server: Server, namespace: str) -> AsyncIterator[Bus]:
    made = await connect(server.url, name="orders", subjects=SUBJECTS, namespace=namespace)
    yield made
    await made.close()


async def publish(bus: Bus, start: int, stop: int) -> None:
    for number in range(start, stop):
        await bus.publish(CREATED, b"%d" % number, message_id=f"ord_{number}:0")


async def test_nothing_is_lost_while_members_are_killed(server: Server, bus: Bus, workers: Workers) -> None:
    for _ in range(3):
        workers.hire()

    for batch in range(3):
        publishing = asyncio.create_task(publish(bus, batch * MESSAGES // 3, (batch + 1) * MESSAGES // 3))
        heard = sum(workers.heard().values())
        await RemoteWorld(server.url).until(lambda heard=heard: sum(workers.heard().values()) > heard + 20)
        workers.kill_one()
        await asyncio.to_thread(workers.hire)
        await publishing
    await RemoteWorld(server.url).until(lambda: len(workers.heard()) == MESSAGES)

    assert await bus.dead_letters() == []
    report(workers, "3 members killed")


async def test_nothing_is_lost_while_the_server_is_killed(server: Server, bus: Bus, workers: Workers) -> None:
    for _ in range(2):
        workers.hire()

    for batch in range(2):
        publishing = asyncio.create_task(publish(bus, batch * MESSAGES // 2, (batch + 1) * MESSAGES // 2))
        heard = sum(workers.heard().values())
        await RemoteWorld(server.url).until(lambda heard=heard: sum(workers.heard().values()) > heard + 20)
        await asyncio.to_thread(server.restart)
        await publishing
    await RemoteWorld(server.url).until(lambda: len(workers.heard()) == MESSAGES)

    assert await bus.dead_letters() == []
    report(workers, "the server killed twice")


def report(workers: Workers, what: str) -> None:
    heard = workers.heard()
    print(f"{what}: {len(heard)} messages, each heard; {sum(heard.values()) - len(heard)} heard twice")
