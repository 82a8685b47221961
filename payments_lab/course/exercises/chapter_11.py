"""Expired while paying: two that may miss each other must both look."""

from __future__ import annotations

from typing import Any

from payments_lab.course.code import WriteCode, explored
from payments_lab.course.exercise import Misconception
from payments_lab.course.outcome import Part, expect
from payments_lab.explore import Faults, verify
from payments_lab.explore.report import Report
from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.lab import Lab
from payments_lab.shop.events import OrderCancelled
from payments_lab.shop.replica import ReplicatedOrder, advance_order
from payments_lab.shop.status import OrderStatus


class Refunds(NaivePaymentsService):
    """Refunds where the cancellation is heard; ``refund`` gives a charge back, once, however often it is asked."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        await advance_order(self.orders, event.id, event.version, OrderStatus.CANCELLED)
        payment = await self.payments.find_one({"orderId": event.id})
        if payment is not None:
            await self.refund(payment["stripeId"])

    async def refund(self, charge: str) -> None:
        await self.stripe.v1.refunds.create_async({"charge": charge}, {"idempotency_key": f"refund-{charge}"})


async def _stays_paid(service: type[Any]) -> str:
    lab = await _paid(service)
    await lab.settle()
    expect(_given_back(lab), 0, "what is given back of an order that nobody cancelled", lab.timeline("Ada pays"))
    return "an order that nobody cancelled is not refunded"


async def _paid_then_cancelled(service: type[Any]) -> str:
    lab = await _paid(service)
    await lab.orders.cancel("ord_1")
    await lab.settle()
    expect(
        _given_back(lab), 2000, "what is given back of an order that was paid and cancelled", lab.timeline("Cancelled")
    )
    return "paid, then cancelled: all of it is given back"


async def _cancelled_meanwhile(service: type[Refunds]) -> str:
    class Slow(service):
        async def charge(self, order: ReplicatedOrder, token: str) -> Any:
            charge = await super().charge(order, token)
            await lab.orders.cancel(order.id)
            await lab.settle()
            return charge

    lab = Lab(payments=Slow)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    await lab.payments.create_charge(order_id="ord_1", token="tok_visa", user_id="ada")
    story = lab.timeline("Cancelled between the charge and the save")
    expect(_given_back(lab), 2000, "what is given back of an order that was cancelled meanwhile", story)
    return "cancelled between the charge and the save: all of it is given back"


async def _paid(service: type[Any]) -> Lab:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    await lab.payments.create_charge(order_id="ord_1", token="tok_visa", user_id="ada")
    return lab


def _given_back(lab: Lab) -> int:
    return sum(charge["amount_refunded"] for charge in lab.stripe.charges())


def _while_paying(service: type[Any]) -> Report:
    rules = ["cancelled-order-keeps-no-money"]
    return verify(service, scenario="pay-and-cancel", invariants=rules, faults=Faults(duplicates=1))


def _refunding(body: str) -> str:
    lines = "".join(f"        {line}\n" for line in body.strip().splitlines())
    return f"class Refunding(Refunds):\n    async def save(self, payment):\n{lines}"


_PRELUDE = """
from payments_lab.course.exercises.chapter_11 import Refunds
from payments_lab.shop.errors import OrderIsCancelled
"""

both_look = WriteCode(
    id="11.1-both-look",
    task="Let the handler look, too: write `save` so that no cancelled order keeps its money.",
    name="Refunding",
    prelude=_PRELUDE,
    starter=_refunding("await super().save(payment)"),
    solution=_refunding(
        """
await super().save(payment)
order = await self.orders.find_one({"_id": payment.order_id})
if order["status"] == "cancelled":
    await self.refund(payment.stripe_id)
"""
    ),
    hints=(
        "The listener looks after it has closed the copy. When must the handler look?",
        "Save the payment first, then read the order again, then refund if it is cancelled.",
        "Cancelled before your look: you see it. Cancelled after your look: your payment was saved before, so the listener "
        "sees that. One of the two always sees the other; refund has a key, so both may.",
    ),
    misconceptions=(
        Misconception(
            "looks before it saves",
            _refunding(
                """
order = await self.orders.find_one({"_id": payment.order_id})
await super().save(payment)
if order["status"] == "cancelled":
    await self.refund(payment.stripe_id)
"""
            ),
            "Between your look and your save the cancellation can come: you have not seen it, and it does not see your payment. "
            "Write first, then look.",
            "every order of events",
        ),
        Misconception(
            "refuses too late",
            _refunding(
                """
order = await self.orders.find_one({"_id": payment.order_id})
if order["status"] == "cancelled":
    raise OrderIsCancelled(payment.order_id)
await super().save(payment)
"""
            ),
            "The money is taken already. Who refuses now keeps it, and writes nothing down.",
            "cancelled while it is paid",
        ),
        Misconception(
            "gives everything back",
            _refunding(
                """
await super().save(payment)
await self.refund(payment.stripe_id)
"""
            ),
            "Nobody cancelled this order, and its money is given back. Look at the order first.",
            "an order that nobody cancelled",
        ),
        Misconception(
            "writes no payment",
            _refunding(
                """
order = await self.orders.find_one({"_id": payment.order_id})
if order["status"] == "cancelled":
    await self.refund(payment.stripe_id)
"""
            ),
            "Without the payment in the database the listener finds nothing to give back.",
            "paid, then cancelled",
        ),
    ),
    parts=(
        Part("an order that nobody cancelled", _stays_paid),
        Part("paid, then cancelled", _paid_then_cancelled),
        Part("cancelled while it is paid", _cancelled_meanwhile),
        explored("every order of events", _while_paying),
    ),
)

EXERCISES = (both_look,)
