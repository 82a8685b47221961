"""Comparing Stripe, payments and orders, and healing what differs.

The comparison is :mod:`payments_lab.shop.audit`'s; it reads every document and every charge of the last days, so it
is a job for the night, or for after an accident. It tells the truth only while the shop is at rest.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from payments_lab.shop import charging, intents
from payments_lab.shop.audit import Books, Difference, audit
from payments_lab.shop.errors import Definite
from payments_lab.shop.events import OrderCancelled, OrderCompleted, OrderCreated, PaymentCreated, TicketReference
from payments_lab.shop.orders import Order, OrdersService
from payments_lab.shop.outbox import outbox_row, publish_row
from payments_lab.shop.payments import PaymentsService
from payments_lab.shop.status import OrderStatus, PaymentStatus

LOOK_BACK = timedelta(days=7)


class Reconciler:
    """Holds the books of both services and Stripe side by side; :meth:`heal` mends what :meth:`differences` names."""

    def __init__(self, orders: OrdersService, payments: PaymentsService) -> None:
        self._orders = orders
        self._payments = payments

    async def books(self) -> Books:
        """Everything, as it stands now. A payment counts as announced once its outbox row is gone."""
        payments = await self._payments.payments.find({}).to_list()
        waiting = {row["_id"] for row in await self._payments.outbox.find({}).to_list()}
        announced = {(each["orderId"], each.get("stripeId")) for each in payments if each["_id"] not in waiting}
        return Books(
            orders=await self._orders.orders.find({}).to_list(),
            replicas=await self._payments.orders.find({}).to_list(),
            payments=payments,
            charges=await self._charges(),
            announced=frozenset((order, charge) for order, charge in announced if charge),
            intents=await self._intents(),
        )

    async def differences(self) -> list[Difference]:
        return audit(await self.books())

    async def heal(self) -> list[Difference]:
        """Let every service finish what it began, then mend what still differs; returns what was mended.

        Money that no payment knows of, or that was taken twice, or for a cancelled order, goes back; an intent that
        could take such money is closed. What was not heard is said again. A mended difference may need the bus's time
        to be gone from :meth:`differences`.
        """
        await self._orders.recover()
        await self._payments.recover()
        books = await self.books()
        found = audit(books)
        if await self._close_intents(books, {each.order_id for each in found}):
            books = await self.books()
        for order_id in dict.fromkeys(each.order_id for each in found):
            await self._return_money(books, order_id)
            await self._say_again(books, order_id)
        return found

    async def _close_intents(self, books: Books, orders: set[str]) -> bool:
        """Write down what became of payments that wait, close intents that nobody waits for; whether there were any."""
        waiting = [
            each for each in books.payments if each["orderId"] in orders and each["status"] == PaymentStatus.WAITING
        ]
        for payment in waiting:
            await self._payments.follow_up(payment)
        strays = list(books.stray_intents())
        for _, intent in strays:
            with suppress(Definite):  # which is to say that it is closed
                await intents.call_off(self._payments.stripe, intent["id"])
        return bool(waiting or strays)

    async def _intents(self) -> list[dict[str, Any]]:
        page = await self._payments.stripe.v1.payment_intents.list_async(
            {"created": {"gte": self._since()}, "limit": 100}
        )
        return [intent.to_dict() async for intent in page.auto_paging_iter()]

    def _since(self) -> int:
        return int((self._payments.clock.now() - LOOK_BACK).timestamp())

    async def _charges(self) -> list[dict[str, Any]]:
        page = await self._payments.stripe.v1.charges.list_async({"created": {"gte": self._since()}, "limit": 100})
        return [charge.to_dict() async for charge in page.auto_paging_iter()]

    async def _return_money(self, books: Books, order_id: str) -> None:
        """Keep at most the one charge that the payment names, and none for a cancelled order."""
        order = next((each for each in books.orders if each["_id"] == order_id), None)
        payment = next((each for each in books.payments if each["orderId"] == order_id), None)
        cancelled = order is not None and order["status"] == OrderStatus.CANCELLED
        rightful = None if payment is None or cancelled else payment.get("stripeId")
        for charge in books.kept_charges(order_id):
            if charge["id"] != rightful:
                await charging.refund(self._payments.stripe, charge["id"])
        if cancelled and payment is not None and payment["status"] == PaymentStatus.PAID:
            await self._payments.payments.update_one(
                {"_id": payment["_id"], "status": PaymentStatus.PAID.value},
                {"$set": {"status": PaymentStatus.REFUNDED.value}},
            )

    async def _say_again(self, books: Books, order_id: str) -> None:
        for document in books.orders:
            if document["_id"] == order_id:
                await self._say_order(Order.from_document(document))
        for payment in books.payments:
            if payment["orderId"] == order_id and payment["status"] == PaymentStatus.PAID:
                event = PaymentCreated(id=payment["_id"], order_id=order_id, stripe_id=payment["stripeId"])
                await publish_row(self._payments.bus, outbox_row(self._again(payment["_id"]), event))

    async def _say_order(self, order: Order) -> None:
        created = OrderCreated(
            id=order.id,
            version=0,
            status=OrderStatus.CREATED,
            user_id=order.user_id,
            expires_at=order.expires_at,
            ticket=order.ticket,
        )
        events: list[OrderCreated | OrderCompleted | OrderCancelled] = [created]
        if order.status is OrderStatus.COMPLETE or order.version == 2:
            events.append(OrderCompleted(id=order.id, version=1))
        if order.status is OrderStatus.CANCELLED:
            ticket = TicketReference(id=order.ticket.id)
            events.append(OrderCancelled(id=order.id, version=order.version, ticket=ticket))
        for event in events:
            row = outbox_row(self._again(f"{order.id}:{event.version}"), event)
            await publish_row(self._orders.bus, row)

    def _again(self, message_id: str) -> str:
        """A message id of its own, since the stream would take the old one for a duplicate."""
        return f"{message_id}:{self._orders.ids.new('again')}"
