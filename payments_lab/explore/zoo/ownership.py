"""Whose order, whose money."""

from __future__ import annotations

from payments_lab.explore.scenario import Pay, Placed, Scenario
from payments_lab.explore.zoo.bug import bug
from payments_lab.explore.zoo.plain import PlainPaymentsService
from payments_lab.explore.zoo.scenarios import CALM, STRANGER
from payments_lab.shop.errors import NotTheOwner, OrderNotFound
from payments_lab.shop.payments import Payment
from payments_lab.shop.replica import ReplicatedOrder
from payments_lab.stores.documents import Document

THE_NEWER_ONE = Scenario(
    "the-newer-one",
    (Pay("ord_2", key="click-1"),),
    orders=(Placed(), Placed("ord_2")),
    known=True,
    sentence="Ada has two orders and pays the second.",
)


class NeverAsksWhose(PlainPaymentsService):
    """The test used an order that did not exist and was refused by mistake; the check itself was never written."""

    async def order_to_pay(self, order_id: str, user_id: str) -> ReplicatedOrder:
        document = await self.orders.find_one({"_id": order_id})
        if document is None:
            raise OrderNotFound(f"there is no order {order_id!r}")
        return ReplicatedOrder.from_document(document)


class AsksWhoseAfterwards(NeverAsksWhose):
    """The owner is compared where the answer is made, after the charge; in the tests the refusal looks right."""

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        payment = await super().create_charge(
            order_id=order_id, token=token, user_id=user_id, idempotency_key=idempotency_key
        )
        order = await super().order_to_pay(order_id, user_id)
        if order.user_id != user_id:
            raise NotTheOwner(f"order {order_id} belongs to somebody else")
        return payment


class FindsTheOrderByItsBuyer(PlainPaymentsService):
    """The order of a payment is looked up by its buyer, who had only one when the line was written."""

    async def announce(self, payment: Document) -> None:
        paid = await self.orders.find_one({"_id": payment["orderId"]})
        assert paid is not None
        order = await self.orders.find_one({"userId": paid["userId"]})
        assert order is not None
        await super().announce({**payment, "orderId": order["_id"]})


BUGS = (
    bug("never-asks-whose", NeverAsksWhose, "only-the-owner-pays", STRANGER, CALM),
    bug("asks-whose-afterwards", AsksWhoseAfterwards, "only-the-owner-pays", STRANGER, CALM),
    bug("finds-the-order-by-its-buyer", FindsTheOrderByItsBuyer, "paid-order-completes", THE_NEWER_ONE, CALM),
)
