"""Wrong ways to keep a copy of the order."""

from __future__ import annotations

from contextlib import suppress
from typing import ClassVar

from payments_lab.explore.zoo.bug import bug
from payments_lab.explore.zoo.right_replicas import HighestVersionWins, LeavesATombstone
from payments_lab.explore.zoo.scenarios import (
    CALM,
    CANCEL,
    CANCEL_KNOWN,
    DUPLICATED,
    ONE_CLICK,
    PAY_OR_CANCEL,
    PAY_THEN_CANCEL,
    REORDERED,
    REORDERED_DUPLICATE,
)
from payments_lab.shop.errors import NotYet
from payments_lab.shop.events import Event, OrderCancelled, OrderCreated
from payments_lab.shop.payments import Payment, PaymentsService
from payments_lab.shop.replica import ReplicatedOrder
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.documents import Document


class SwallowsTheConflict(PaymentsService):
    """An exception in the log every night, so somebody catches it; the event that came too early is gone for good."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        with suppress(NotYet):
            await super().on_order_cancelled(event)


class IgnoresStrangers(PaymentsService):
    """An order that is not known is none of our business, says the guard; it is known a moment later."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        if await self.orders.find_one({"_id": event.id}) is not None:
            await super().on_order_cancelled(event)


class DropsTheVersion(HighestVersionWins):
    """The filter names the id alone; the tests, in which everything comes in order, do not mind."""

    async def advance(self, order_id: str, version: int, status: OrderStatus) -> None:
        change = {"$set": {"status": status.value, "version": version}}
        if await self.orders.find_one_and_update({"_id": order_id}, change) is None:
            raise NotYet(f"order {order_id} has not been heard of")


class AtLeastInsteadOfEqual(HighestVersionWins):
    """'At least the version before' was meant to be lenient; it also lets an old event back onto a newer copy."""

    async def advance(self, order_id: str, version: int, status: OrderStatus) -> None:
        lenient = {"_id": order_id, "version": {"$gte": version - 1}}
        change = {"$set": {"status": status.value, "version": version}}
        if await self.orders.find_one_and_update(lenient, change) is None:
            raise NotYet(f"version {version} of order {order_id} came early")


class ChecksThenSaves(HighestVersionWins):
    """The version is compared in code and the save names only the id: right in review, wrong between two awaits."""

    async def advance(self, order_id: str, version: int, status: OrderStatus) -> None:
        order = await self.orders.find_one({"_id": order_id})
        if order is None or order["version"] < version - 1:
            raise NotYet(f"version {version} of order {order_id} came early")
        if order["version"] < version:
            await self.orders.update_one({"_id": order_id}, {"$set": {"status": status.value, "version": version}})


class TakesItForADuplicate(HighestVersionWins):
    """What could not be applied must be a duplicate, for the order is there by now; it was not when it mattered."""

    async def advance(self, order_id: str, version: int, status: OrderStatus) -> None:
        older = {"_id": order_id, "version": {"$lt": version}}
        change = {"$set": {"status": status.value, "version": version}}
        if await self.orders.find_one_and_update(older, change) is not None:
            return
        if await self.orders.find_one({"_id": order_id}) is None:
            raise NotYet(f"order {order_id} has not been heard of")


class CountsForItself(HighestVersionWins):
    """A save raises the version by one, as plugins do, instead of taking the event's; a duplicate counts twice."""

    async def advance(self, order_id: str, version: int, status: OrderStatus) -> None:
        change = {"$set": {"status": status.value}, "$inc": {"version": 1}}
        if await self.orders.find_one_and_update({"_id": order_id}, change) is None:
            raise NotYet(f"order {order_id} has not been heard of")


class RaisesTheVersionUnheard(PaymentsService):
    """A note on the copy is saved like any change, with its version raised; the next event is one behind for ever."""

    async def _order_to_pay(self, order_id: str, token: str, user_id: str) -> ReplicatedOrder:
        order = await super()._order_to_pay(order_id, token, user_id)
        noted = {"$set": {"lastTriedWith": token}, "$inc": {"version": 1}}
        await self.orders.update_one({"_id": order_id}, noted)
        return order


class WritesBackWhatItRead(PaymentsService):
    """Load, change a field, save the whole document: so object mappers work, and so what came meanwhile is undone."""

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        order: Document = await self.orders.find_one({"_id": order_id}) or {}
        payment = await super().create_charge(
            order_id=order_id, token=token, user_id=user_id, idempotency_key=idempotency_key
        )
        await self.orders.update_one({"_id": order_id}, {"$set": {**order, "paidWith": token}})
        return payment


class StartsOver(PaymentsService):
    """The creation is saved by an upsert, so that a duplicate does no harm; it sets the status back as well."""

    async def on_order_created(self, event: OrderCreated) -> None:
        document = ReplicatedOrder.from_event(event).to_document()
        await self.orders.update_one({"_id": event.id}, {"$set": document}, upsert=True)


class BringsBackTheDead(LeavesATombstone):
    """A cancellation that came first leaves its mark, and the creation, which knows nothing of it, writes over it."""

    async def on_order_created(self, event: OrderCreated) -> None:
        document = ReplicatedOrder.from_event(event).to_document()
        await self.orders.update_one({"_id": event.id}, {"$set": document}, upsert=True)


class DeafToCompletion(PaymentsService):
    """Nothing needs to be done when an order completes, so nobody listens; the copy stays where it was."""

    hears: ClassVar[dict[type[Event], str]] = {
        OrderCreated: "on_order_created",
        OrderCancelled: "on_order_cancelled",
    }


BUGS = (
    bug("swallows-the-conflict", SwallowsTheConflict, "replica-converges", CANCEL, REORDERED),
    bug("ignores-strangers", IgnoresStrangers, "replica-converges", CANCEL, REORDERED),
    bug("drops-the-version", DropsTheVersion, "replica-converges", PAY_THEN_CANCEL, REORDERED),
    bug("at-least-instead-of-equal", AtLeastInsteadOfEqual, "replica-converges", PAY_THEN_CANCEL, REORDERED_DUPLICATE),
    bug("checks-then-saves", ChecksThenSaves, "replica-converges", PAY_THEN_CANCEL, REORDERED_DUPLICATE),
    bug("takes-it-for-a-duplicate", TakesItForADuplicate, "replica-converges", CANCEL, REORDERED),
    bug("counts-for-itself", CountsForItself, "replica-converges", CANCEL_KNOWN, DUPLICATED),
    bug("raises-the-version-unheard", RaisesTheVersionUnheard, "replica-converges", ONE_CLICK, CALM),
    bug("writes-back-what-it-read", WritesBackWhatItRead, "replica-converges", PAY_OR_CANCEL, CALM),
    bug("starts-over", StartsOver, "replica-converges", CANCEL, REORDERED_DUPLICATE),
    bug("brings-back-the-dead", BringsBackTheDead, "replica-converges", CANCEL, REORDERED),
    bug("deaf-to-completion", DeafToCompletion, "replica-converges", ONE_CLICK, CALM),
)
