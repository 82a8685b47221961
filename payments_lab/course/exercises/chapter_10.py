"""Crashed halfway: name the missing guard, and write the recovery."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from payments_lab.course.code import WriteCode, explored
from payments_lab.course.diagnosis import diagnosis
from payments_lab.course.exercise import Misconception
from payments_lab.course.outcome import Part, expect
from payments_lab.explore import Faults, Pay, Scenario, verify
from payments_lab.explore.report import Report
from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.lab import Lab
from payments_lab.shop.events import PaymentCreated
from payments_lab.shop.outbox import outbox_row, publish_row
from payments_lab.shop.payments import Payment

if TYPE_CHECKING:
    import stripe

    from payments_lab.shop.replica import ReplicatedOrder

ONE_CLICK = Scenario("one-click", (Pay(),), known=True, sentence="Ada pays.")


class Writing(NaivePaymentsService):
    """Writes down in the outbox what is due, before it saves, and publishes it after."""

    async def save(self, payment: Payment) -> None:
        event = PaymentCreated(id=payment.id, order_id=payment.order_id, stripe_id=payment.stripe_id)
        await self.outbox.insert_one(outbox_row(payment.id, event))
        await super().save(payment)

    async def announce(self, payment: Payment) -> None:
        row = await self.outbox.find_one({"_id": payment.id})
        if row is not None:
            await publish_row(self.bus, row)
            await self.outbox.delete_one({"_id": payment.id})


class _Outbox(Writing):
    async def recover(self) -> int:
        rows = await self.outbox.find({}).to_list()
        for row in rows:
            await publish_row(self.bus, row)
            await self.outbox.delete_one({"_id": row["_id"]})
        return len(rows)


class _Key(NaivePaymentsService):
    async def charge(self, order: ReplicatedOrder, token: str) -> stripe.Charge:
        charge = {"amount": order.price, "currency": order.currency, "source": token}
        return await self.stripe.v1.charges.create_async(
            {**charge, "metadata": {"orderId": order.id}},  # pyright: ignore[reportArgumentType]
            {"idempotency_key": f"{order.id}-{token}"},
        )


class _SaysItTwice(NaivePaymentsService):
    async def announce(self, payment: Payment) -> None:
        await super().announce(payment)
        await super().announce(payment)


class _LooksAgain(NaivePaymentsService):
    async def announce(self, payment: Payment) -> None:
        if await self.payments.find_one({"_id": payment.id}):
            await super().announce(payment)


def _crash(service: type[Any]) -> Report:
    return verify(service, scenario=ONE_CLICK, faults=Faults(crashes=1), invariants=["payment-is-published"])


missing_guard = diagnosis(
    "10.1-what-is-missing",
    "Which one guard ends the story of the payment that nobody hears of?",
    guards={
        "an idempotency key": _Key,
        "a unique index": NaivePaymentsService,
        "publishing twice": _SaysItTwice,
        "another look before publishing": _LooksAgain,
        "an outbox": _Outbox,
    },
    cure="an outbox",
    wrong={
        "an idempotency key": "It makes a second charge harmless. In this story there is one charge, and nobody hears of it.",
        "a unique index": "It is there already, and refuses a second payment. Here the first one stays unsaid.",
        "publishing twice": "Twice after the crash is as good as not at all: neither of the two is reached.",
        "another look before publishing": "Whoever crashes before it publishes crashes before it looks, too.",
    },
    explore=_crash,
    hints=(
        "The process is gone, and with it all that it meant to do. What is still there?",
        "Only what is in the database survives. What would have to be written there, and when?",
        "A row 'this event is due', written with the payment and deleted after the publish. Whoever starts next reads it.",
    ),
)

# 10.2: the recovery


async def _published_again(service: type[Any]) -> str:
    lab = await _crashed(service)
    await lab.payments.recover()
    expect(lab.published().count("payment:created"), 1, "the number of payment:created", lab.timeline("Recovered"))
    await lab.settle()
    expect(lab.books().orders[0]["status"], "complete", "the order's status", lab.timeline("Recovered"))
    return "what was due is published, and the order complete"


async def _empty(service: type[Any]) -> str:
    lab = await _crashed(service)
    await lab.payments.recover()
    expect(await _rows(lab), 0, "the number of rows in the outbox after a recovery", lab.timeline("Recovered"))
    return "the outbox is empty afterwards"


async def _bus_away(service: type[Any]) -> str:
    lab = await _crashed(service)
    bus, lab.payments.bus = lab.payments.bus, _Away()  # pyright: ignore[reportAttributeAccessIssue]
    with suppress(ConnectionError):
        await lab.payments.recover()
    lab.payments.bus = bus
    expect(await _rows(lab), 1, "the number of rows in the outbox, after a recovery for which the bus was away,")
    return "while the bus is away, the row stays"


async def _rows(lab: Lab) -> int:
    return len(await lab.payments.outbox.find({}).to_list())


async def _nothing(service: type[Any]) -> str:
    lab = Lab(payments=service)
    await lab.payments.recover()
    expect(lab.published(), [], "what is published when nothing is due")
    return "with nothing due, nothing is published"


def _crashes(service: type[Any]) -> Report:
    return verify(service, scenario=ONE_CLICK, faults=Faults(crashes=2), invariants=["payment-is-published"])


class _Away:
    async def publish(self, *_: Any, **__: Any) -> None:
        raise ConnectionError("the bus does not answer")


async def _crashed(service: type[Any]) -> Lab:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    bus, lab.payments.bus = lab.payments.bus, _Away()  # pyright: ignore[reportAttributeAccessIssue]
    with suppress(ConnectionError):
        await lab.payments.create_charge(order_id="ord_1", token="tok_visa", user_id="ada")
    lab.payments.bus = bus
    return lab


def _recovering(body: str) -> str:
    return "class Recovering(Writing):\n    async def recover(self):\n" + "".join(
        f"        {line}\n" for line in body.strip().splitlines()
    )


recovering = WriteCode(
    id="10.2-recover",
    task="Write `recover`: publish what is due, and lose nothing on the way.",
    name="Recovering",
    prelude="from payments_lab.course.exercises.chapter_10 import Writing\nfrom payments_lab.shop.outbox import publish_row\n",
    starter=_recovering("return 0"),
    solution=_recovering(
        """
