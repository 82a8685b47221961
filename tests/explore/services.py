"""Small services for the explorer's tests, each wrong in one way that a test is about."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from payments_lab import NotYet, PaymentsService
from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.shop.errors import AlreadyPaid, OrderIsCancelled, OrderNotFound
from payments_lab.shop.events import OrderCompleted, PaymentCreated
from payments_lab.shop.payments import Payment


class Naive(PaymentsService):
    """Looks, charges, saves, publishes: as a course ends."""

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Any:
        order = await self.orders.find_one({"_id": order_id})
        if order is None:
            raise OrderNotFound("no such order")
        if order["status"] == "cancelled":
            raise OrderIsCancelled("cancelled")
        if await self.payments.find_one({"orderId": order_id}):
            raise AlreadyPaid("paid")
        await self.before_the_charge()
        charge = await self.stripe.v1.charges.create_async(
            {"amount": order["price"], "currency": order["currency"], "source": token}
        )
        payment = {"_id": self.ids.new("pay"), "orderId": order_id, "stripeId": charge.id}
        await self.payments.insert_one(payment)
        event = PaymentCreated(id=payment["_id"], order_id=order_id, stripe_id=charge.id)
        await self.bus.publish(event.subject, event.to_bytes())
        return payment

    async def before_the_charge(self) -> None:
        """Where the others misbehave."""

    async def recover(self) -> int:
        return 0


class ReadsTheClock(Naive):
    async def before_the_charge(self) -> None:
        await self.payments.find_one({"at": time.time() < 0})


class ReadsTheDate(Naive):
    async def before_the_charge(self) -> None:
        await self.payments.find_one({"at": datetime.now().year < 0})  # noqa: DTZ005


class ThrowsDice(Naive):
    async def before_the_charge(self) -> None:
        await self.payments.find_one({"luck": random.random() < 2})


class StartsThreads(Naive):
    async def before_the_charge(self) -> None:
        threading.Thread(target=lambda: None).start()


class NeverEnds(Naive):
    async def before_the_charge(self) -> None:
        while True:
            await self.payments.find_one({"orderId": "ord_1"})


class CountsForEver(Naive):
    async def before_the_charge(self) -> None:
        number = 0
        while True:
            number += 1
            await self.payments.find_one({"number": number})


class Spins(Naive):
    async def before_the_charge(self) -> None:
        while True:
            pass


class Trespasses(Naive):
    foreign: Any = None

    async def before_the_charge(self) -> None:
        await self.foreign.find_one({"_id": "ord_1"})


class LeavesATaskBehind(Naive):
    async def before_the_charge(self) -> None:
        self.look = asyncio.create_task(self.payments.find_one({}))
        del self.look


class SavesWhileItCharges(Naive):
    """To be quick, and because what could go wrong."""

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Any:
        order, paid = await asyncio.gather(
            self.orders.find_one({"_id": order_id}),
            self.payments.find_one({"orderId": order_id}),
            return_exceptions=True,
        )
        for answer in (order, paid):
            if isinstance(answer, BaseException):
                raise answer
        if order is None:
            raise OrderNotFound("no such order")
        if paid is not None:
            raise AlreadyPaid("paid")
        payment = {"_id": self.ids.new("pay"), "orderId": order_id}
        charging = self.stripe.v1.charges.create_async(
            {"amount": order["price"], "currency": order["currency"], "source": token}
        )
        charge, saved = await asyncio.gather(charging, self._save(payment), return_exceptions=True)
        for answer in (charge, saved):
            if isinstance(answer, BaseException):
                raise answer
        return payment

    async def _save(self, payment: dict[str, Any]) -> None:
        await self.payments.insert_one(payment)
        event = PaymentCreated(id=payment["_id"], order_id=payment["orderId"], stripe_id="ch_1")
        await self.bus.publish(event.subject, event.to_bytes())


class TakesALock(Naive):
    def __init__(self, ports: Any) -> None:
        super().__init__(ports)
        self.lock = asyncio.Lock()


class Sleeps(Naive):
    async def before_the_charge(self) -> None:
        await asyncio.sleep(1)


class LooksAgainForSoLong(Naive):
    """Looks again and again until its order is there, but no longer than five seconds."""

    async def before_the_charge(self) -> None:
        try:
            async with asyncio.timeout(5):
                while await self.orders.find_one({"_id": "ord_1", "status": "created"}) is None:  # noqa: ASYNC110
                    await asyncio.sleep(1)
        except TimeoutError:
            raise OrderNotFound("not in time") from None


class RefusesEverybody(Naive):
    async def create_charge(self, **_: Any) -> Any:
        raise AlreadyPaid("no")


class NeverHears(PaymentsService):
    """Waits for ever for something that has happened already."""

    async def on_order_completed(self, event: OrderCompleted) -> None:
        raise NotYet("not today")


class Remembers(Naive):
    """Keeps in its own memory which orders it has charged; a crash wipes that out."""

    def __init__(self, ports: Any) -> None:
        super().__init__(ports)
        self.charged: set[str] = set()

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Any:
        if order_id in self.charged:
            raise AlreadyPaid("paid")
        self.charged.add(order_id)
        return await super().create_charge(
            order_id=order_id, token=token, user_id=user_id, idempotency_key=idempotency_key
        )


class PublishesAfterARestart(NaivePaymentsService):
    """Notes in its memory what is to be published, and leaves it there: only a crash makes its recovery publish it."""

    def __init__(self, ports: Any) -> None:
        super().__init__(ports)
        self.unpublished: list[str] = []

    async def announce(self, payment: Payment) -> None:
        self.unpublished.append(payment.id)

    async def recover(self) -> int:
        for document in await self.payments.find({"_id": {"$nin": self.unpublished}, "published": None}).to_list():
            event = PaymentCreated(id=document["_id"], order_id=document["orderId"], stripe_id=document["stripeId"])
            await self.bus.publish(event.subject, event.to_bytes(), message_id=event.id)
            await self.payments.update_one({"_id": event.id}, {"$set": {"published": True}})
        return 0


class WaitsForAnAnswer(NaivePaymentsService):
    """Asks again and again for what nobody writes."""

    async def announce(self, payment: Payment) -> None:
        while await self.payments.find_one({"_id": payment.id, "agreed": True}) is None:  # noqa: ASYNC110 - it is wrong
            await asyncio.sleep(1)


_request: ContextVar[str | None] = ContextVar("request", default=None)


class KnowsItsRequest(PaymentsService):
    """Keeps the client's key in a context variable, as whoever logs or traces requests does."""

    async def create_charge(self, **asked: Any) -> Any:
        assert _request.get() is None
        _request.set(asked["idempotency_key"])
        payment = await super().create_charge(**asked)
        assert _request.get() == asked["idempotency_key"]
        return payment


