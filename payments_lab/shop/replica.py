"""The order as the payments service knows it: a replica, kept true by update-if-current."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pymongo.errors import DuplicateKeyError

from payments_lab.shop.errors import NotYet
from payments_lab.shop.events import Id, MinorUnits, OrderCreated, Version
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.documents import Collection, Document


class ReplicatedOrder(BaseModel):
    """What payments must know of an order. ``price`` is in minor units; ``version`` is the last event's."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    id: Id
    version: Version
    user_id: Id
    price: MinorUnits
    currency: str
    status: OrderStatus
    expires_at: AwareDatetime

    @classmethod
    def from_event(cls, event: OrderCreated) -> ReplicatedOrder:
        return cls(
            id=event.id,
            version=event.version,
            user_id=event.user_id,
            price=event.ticket.price,
            currency=event.ticket.currency,
            status=event.status,
            expires_at=event.expires_at,
        )

    @classmethod
    def from_document(cls, document: Document) -> ReplicatedOrder:
        return cls.model_validate({**document, "id": document["_id"]})

    def to_document(self) -> Document:
        fields = self.model_dump(by_alias=True, exclude={"id"})
        return {"_id": self.id, **fields, "status": self.status.value}


async def copy_order(orders: Collection, event: OrderCreated) -> bool:
    """Store the order as the event tells it; False when it was there already (a duplicate changes nothing)."""
    try:
        await orders.insert_one(ReplicatedOrder.from_event(event).to_document())
    except DuplicateKeyError:
        return False
    return True


async def advance_order(orders: Collection, order_id: str, version: int, status: OrderStatus) -> bool:
    """Apply version n onto version n - 1, and onto nothing else.

    False when the replica has seen this version (a duplicate changes nothing); NotYet when an event in between,
    or the order itself, has not arrived.
    """
    applied = await orders.find_one_and_update(
        {"_id": order_id, "version": version - 1}, {"$set": {"status": status.value, "version": version}}
    )
    if applied is not None:
        return True
    current = await orders.find_one({"_id": order_id})
    if current is not None and current["version"] >= version:
        return False
    known = "no such order" if current is None else f"version {current['version']}"
    raise NotYet(f"version {version} of order {order_id} came early: the replica has {known}")
