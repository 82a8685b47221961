"""Payments over HTTP beside a bare FastAPI route that makes the same raw engine calls, on embedded and on real engines.

The peer has no sessions, no checks, no events to hear, no log: what it lacks is what the shop costs.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, seconds
from benchmarks.payment_server import KEY, USER
from payments_lab.ports import SystemClock
from payments_lab.web.sessions import COOKIE, Sessions
from tests.servers import HOST, free_port, nats_server, program, running

CONNECTIONS = 8
# mongomock finds by scanning, so few documents: with many, both would only be seen to scan.
PAYMENTS = 60
ROUNDS = 9
WARM_UP = 40
GOAL = "at least 0.7x"


def rows() -> list[Row]:
    return [*_embedded(), *_real()]


def _embedded() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return _beside(Path(folder), "embedded engines", {}, {})


def _real() -> list[Row]:
    """Each of the two has engines of its own, since both must fill them alike."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ours, bare = (stack.enter_context(real_engines(Path(folder) / name)) for name in ("ours", "bare"))
        return _beside(Path(folder), "JetStream, SecantusDB, Stripe over HTTP", ours, bare)


def _beside(folder: Path, where: str, our_engines: dict[str, str], bare_engines: dict[str, str]) -> list[Row]:
    count = WARM_UP + ROUNDS * PAYMENTS
    with (
        payment_server("ours", folder, count, our_engines) as ours,
        payment_server("bare", folder, count, bare_engines) as bare,
    ):
        buyers = Buyers(ours), Buyers(bare)
        for each in buyers:
            each.buy(WARM_UP)
            each.latencies.clear()
        times = [[seconds(lambda each=each: each.buy(PAYMENTS)) for each in buyers] for _ in range(ROUNDS)]
    rates = [PAYMENTS / statistics.median(column) for column in zip(*times, strict=True)]
    peer = "bare FastAPI route, same engine calls"
    rows = [Row(f"payments over HTTP, {where}", *rates, unit="payments/s", peer_name=peer, goal=GOAL)]
    for percent in (50, 99):
        took = [statistics.quantiles(each.latencies, n=100)[percent - 1] * 1000 for each in buyers]
        rows.append(Row(f"… p{percent} of {CONNECTIONS} at a time", *took, unit="ms", peer_name=peer, better="lower"))
    return rows


class Buyers:
    """Clients of one server, each on a connection of its own; every payment is for the next order."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookie = f"{COOKIE}={Sessions(SystemClock(), KEY).issue(USER)}"
        self._bought = 0
        self.latencies: list[float] = []

    def buy(self, count: int) -> None:
        """Pay for the next ``count`` orders; RuntimeError for any answer but 201."""
        numbers = iter(range(self._bought, self._bought + count))
        self._bought += count
        asyncio.run(self._all(numbers))

    async def _all(self, numbers: Iterator[int]) -> None:
        await asyncio.gather(*(self._one_after_the_other(numbers) for _ in range(CONNECTIONS)))

    async def _one_after_the_other(self, numbers: Iterator[int]) -> None:
        reader, writer = await asyncio.open_connection(HOST, self._port)
        clock = asyncio.get_running_loop().time
        for number in numbers:
            begun = clock()
            writer.write(self._request(number))
            await _created(reader)
            self.latencies.append(clock() - begun)
        writer.close()

    def _request(self, number: int) -> bytes:
        body = json.dumps({"orderId": f"ord_{number}", "token": "tok_visa"})
        return (
            f"POST /api/payments HTTP/1.1\r\nHost: {HOST}\r\nCookie: {self._cookie}\r\nIdempotency-Key: k{number}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


async def _created(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, _, rest = head.partition(b"content-length:")
    body = await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    if not head.startswith(b"http/1.1 201"):
        raise RuntimeError(f"{head.decode()}{body.decode()}")


@contextmanager
def payment_server(which: str, folder: Path, count: int, engines: dict[str, str]) -> Iterator[int]:
    """``benchmarks.payment_server`` while it runs: its port."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.payment_server", which, str(port), str(count), json.dumps(engines)]
    with running(command, port, folder / f"{which}.log"):
        yield port


@contextmanager
def real_engines(folder: Path) -> Iterator[dict[str, Any]]:
    """Settings for a JetStream, a server that speaks MongoDB's protocol, and a local Stripe over HTTP."""
    folder.mkdir()
    mongo, stripe = free_port(), free_port()
    with (
        nats_server(folder) as bus,
        running(
            [program("secantusd-py"), "--port", str(mongo), "--storage-path", str(folder / "mongo")],
            mongo,
            folder / "mongo.log",
        ),
        running([program("payments-lab"), "stripe", "--port", str(stripe)], stripe, folder / "stripe.log"),
    ):
        yield {
            "bus_url": bus.url,
            "mongo_url": f"mongodb://{HOST}:{mongo}/?directConnection=true",
            "stripe_url": f"http://{HOST}:{stripe}",
        }
