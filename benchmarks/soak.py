"""Does the payments service keep anything of the payments that it took? Its memory over 100,000 of them.

The service is a process of its own, as it is deployed: HTTP, sessions, logs, Stripe over HTTP, events to a real Redis.
Only its documents are embedded, and what is paid is thrown away there, so that what grows is not the data. Not part of
``make bench``, since it takes minutes: ``python -m benchmarks.soak --payments 100000``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import httpx
import psutil

from benchmarks.bench_web import Buyers, payment_server
from tests.servers import HOST, free_port, program, redis_server, running

WINDOW = 500
STEP = 100
MEASURED_EVERY = 5_000
WARM_UP = 0.2
MEGABYTE = 1024 * 1024
ALLOWED = 5.0
"""Megabytes that the service may grow after the first fifth of the payments: caches that fill, and no leak.

100,000 payments that left 100 bytes each would be 8 MB.
"""


def measure(payments: int) -> list[tuple[int, float]]:
    """Payments so far, and the megabytes that the service then held."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        redis = stack.enter_context(redis_server(folder))
        port = free_port()
        command = [program("payments-lab"), "stripe", "--port", str(port)]
        stack.enter_context(running(command, port, folder / "stripe.log"))
        engines = {"bus_url": redis.url, "stripe_url": f"http://{HOST}:{port}"}
        server = stack.enter_context(payment_server("forgetful", folder, WINDOW, engines))
        service = psutil.Process(_listener(server))
        buyers, stripe = Buyers(server), httpx.Client(base_url=engines["stripe_url"])
        found: list[tuple[int, float]] = []
        begun = perf_counter()
        for bought in range(STEP, payments + STEP, STEP):
            buyers.buy(STEP)
            buyers.latencies.clear()
            if bought % MEASURED_EVERY == 0:
                stripe.post("/_local/reset").raise_for_status()
                found.append((bought, service.memory_info().rss / MEGABYTE))
                rate = bought / (perf_counter() - begun)
                print(f"{bought:>7,} payments  {found[-1][1]:6.1f} MB  {rate:,.0f} payments/s", flush=True)
        return found


def _listener(port: int) -> int:
    """The child of ours that listens there."""
    for child in psutil.Process().children():
        if any(each.laddr and each.laddr.port == port for each in child.net_connections()):
            return child.pid
    raise RuntimeError(f"nobody listens on {port}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--payments", type=int, default=100_000)
    payments = parser.parse_args().payments
    found = measure(payments)
    settled = [megabytes for bought, megabytes in found if bought >= payments * WARM_UP]
    growth = settled[-1] - settled[0]
    print(f"grew by {growth:.1f} MB after the first {payments * WARM_UP:,.0f}; {ALLOWED:g} MB are allowed")
    return 0 if growth <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