rows = await self.outbox.find({}).to_list()
for row in rows:
    await publish_row(self.bus, row)
    await self.outbox.delete_one({"_id": row["_id"]})
return len(rows)
"""
    ),
    hints=(
        "The outbox says what is due. In which order do you publish and delete?",
        "await self.outbox.find({}).to_list(), publish_row(self.bus, row), delete_one: each row for itself.",
        "Publish, then delete. A crash in between publishes the row once more: its id is the message id, so the bus knows it.",
    ),
    misconceptions=(
        Misconception(
            "deletes first",
            _recovering(
                """
rows = await self.outbox.find({}).to_list()
for row in rows:
    await self.outbox.delete_one({"_id": row["_id"]})
    await publish_row(self.bus, row)
return len(rows)
"""
            ),
            "Between your delete and your publish the process can stop, or the bus be away; then the row is gone, and the event "
            "with it.",
            "the bus is away",
        ),
        Misconception(
            "never deletes",
            _recovering(
                """
rows = await self.outbox.find({}).to_list()
for row in rows:
    await publish_row(self.bus, row)
return len(rows)
"""
            ),
            "The row stays, and is published after every start from now on. Delete it once the bus has the event.",
            "the outbox afterwards",
        ),
        Misconception(
            "clears the outbox",
            _recovering(
                """
rows = await self.outbox.find({}).to_list()
for row in rows:
    await self.outbox.delete_one({"_id": row["_id"]})
return len(rows)
"""
            ),
            "A clean table is not the aim: each row is an event that somebody waits for. Publish it first.",
            "an event that is due",
        ),
        Misconception(
            "the first row alone",
            _recovering(
                """
row = await self.outbox.find_one({})
await publish_row(self.bus, row)
await self.outbox.delete_one({"_id": row["_id"]})
return 1
"""
            ),
            "When nothing is due, find_one gives None. Go through all rows, be they none or ten.",
            "nothing is due",
        ),
    ),
    parts=(
        Part("an event that is due", _published_again),
        Part("the outbox afterwards", _empty),
        Part("the bus is away", _bus_away),
        Part("nothing is due", _nothing),
        explored("two crashes, at every await", _crashes),
    ),
)

EXERCISES = (missing_guard, recovering)