class ChargesByTheStatus(PaymentsService):
    """Two tasks of it may stand at the same line, and differ in nothing but a context variable."""

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Any:
        _request.set((await self.orders.find_one({"_id": order_id}) or {}).get("status"))
        await self.payments.find_one({})
        amount = 2000 if _request.get() == "created" else 100
        await self.stripe.v1.charges.create_async({"amount": amount, "currency": "usd", "source": token})


class Logs(Naive):
    async def before_the_charge(self) -> None:
        logging.getLogger("shop").warning("about to charge")


class WritesTwiceAtOnce(Naive):
    """Whoever is answered last has the last word."""

    async def before_the_charge(self) -> None:
        write = self.orders.update_one
        await asyncio.gather(*(write({}, {"$set": {"last": word}}) for word in ("first", "second")))


class RemembersAtOnce(SavesWhileItCharges):
    """It looks at what it remembers while others of its tasks write that down."""

    def __init__(self, ports: Any) -> None:
        super().__init__(ports)
        self.saved: list[str] = []

    async def create_charge(self, **asked: Any) -> Any:
        if asked["order_id"] in self.saved:
            raise AlreadyPaid("paid, as I remember")
        return await super().create_charge(**asked)

    async def _save(self, payment: dict[str, Any]) -> None:
        self.saved.append(payment["orderId"])
        await super()._save(payment)
        self.saved.sort()
