"""Payments and events: tests of what is published, and the order that is complete."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from payments_lab.course.code import WriteCode, explored
from payments_lab.course.exercise import Misconception
from payments_lab.course.outcome import Part, Wrong, expect
from payments_lab.course.slips import no_slip
from payments_lab.course.testing import RIGHT, Mutant, WriteTests
from payments_lab.diagrams import Story
from payments_lab.explore import Cancel, Faults, Pay, Scenario, verify
from payments_lab.explore.report import Report
from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.lab import Lab
from payments_lab.shop.events import PaymentCreated
from payments_lab.shop.payments import Payment, PaymentsService

if TYPE_CHECKING:
    import stripe

    from payments_lab.shop.replica import ReplicatedOrder

ADA_PAYS = {"order_id": "ord_1", "token": "tok_visa", "user_id": "ada"}

# 07.1: tests of the event


class _Silent(NaivePaymentsService):
    async def announce(self, payment: Payment) -> None:
        return None


class _OwnIdAsStripes(NaivePaymentsService):
    async def announce(self, payment: Payment) -> None:
        await super().announce(payment.model_copy(update={"stripe_id": payment.id}))


class _OtherOrder(NaivePaymentsService):
    async def announce(self, payment: Payment) -> None:
        await super().announce(payment.model_copy(update={"order_id": payment.id}))


class _SaysItEvenSo(NaivePaymentsService):
    async def charge(self, order: ReplicatedOrder, token: str) -> stripe.Charge:
        too_soon = PaymentCreated(id="pay_0", order_id=order.id, stripe_id="ch_0")
        await self.bus.publish(too_soon.subject, too_soon.to_bytes())
        return await super().charge(order, token)


class _AnswersSomethingElse(NaivePaymentsService):
    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        payment = await super().create_charge(order_id=order_id, token=token, user_id=user_id)
        return payment.model_copy(update={"id": "pay_new"})


async def _shop(service: type[Any]) -> Mapping[str, Any]:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()

    async def pay(token: str = "tok_visa") -> Payment:
        return await lab.payments.create_charge(**{**ADA_PAYS, "token": token})

    def published() -> list[dict[str, Any]]:
        return [json.loads(each.data) for each in lab.bus.messages if each.subject == "payment:created"]

    return {"pay": pay, "published": published, "charges": lab.stripe.charges}


async def _paid(service: type[Any]) -> Story:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    await lab.payments.create_charge(**ADA_PAYS)
    await lab.settle()
    return lab.timeline("Ada pays")


def _tests(**methods: str) -> str:
    written = (
        f"    async def test_{name}(self, pay, published, charges):\n"
        + "".join(f"        {line}\n" for line in body.strip().splitlines())
        for name, body in methods.items()
    )
    return "class TestsOfTheEvent:\n" + "\n".join(written)


_TRUE = """
payment = await pay()
(event,) = published()
assert event["id"] == payment.id
assert event["orderId"] == "ord_1"
assert event["stripeId"] == charges()[0]["id"]
"""
_DECLINED = """
with pytest.raises((CardError, Declined)):
    await pay("tok_chargeDeclined")
