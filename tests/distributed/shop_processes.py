"""A shop as processes on this machine: services that may be killed and come back, and clients that do not give up."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import httpx

from payments_lab.ports import SystemClock
from payments_lab.web.sessions import COOKIE, Sessions
from tests.servers import HOST, ended, free_port, listens, program, started

KEY = "a key that signs the sessions of these tests"
PATIENCE = 120.0
PAUSE = 0.05


class ServiceProcess:
    """One copy of a service, on a port of its own."""

    def __init__(self, service: str, engines: Sequence[str], folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.kills = 0
        options = ["--service", service, "--port", str(self.port), *engines]
        self._command = [program("payments-lab"), "serve", *options]
        self._log = folder / f"{service}-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as sink:
            self._process = started(self._command, sink, {**os.environ, "JWT_KEY": KEY})

    def kill(self) -> None:
        """SIGKILL: no time to tidy up."""
        assert self._process is not None
        self._process.kill()
        ended(self._process)
        self.kills += 1

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            ended(self._process)

    def revive(self) -> None:
        """What a supervisor does: a copy that gave up, because its broker was away, is started again."""
        assert self._process is not None
        if self._process.poll() is not None:
            ended(self._process)
            self.start()

    async def listening(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not listens(self.port):
            self.revive()
            assert time.monotonic() < deadline, self._log.read_text()[-2000:]
            await asyncio.sleep(PAUSE)


class Client:
    """A buyer with patience: asks again, of any copy, with the same idempotency key, until there is an answer."""

    def __init__(self, orders: ServiceProcess, payments: Sequence[ServiceProcess], seed: int) -> None:
        self._orders = orders
        self._payments = payments
        self._random = Random(seed)
        cookie = {COOKIE: Sessions(SystemClock(), KEY).issue("ada")}
        self._http = httpx.AsyncClient(cookies=cookie, timeout=20.0, limits=httpx.Limits(max_connections=64))
        self.repeats = 0

    async def buy(self, number: int) -> str:
        """Order a ticket and pay for it; the order's id."""
        order = (await self._order(1000 + number)).json()
        await self._pay(order["id"])
        return order["id"]

    async def close(self) -> None:
        await self._http.aclose()

    async def _order(self, price: int) -> httpx.Response:
        while True:
            try:
                reply = await self._http.post(f"{self._orders.url}/api/orders", json={"price": price})
            except httpx.TransportError:
                self.repeats += 1
            else:
                if reply.status_code == 201:
                    return reply
            await asyncio.sleep(PAUSE)

    async def _pay(self, order_id: str) -> None:
        deadline = time.monotonic() + PATIENCE * 2
        body = {"orderId": order_id, "token": "tok_visa"}
        while True:
            copy = self._random.choice(self._payments)
            try:
                reply = await self._http.post(
                    f"{copy.url}/api/payments", json=body, headers={"Idempotency-Key": f"click-{order_id}"}
                )
            except httpx.TransportError:
                self.repeats += 1
            else:
                if reply.status_code == 201:
                    return
                assert reply.status_code in (404, 409, 500, 503), reply.text
                self.repeats += reply.status_code != 404
            assert time.monotonic() < deadline, f"no answer for {order_id}"
            await asyncio.sleep(PAUSE)
