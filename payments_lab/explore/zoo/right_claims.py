"""Right services that make sure in other ways that one order is charged once."""

from __future__ import annotations

import asyncio

from pymongo.errors import DuplicateKeyError

from payments_lab.explore.zoo.bug import correct
from payments_lab.explore.zoo.plain import CHARGING, FAILED, PAID, PlainPaymentsService, failure, refused
from payments_lab.shop.errors import AlreadyPaid, BeingPaid, Definite, Indefinite, OutcomeUnknown
from payments_lab.shop.payments import Payment
from payments_lab.shop.replica import ReplicatedOrder
from payments_lab.shop.status import OrderStatus, PaymentStatus
from payments_lab.stores.documents import Document


class NumbersItsAttempts(PlainPaymentsService):
    """Attempts are counted, and the key is the order with the count; only a declined attempt makes way for the next."""

    async def claim(self, before: Document | None, attempt: Document) -> Document:
        number = before["attempt"]["number"] + 1 if before else 1
        return await super().claim(before, {**attempt, "id": f"{attempt['orderId']}-{number}", "number": number})


class DeletesWhatWasDeclined(PlainPaymentsService):
    """A payment that failed is deleted; the unique index is the lock, and the lock is open when nothing is there."""

    async def claim(self, before: Document | None, attempt: Document) -> Document:
        if before is not None and before["status"] != FAILED:
            raise AlreadyPaid(f"order {attempt['orderId']} is paid already")
        return await super().claim(None, attempt)

    async def write(self, payment: Document, outcome: Document) -> Document:
        if outcome["status"] != FAILED:
            return await super().write(payment, outcome)
        await self.payments.delete_one({"_id": payment["_id"], "attempt.id": payment["attempt"]["id"]})
        return {**payment, **outcome}


class LooksSideBySide(PlainPaymentsService):
    """The order and its payment are looked up side by side: no look stands on the other, and the claim on neither."""

    async def look(self, order_id: str, user_id: str) -> tuple[ReplicatedOrder, Document | None]:
        looks = (self.order_to_pay(order_id, user_id), self.payments.find_one({"orderId": order_id}))
        order, payment = await asyncio.gather(*looks, return_exceptions=True)
        if isinstance(order, BaseException):
            raise order
        if isinstance(payment, BaseException):
            raise payment
        return order, payment


class WaitsSoLongAndNoLonger(PlainPaymentsService):
    """No answer within ten seconds means that nobody knows; the next one who looks asks with the same key."""

    async def charge(self, attempt: Document) -> str:
        try:
            async with asyncio.timeout(10):
                return await super().charge(attempt)
        except TimeoutError:
            raise OutcomeUnknown(f"order {attempt['orderId']} is being paid") from None


class LocksTheCopy(PlainPaymentsService):
    """The copy of the order is the lock: an attempt is written into it while it is open and nobody else's is there."""

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        order = await self.order_to_pay(order_id, user_id)
        held = await self.orders.find_one({"_id": order_id, "attempt.orderId": order_id})
        if held is not None:
            payment = await self.pursue(self.payment_of(held["attempt"]))
            if idempotency_key and payment["attempt"]["clientKey"] == idempotency_key:
                return self.answer(payment)
        self.check_open(order)
        attempt = {**self.attempt(order, token, idempotency_key), "done": False}
        free = {"_id": order_id, "status": OrderStatus.CREATED.value, "attempt": None}
        if await self.orders.find_one_and_update(free, {"$set": {"attempt": attempt}}) is None:
            raise BeingPaid(f"order {order_id} is being paid, or was, or is cancelled")
        return self.answer(await self.pursue(self.payment_of(attempt)))

    async def write(self, payment: Document, outcome: Document) -> Document:
        attempt = payment["attempt"]
        if outcome["status"] == FAILED:
            held = {"_id": attempt["orderId"], "attempt.id": attempt["id"]}
            await self.orders.update_one(held, {"$set": {"attempt": None}})
            return {**payment, **outcome}
        known = {"_id": payment["_id"]}
        first = {**payment, **outcome}
        written = await self.payments.find_one_and_update(
            known, {"$setOnInsert": first}, upsert=True, return_document=True
        )
        return written or first

    async def finish(self, payment: Document) -> Document:
        payment = await super().finish(payment)
        held = {"_id": payment["orderId"], "attempt.id": payment["attempt"]["id"]}
        await self.orders.update_one(held, {"$set": {"attempt.done": True}})
        return payment

    async def recover(self) -> int:
        unknown = 0
        for order in await self.orders.find({"attempt.done": False}).to_list():
            try:
                await self.pursue(self.payment_of(order["attempt"]))
            except Indefinite:
                unknown += 1
        return unknown

    def payment_of(self, attempt: Document) -> Document:
        return {
            "_id": f"pay-{attempt['id']}",
            "orderId": attempt["orderId"],
            "status": PaymentStatus.CHARGING.value,
            "attempt": attempt,
        }


