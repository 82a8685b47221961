"""Right services that keep their copy of the order true in other ways."""

from __future__ import annotations

from contextlib import suppress

from pymongo.errors import DuplicateKeyError

from payments_lab.explore.zoo.bug import correct
from payments_lab.shop.errors import NotYet, OrderNotFound
from payments_lab.shop.events import OrderCancelled, OrderCompleted, OrderCreated
from payments_lab.shop.payments import PaymentsService
from payments_lab.shop.replica import ReplicatedOrder
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.documents import Document


class HighestVersionWins(PaymentsService):
    """Each event tells the whole status, so the highest version wins and one in between need not be waited for."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        await self.advance(event.id, event.version, OrderStatus.CANCELLED)
        await self.refund_what_was_paid(event)

    async def on_order_completed(self, event: OrderCompleted) -> None:
        await self.advance(event.id, event.version, OrderStatus.COMPLETE)

    async def refund_what_was_paid(self, event: OrderCancelled) -> None:
        paid = await self.payments.find_one({"orderId": event.id, "status": "paid"})
        if paid is not None:
            await self._refund(paid)

    async def advance(self, order_id: str, version: int, status: OrderStatus) -> None:
        older = {"_id": order_id, "version": {"$lt": version}}
        change = {"$set": {"status": status.value, "version": version}}
        if await self.orders.find_one_and_update(older, change) is not None:
            return
        if await self.orders.find_one({"_id": order_id, "version": {"$gte": version}}) is None:
            raise NotYet(f"order {order_id} has not been heard of")


class ReadsChecksAndReplaces(HighestVersionWins):
    """Read, decide, save onto the version that was read; whoever was overtaken reads again and decides anew."""

    async def advance(self, order_id: str, version: int, status: OrderStatus) -> None:
        while True:
            order = await self.orders.find_one({"_id": order_id})
            if order is None or order["version"] < version - 1:
                raise NotYet(f"version {version} of order {order_id} came early")
            if order["version"] >= version:
                return
            read = {"_id": order_id, "version": order["version"]}
            replaced = await self.orders.replace_one(read, {**order, "status": status.value, "version": version})
            if replaced.matched_count:
                return


class KeepsAnInbox(HighestVersionWins):
    """The ids of the events that were applied are kept beside what they changed, in the same write."""

    async def advance(self, order_id: str, version: int, status: OrderStatus) -> None:
        event_id = f"{order_id}:{version}"
        fresh = {"_id": order_id, "version": version - 1, "inbox": {"$ne": event_id}}
        change = {"$set": {"status": status.value, "version": version}, "$push": {"inbox": event_id}}
        if await self.orders.find_one_and_update(fresh, change) is not None:
            return
        if await self.orders.find_one({"_id": order_id, "inbox": event_id}) is None:
            raise NotYet(f"version {version} of order {order_id} came early")


class LeavesATombstone(HighestVersionWins):
    """A cancellation that comes first leaves a mark without a price, and the creation fills in what is missing."""

    async def on_order_created(self, event: OrderCreated) -> None:
        document = ReplicatedOrder.from_event(event).to_document()
        try:
            await self.orders.insert_one(document)
        except DuplicateKeyError:
            never_change = {name: document[name] for name in ("userId", "price", "currency", "expiresAt")}
            await self.orders.update_one({"_id": event.id}, {"$set": never_change})

    async def advance(self, order_id: str, version: int, status: OrderStatus) -> None:
        older = {"_id": order_id, "version": {"$lt": version}}
        with suppress(DuplicateKeyError):
            await self.orders.update_one(older, {"$set": {"status": status.value, "version": version}}, upsert=True)

    async def _order_to_pay(self, order_id: str, token: str, user_id: str) -> ReplicatedOrder:
        if await self.orders.find_one({"_id": order_id, "userId": {"$gt": ""}}) is None:
            raise OrderNotFound(f"there is no order {order_id!r}")
        return await super()._order_to_pay(order_id, token, user_id)


class DerivesTheStatus(HighestVersionWins):
    """Every event that was heard is kept, in any order; the status is that of the last one of which none is missing."""

    async def advance(self, order_id: str, version: int, status: OrderStatus) -> None:
        noted = {"$set": {f"heard.{version}": status.value}}
        order = await self.orders.find_one_and_update({"_id": order_id}, noted, return_document=True)
        if order is None:
            raise NotYet(f"order {order_id} has not been heard of")
        while (following := self.next_of(order)) is not None:
            read = {"_id": order_id, "version": order["version"]}
            changed = await self.orders.find_one_and_update(read, {"$set": following}, return_document=True)
            order = changed or await self.orders.find_one({"_id": order_id}) or order

    def next_of(self, order: Document) -> Document | None:
        version = order["version"] + 1
        status = order["heard"].get(str(version))
        return None if status is None else {"status": status, "version": version}


CORRECT = (
    correct("highest-version-wins", HighestVersionWins),
    correct("reads-checks-and-replaces", ReadsChecksAndReplaces),
    correct("keeps-an-inbox", KeepsAnInbox),
    correct("leaves-a-tombstone", LeavesATombstone),
    correct("derives-the-status", DerivesTheStatus),
)
