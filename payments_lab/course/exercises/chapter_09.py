"""Charged twice: name the missing guard; a key that makes a repetition harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from payments_lab.course.code import WriteCode, explored
from payments_lab.course.diagnosis import diagnosis
from payments_lab.course.exercise import Misconception
from payments_lab.course.outcome import Part, Wrong, expect
from payments_lab.explore import Faults, verify
from payments_lab.explore.report import Report
from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.lab import Lab
from payments_lab.shop.errors import AlreadyPaid, OrderIsCancelled
from payments_lab.shop.events import PaymentCreated
from payments_lab.shop.payments import Payment
from payments_lab.shop.replica import ReplicatedOrder

if TYPE_CHECKING:
    import stripe

# 09.1: what is missing?


class _SecondLook(NaivePaymentsService):
    async def charge(self, order: ReplicatedOrder, token: str) -> stripe.Charge:
        if await self.payments.find_one({"orderId": order.id}):
            raise AlreadyPaid(f"order {order.id} is paid already")
        return await super().charge(order, token)


class _VersionCheck(NaivePaymentsService):
    async def charge(self, order: ReplicatedOrder, token: str) -> stripe.Charge:
        if await self.orders.find_one({"_id": order.id, "version": order.version}) is None:
            raise OrderIsCancelled(f"order {order.id} has changed")
        return await super().charge(order, token)


class _MessageId(NaivePaymentsService):
    async def announce(self, payment: Payment) -> None:
        event = PaymentCreated(id=payment.id, order_id=payment.order_id, stripe_id=payment.stripe_id)
        await self.bus.publish(event.subject, event.to_bytes(), message_id=payment.order_id)


class _Key(NaivePaymentsService):
    async def charge(self, order: ReplicatedOrder, token: str) -> stripe.Charge:
        charge = {"amount": order.price, "currency": order.currency, "source": token}
        options = {"idempotency_key": f"charge-{order.id}-{token}"}
        return await self.stripe.v1.charges.create_async(
            {**charge, "metadata": {"orderId": order.id}},  # pyright: ignore[reportArgumentType]
            options,  # pyright: ignore[reportArgumentType]
        )


def _two_clicks(service: type[Any]) -> Report:
    return verify(service, scenario="two-clicks", invariants=["charged-at-most-once"])


missing_guard = diagnosis(
    "09.1-what-is-missing",
    "Which one guard ends the story of the two clicks?",
    guards={
        "a second look": _SecondLook,
        "a version check": _VersionCheck,
        "a unique index": NaivePaymentsService,
        "a message id": _MessageId,
        "an idempotency key": _Key,
    },
    cure="an idempotency key",
    wrong={
        "a second look": "A later look is a look all the same: there is still an await between it and the charge. See the story "
        "again, with one step more.",
        "a version check": "Nothing changes the order between the two clicks: both find the same version.",
        "a unique index": "It is there already, look at the end of the story: the second save is refused, after the second charge.",
        "a message id": "It makes the bus drop the second event. The money was taken before.",
    },
    explore=_two_clicks,
    hints=(
        "Where in the story is the money taken, and who could still say no there?",
        "Every guard of ours acts before or after Stripe's line. One of them acts at Stripe.",
        "Both clicks come to Stripe with a charge. With the same idempotency key the second one is answered with the "
        "first one's charge.",
    ),
)

# 09.2: the key


async def _takes(service: type[Any]) -> str:
    lab = await _shop(service)
    await lab.payments.create_charge(order_id="ord_1", token="tok_visa", user_id="ada")
    (charge,) = lab.stripe.charges()
    expect((charge["amount"], charge["currency"]), (2000, "usd"), "what is charged", lab.timeline("Ada pays"))
    return "the price is charged"


async def _other_card(service: type[Any]) -> str:
    import stripe as library

    lab = await _shop(service)
    try:
        await lab.payments.create_charge(order_id="ord_1", token="tok_chargeDeclined", user_id="ada")
    except library.CardError:
        pass
    else:
        raise Wrong("a declined card pays", lab.timeline("A declined card"))
    try:
        await lab.payments.create_charge(order_id="ord_1", token="tok_visa", user_id="ada")
    except library.StripeError as refused:
        line = f"after a decline, another card can't pay: {type(refused).__name__}"
        raise Wrong(line, lab.timeline("Another card")) from refused
    return "after a decline another card pays"


async def _two_orders(service: type[Any]) -> str:
    lab = await _shop(service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    for order in ("ord_1", "ord_2"):
        await lab.payments.create_charge(order_id=order, token="tok_visa", user_id="ada")
    taken = [charge["metadata"].get("orderId") for charge in lab.stripe.charges()]
    if sorted(taken, key=str) != ["ord_1", "ord_2"]:
        raise Wrong(f"Ada pays two orders, and Stripe has charges for {taken}", lab.timeline("Two orders"))
    return "two orders are two charges"


async def _shop(service: type[Any]) -> Lab:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    return lab


def _clicks(service: type[Any]) -> Report:
    return verify(service, scenario="two-clicks", invariants=["charged-at-most-once"], faults=Faults(retries=1))


def _keyed(key: str) -> str:
    return f"""class Keyed(NaivePaymentsService):
    async def charge(self, order, token):
        charge = {{"amount": order.price, "currency": order.currency, "source": token}}
        charge["metadata"] = {{"orderId": order.id}}
        options = {{"idempotency_key": {key}}}
        return await self.stripe.v1.charges.create_async(charge, options)
"""


keyed = WriteCode(
    id="09.2-a-key",
    task="Make the key out of what names the attempt.",
    name="Keyed",
    prelude="from payments_lab.explore.zoo import NaivePaymentsService\n",
    starter=_keyed('self.ids.new("key")'),
    solution=_keyed('f"{order.id}-{token}"'),
    hints=(
        "When should two requests have the same key, and when not?",
        "Two clicks on the same button: the same. Another order, another card: not the same.",
        'f"{order.id}-{token}": two clicks send the same order and token; another card is another token; another order '
        "another id.",
    ),
    misconceptions=(
        Misconception(
            "the order alone",
            _keyed('f"order-{order.id}"'),
            "A decline is kept under the key as well, and other parameters are refused: the buyer with another card is locked "
            "out.",
            "another card",
        ),
        Misconception(
            "the card alone",
            _keyed("token"),
            "The same card pays two orders: Stripe refuses the second, or answers with the first one's charge.",
            "two orders",
        ),
        Misconception(
            "the price",
            _keyed('f"{order.user_id}-{order.price}"'),
            "Two tickets of the same price are two payments. An amount names nothing.",
            "two orders",
        ),
        Misconception(
            "no key after all",
            _keyed('self.ids.new("key")').replace(", options)", ")").replace("        options", "        unused"),
            "Without a key, or with a new one for each click, each click is a charge. (The library makes up a random one, for its own retries.)",
            "every order of two clicks",
        ),
        Misconception(
            "what is new each time",
            "import uuid\n\n\n" + _keyed("str(uuid.uuid4())"),
            "Time and chance make a new key for each click, and each click a charge. Make it of what both clicks share.",
            "every order of two clicks",
        ),
        Misconception(
            "one for all",
            _keyed('"payment"'),
            "One key for everything: the first charge is the last one that anybody can make.",
            "another card",
        ),
    ),
    parts=(
        Part("one payment", _takes),
        Part("another card", _other_card),
        Part("two orders", _two_orders),
        explored("every order of two clicks", _clicks),
    ),
)

EXERCISES = (missing_guard, keyed)