assert published() == []
"""

tests_of_the_event = WriteTests(
    id="07.1-tests-of-the-event",
    task="Test what is published: once, with three ids that are true, and nothing after a decline.",
    name="TestsOfTheEvent",
    prelude="import pytest\nfrom stripe import CardError\nfrom payments_lab.shop.errors import Declined\n",
    starter=_tests(it_is_published="await pay()\nassert len(published()) == 1"),
    solution=_tests(the_event_is_true=_TRUE, a_decline_is_not_announced=_DECLINED),
    hints=(
        "An event makes three claims. With whose books can each of them be compared?",
        "charges() are Stripe's own books: compare stripeId with charges()[0]['id'], and id with the answer's.",
        "payment = await pay(); the one event has payment.id, 'ord_1' and the charge's id. Then a declined card: pay "
        "raises, and published() is empty.",
    ),
    misconceptions=(
        Misconception(
            "the number alone",
            _tests(it_is_published="await pay()\nassert len(published()) == 1", a_decline=_DECLINED),
            "One event, yes. Is what it says true? A payment's own id was really published as Stripe's once.",
            "catches: own id as Stripe's",
        ),
        Misconception(
            "never declined",
            _tests(the_event_is_true=_TRUE.replace("(event,) = published()", "event = published()[-1]")),
            "Nothing in your tests goes wrong. What is published when the card is declined?",
            "catches: says it too soon",
        ),
        Misconception(
            "everything but Stripe's books",
            _tests(
                the_event_is_true=_TRUE.replace('charges()[0]["id"]', "payment.stripe_id").replace(
                    'assert event["id"] == payment.id\n', ""
                ),
                a_decline=_DECLINED,
            ),
            "The handler's own answer is compared well enough; the event's id is not compared with it at all.",
            "catches: answers something else",
        ),
        Misconception(
            "which order?",
            _tests(the_event_is_true=_TRUE.replace('assert event["orderId"] == "ord_1"\n', ""), a_decline=_DECLINED),
            "orders finds the order by orderId. Your tests never look at it.",
            "catches: another order",
        ),
        Misconception(
            "the answer is the event",
            _tests(the_event_is_true="payment = await pay()\nassert published() == [payment]", a_decline=_DECLINED),
            "The event has fewer fields than the answer, and is plain JSON. Compare its fields one by one.",
            RIGHT,
        ),
    ),
    right=(NaivePaymentsService, PaymentsService),
    mutants=(
        Mutant("says nothing", _Silent, "publishes nothing"),
        Mutant("own id as Stripe's", _OwnIdAsStripes, "publishes its own id as Stripe's"),
        Mutant("another order", _OtherOrder, "publishes another order's id"),
        Mutant("says it too soon", _SaysItEvenSo, "says that the order is paid before Stripe has said so"),
        Mutant("answers something else", _AnswersSomethingElse, "answers with another id than the event's"),
    ),
    fixtures=_shop,
    show=_paid,
)

# 07.2: the order is complete


async def _completed(orders: type[Any]) -> Lab:
    lab = Lab(orders=orders)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    await lab.payments.create_charge(**ADA_PAYS)
    await lab.settle()
    no_slip(lab.bus, lab.timeline("Ada pays"))
    return lab


def _order(lab: Lab) -> Mapping[str, Any]:
    return lab.books().orders[0]


async def _complete(orders: type[Any]) -> str:
    lab = await _completed(orders)
    expect(_order(lab)["status"], "complete", "the order's status", lab.timeline("Ada pays"))
    return "the order is complete"


async def _told(orders: type[Any]) -> str:
    lab = await _completed(orders)
    theirs, ours = _order(lab), lab.books().replicas[0]
    story = lab.timeline("Ada pays")
    if "order:completed" not in lab.published():
        raise Wrong("the order is complete, and nobody publishes order:completed", story)
    expect((ours["status"], ours["version"]), (theirs["status"], theirs["version"]), "what payments knows", story)
    expect(theirs["version"], 1, "the order's version", story)
    return "payments has heard of it, at version 1"


async def _twice(orders: type[Any]) -> str:
    lab = await _completed(orders)
    event = next(each for each in lab.bus.messages if each.subject == "payment:created")
    lab.bus.duplicate(f"#{event.sequence} orders-service")
    await lab.settle()
    story = lab.timeline("Heard twice")
    expect(_order(lab)["version"], 1, "the order's version after a duplicate", story)
    expect(len(lab.bus.dead), 0, "the number of dead letters", story)
    return "a second payment:created changes nothing"


async def _cancelled(orders: type[Any]) -> str:
    lab = Lab(orders=orders)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    await lab.payments.create_charge(**ADA_PAYS)
    await lab.orders.cancel("ord_1")
    await lab.settle()
    story = lab.timeline("Paid, and cancelled at the same time")
    if _order(lab)["status"] != "cancelled":
        raise Wrong(f"the order was cancelled, and is {_order(lab)['status']} in the end", story)
    return "a cancelled order stays cancelled"


PAID = Scenario("paid", (Pay(), Cancel()), known=True, sentence="Ada pays, and cancels.")


def _everything(orders: type[Any]) -> Report:
    rules = ["replica-converges", "paid-order-completes", "cancelled-order-keeps-no-money"]
    return verify(orders=orders, scenario=PAID, faults=Faults(duplicates=1), invariants=rules)


_HEAD = """class Completes(OrdersService):
    async def on_payment_created(self, event):
        order = await self.get(event.order_id)
