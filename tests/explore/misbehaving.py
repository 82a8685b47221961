"""Services that do what nobody can explore, each in one way."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import anyio
import stripe

from tests.explore.services import Naive


class BlocksTheThread(Naive):
    async def before_the_charge(self) -> None:
        time.sleep(1000)  # noqa: ASYNC251 - what the test is about


class WaitsForAnotherThread(Naive):
    async def before_the_charge(self) -> None:
        threading.Event().wait()


class CallsStripeWithoutAnAwait(Naive):
    async def before_the_charge(self) -> None:
        self.stripe.v1.charges.list({"limit": 1})


MEASURED: list[str] = []
_TOOL = """
def measure():
    MEASURED.append("begun")
    end = process_time() + 0.2
    while process_time() < end: pass
    MEASURED.append("done")
"""
_NAMES: dict[str, Any] = {"MEASURED": MEASURED, "process_time": time.process_time}
exec(compile(_TOOL, os.sep.join(["", "lib", "coverage", "collector.py"]), "exec"), _NAMES)


class SpinsWhileItIsMeasured(Naive):
    async def before_the_charge(self) -> None:
        while True:
            _NAMES["measure"]()
            for _ in range(5_000_000):
                pass


class ForgetsAnAwait(Naive):
    async def before_the_charge(self) -> None:
        self.payments.insert_one({"orderId": "ord_1"})


class FailsBeforeItAwaits(Naive):
    """Not forgotten: an error comes between."""

    async def before_the_charge(self) -> None:
        with suppress(KeyError):
            await self.look()
        raise LookupError("nobody has paid yet")

    async def look(self) -> None:
        first, second = self.payments.find_one({}), self.orders.find_one({})
        await first
        if await self.payments.count_documents({}) == 0:
            raise KeyError("no payments")
        await second


class UsesAPool(Naive):
    async def before_the_charge(self) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(int).result()


class StartsAProcess(Naive):
    async def before_the_charge(self) -> None:
        subprocess.run([sys.executable, "-c", ""], check=True)  # noqa: ASYNC221 - what the test is about


class CallsTheNetwork(Naive):
    async def before_the_charge(self) -> None:
        urllib.request.urlopen("http://127.0.0.1:9/")  # noqa: ASYNC210 - what the test is about


class ChargesByTheLibrarysOwnClient(Naive):
    async def before_the_charge(self) -> None:
        await stripe.Charge.list_async(limit=1, api_key="sk_test_of_nobody")


class CatchesWhatItIsRefused(Naive):
    async def before_the_charge(self) -> None:
        with suppress(BaseException):
            asyncio.get_running_loop().time()


class WantsToBeCalledLater(Naive):
    async def before_the_charge(self) -> None:
        asyncio.get_running_loop().call_later(1, [].append, "late")


class TakesATimeoutOfAnotherFramework(Naive):
    async def before_the_charge(self) -> None:
        with anyio.move_on_after(1):
            await self.payments.find_one({})


class CancelsByAnotherFramework(Naive):
    async def before_the_charge(self) -> None:
        async with anyio.create_task_group() as group:
            group.cancel_scope.cancel()


class GoesToAnExecutor(Naive):
    async def before_the_charge(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, int)


class SharesALock(Naive):
    lock = asyncio.Lock()

    async def create_charge(self, **asked: Any) -> Any:
        async with self.lock:
            return await super().create_charge(**asked)


class Exits(Naive):
    async def before_the_charge(self) -> None:
        sys.exit("done for today")


class PressesCtrlC(Naive):
    async def before_the_charge(self) -> None:
        raise KeyboardInterrupt


class Cancels(Naive):
    async def before_the_charge(self) -> None:
        raise asyncio.CancelledError


class SpinsAndCatchesEverything(Naive):
    async def before_the_charge(self) -> None:
        while True:
            try:  # noqa: SIM105 - what the test is about
                sum(range(10))
            except:  # noqa: E722
                pass


class ForgetsToAwait(Naive):
    async def create_charge(self, **asked: Any) -> Any:
        order: Any = self.orders.find_one({"_id": asked["order_id"]})
        try:
            return order["price"]
        finally:
            order.close()


class IsNotAsync(Naive):
    def create_charge(self, **asked: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return asked


class AsksForSomethingElse(Naive):
    async def create_charge(self, order: str) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return order


class CannotStart(Naive):
    def __init__(self, ports: Any) -> None:
        super().__init__(ports)
        raise RuntimeError("no settings")