class KeepsAJournal(PlainPaymentsService):
    """What is about to be charged is a row in a journal; a payment is written once there is money, and ends the row."""

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        order = await self.order_to_pay(order_id, user_id)
        row = await self.outbox.find_one({"_id": order_id})
        known = await self.work_off(row) if row else await self.payments.find_one({"orderId": order_id})
        if known is not None and idempotency_key and known["attempt"]["clientKey"] == idempotency_key:
            return self.answer(known)
        self.check_open(order)
        row = await self.open_row(order, token, idempotency_key)
        payment = await self.work_off(row)
        if payment["attempt"]["id"] != row["attempt"]["id"]:
            raise AlreadyPaid(f"order {order_id} is paid already")
        return self.answer(payment)

    async def open_row(self, order: ReplicatedOrder, token: str, client_key: str | None) -> Document:
        row = {"_id": order.id, "paymentId": self.ids.new("pay"), "attempt": self.attempt(order, token, client_key)}
        try:
            await self.outbox.insert_one(row)
        except DuplicateKeyError:
            raise BeingPaid(f"order {order.id} is being paid already") from None
        return row

    async def work_off(self, row: Document) -> Document:
        """The payment that came of a row, or that of an earlier one, which had ended when this row was opened."""
        payment = await self.payments.find_one({"orderId": row["_id"]}) or await self.settle(row)
        if payment["status"] == PAID:
            await self.announce(payment)
            payment = await self.look_again(payment)
        await self.end(row)
        return payment

    async def settle(self, row: Document) -> Document:
        payment: Document = {"_id": row["paymentId"], "orderId": row["_id"], "attempt": row["attempt"]}
        try:
            charge_id = await self.charge(row["attempt"])
        except Definite as refusal:
            return {**payment, **failure(refusal)}
        paid = {**payment, "status": PAID, "stripeId": charge_id}
        written = await self.payments.find_one_and_update(
            {"_id": payment["_id"]}, {"$setOnInsert": paid}, upsert=True, return_document=True
        )
        return written or paid

    async def end(self, row: Document) -> None:
        await self.outbox.delete_one({"_id": row["_id"], "attempt.id": row["attempt"]["id"]})

    async def recover(self) -> int:
        unknown = 0
        for row in await self.outbox.find({}).to_list():
            try:
                await self.work_off(row)
            except Indefinite:
                unknown += 1
        return unknown


class AsksBeforeItClaims(PlainPaymentsService):
    """An answer is looked up by the client's key first; then one conditional write decides who may charge."""

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        order = await self.order_to_pay(order_id, user_id)
        mine = {"orderId": order_id, "attempt.clientKey": idempotency_key}
        repeated = await self.payments.find_one(mine) if idempotency_key else None
        if repeated is not None:
            return self.answer(await self.settled(repeated))
        self.check_open(order)
        attempt = self.attempt(order, token, idempotency_key)
        fresh = {"_id": order_id, "orderId": order_id, "status": CHARGING, "attempt": attempt}
        try:
            await self.payments.insert_one(fresh)
        except DuplicateKeyError:
            await self.learn_the_outcome(order_id)
            failed = {"_id": order_id, "status": FAILED}
            change = {"$set": {"status": CHARGING, "attempt": attempt}}
            if await self.payments.find_one_and_update(failed, change) is None:
                raise BeingPaid(f"order {order_id} is being paid, or was") from None
        return self.answer(await self.pursue(fresh))

    async def learn_the_outcome(self, order_id: str) -> None:
        unknown = await self.payments.find_one({"_id": order_id, "status": CHARGING})
        if unknown is not None:
            await self.pursue(unknown)

    async def settled(self, payment: Document) -> Document:
        if payment["status"] == FAILED:
            raise refused(payment)
        return await self.pursue(payment) if payment["status"] == CHARGING else payment


CORRECT = (
    correct("numbers-its-attempts", NumbersItsAttempts),
    correct("deletes-what-was-declined", DeletesWhatWasDeclined),
    correct("looks-side-by-side", LooksSideBySide),
    correct("waits-so-long-and-no-longer", WaitsSoLongAndNoLonger),
    correct("locks-the-copy", LocksTheCopy),
    correct("keeps-a-journal", KeepsAJournal),
    correct("asks-before-it-claims", AsksBeforeItClaims),
)