"""


def _completing(body: str) -> str:
    return _HEAD + "".join(f"        {line}\n" for line in body.strip().splitlines())


completing = WriteCode(
    id="07.2-complete-an-order",
    task="Complete the order that was paid, and tell the others.",
    name="Completes",
    prelude="from payments_lab import NotYet\nfrom payments_lab.shop.events import OrderCompleted\nfrom payments_lab.shop.orders import OrdersService\n",
    starter=_completing(
        """
current = {"_id": order.id, "version": order.version}
change = {"$set": {"status": "complete", "version": order.version + 1}}
await self.orders.update_one(current, change)
"""
    ),
    solution=_completing(
        """
completed = OrderCompleted(id=order.id, version=order.version + 1)
if order.status.value in ("created", "awaiting:payment"):
    current = {"_id": order.id, "version": order.version}
    change = {"$set": {"status": "complete", "version": completed.version}}
    if await self.orders.find_one_and_update(current, change) is None:
        raise NotYet("somebody else has changed the order; look again")
    await self.bus.publish(completed.subject, completed.to_bytes())
"""
    ),
    hints=(
        "Which statuses may become complete? And who else wants to know?",
        "Only an open order is completed; update-if-current; then publish OrderCompleted with the version that it made.",
        "created v0 → complete v1 → publish order:completed v1. Heard again: complete already, return. Cancelled "
        "meanwhile: return, payments refunds. Somebody came between: raise, and the event comes again.",
    ),
    misconceptions=(
        Misconception(
            "tells nobody",
            _completing(
                """
if order.status.value in ("created", "awaiting:payment"):
    current = {"_id": order.id, "version": order.version}
    change = {"$set": {"status": "complete", "version": order.version + 1}}
    await self.orders.update_one(current, change)
"""
            ),
            "The version rises and nobody hears of it: the copy in payments stays behind, and no later event fits on it. "
            "Publish order:completed.",
            "payments hears of it",
        ),
        Misconception(
            "completes what is complete",
            _completing(
                """
if order.status.value != "cancelled":
    completed = OrderCompleted(id=order.id, version=order.version + 1)
    current = {"_id": order.id, "version": order.version}
    change = {"$set": {"status": "complete", "version": completed.version}}
    await self.orders.update_one(current, change)
    await self.bus.publish(completed.subject, completed.to_bytes())
"""
            ),
            "The second payment:created completes the order once more, at version 2. Only an open order may be completed.",
            "heard twice",
        ),
        Misconception(
            "revives what is cancelled",
            _completing(
                """
if order.status.value != "complete":
    completed = OrderCompleted(id=order.id, version=order.version + 1)
    current = {"_id": order.id, "version": order.version}
    change = {"$set": {"status": "complete", "version": completed.version}}
    await self.orders.update_one(current, change)
    await self.bus.publish(completed.subject, completed.to_bytes())
"""
            ),
            "A cancelled order was given up: its ticket may be somebody else's by now. Leave it, and let payments refund.",
            "cancelled meanwhile",
        ),
        Misconception(
            "the old version",
            _completing(
                """
if order.status.value in ("created", "awaiting:payment"):
    completed = OrderCompleted(id=order.id, version=order.version)
    current = {"_id": order.id, "version": order.version}
    change = {"$set": {"status": "complete", "version": order.version + 1}}
    await self.orders.update_one(current, change)
    await self.bus.publish(completed.subject, completed.to_bytes())
"""
            ),
            "The event carries the version that the change makes, one more than the order had.",
            "payments hears of it",
        ),
        Misconception(
            "the status alone",
            _completing(
                """
if order.status.value in ("created", "awaiting:payment"):
    completed = OrderCompleted(id=order.id, version=order.version + 1)
    await self.orders.update_one({"_id": order.id}, {"$set": {"status": "complete"}})
    await self.bus.publish(completed.subject, completed.to_bytes())
"""
            ),
            "The event says version 1 and the order itself stays at 0: the two services will never agree again.",
            "payments hears of it",
        ),
    ),
    parts=(
        Part("the order", _complete),
        Part("payments hears of it", _told),
        Part("heard twice", _twice),
        Part("cancelled meanwhile", _cancelled),
        explored("every order of events", _everything),
    ),
)

EXERCISES = (tests_of_the_event, completing)
