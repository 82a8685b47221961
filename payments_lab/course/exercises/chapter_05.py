"""Stripe: a charge of the right amount, in the right currency, for the right order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from payments_lab.course.code import WriteCode
from payments_lab.course.exercise import Misconception
from payments_lab.course.outcome import Part, Wrong, expect
from payments_lab.course.prediction import prediction
from payments_lab.lab import Lab
from payments_lab.ports import Operation, scheduled_by
from payments_lab.shop.errors import NotTheOwner

T = TypeVar("T")


async def _shop(service: type[Any], currency: str = "usd") -> Lab:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000, currency=currency)
    await lab.settle()
    return lab


async def _paid(service: type[Any], currency: str = "usd") -> tuple[Lab, Sequence[Mapping[str, Any]]]:
    lab = await _shop(service, currency)
    answer: object = await lab.payments.create_charge(order_id="ord_1", token="tok_visa", user_id="ada")
    if cast("object", answer) is None:
        raise Wrong("it charges, and answers with nothing: return the charge", lab.timeline("Ada pays"))
    return lab, [charge for charge in lab.stripe.charges() if charge["paid"]]


async def _dollars(service: type[Any]) -> str:
    lab, charges = await _paid(service)
    expect([(each["amount"], each["currency"]) for each in charges], [(2000, "usd")], "what is charged", lab.timeline())
    return "a ticket of $20.00 is 2000 usd"


async def _yen(service: type[Any]) -> str:
    lab, charges = await _paid(service, "jpy")
    expect([(each["amount"], each["currency"]) for each in charges], [(2000, "jpy")], "what is charged", lab.timeline())
    return "a ticket of ¥2000 is 2000 jpy"


async def _named(service: type[Any]) -> str:
    lab, charges = await _paid(service)
    expect(
        [each["metadata"].get("orderId") for each in charges], ["ord_1"], "the order in the metadata", lab.timeline()
    )
    return "the charge names its order"


async def _declined(service: type[Any]) -> str:
    import stripe

    lab = await _shop(service)
    try:
        await lab.payments.create_charge(order_id="ord_1", token="tok_chargeDeclined", user_id="ada")
    except stripe.CardError as error:
        return f"a declined card raises CardError: {error.code}"
    raise Wrong("the card was declined, and the handler answers as if it were paid", lab.timeline("A declined card"))


async def _stranger(service: type[Any]) -> str:
    lab = await _shop(service)
    try:
        await lab.payments.create_charge(order_id="ord_1", token="tok_visa", user_id="eve")
    except NotTheOwner:
        expect(len(lab.stripe.charges()), 0, "the number of charges of a stranger", lab.timeline("Eve pays"))
        return "a stranger is refused, and not charged"
    raise Wrong("eve pays ada's order", lab.timeline("Eve pays"))


class _Listens:
    """Does everything at once, and notes what was awaited."""

    def __init__(self) -> None:
        self.awaited: list[str] = []

    async def step(self, operation: Operation, perform: Callable[[], T]) -> T:
        self.awaited.append(operation.verb)
        return perform()


async def _awaited(service: type[Any]) -> str:
    lab, listens = await _shop(service), _Listens()
    with scheduled_by(listens):
        await lab.payments.create_charge(order_id="ord_1", token="tok_visa", user_id="ada")
    if lab.stripe.charges() and "POST /v1/charges" not in listens.awaited:
        raise Wrong("while Stripe thinks, no other request is answered: the call is not awaited", lab.timeline())
    return "others are served while Stripe thinks"


PRELUDE = """
import stripe
from payments_lab import PaymentsService
from payments_lab.shop.errors import NotTheOwner, OrderIsCancelled, OrderNotFound


class Checked(PaymentsService):
    async def order_to_pay(self, order_id, user_id):
        order = await self.orders.find_one({"_id": order_id})
        if order is None:
            raise OrderNotFound("no such order")
        if order["userId"] != user_id:
            raise NotTheOwner("not your order")
        if order["status"] == "cancelled":
            raise OrderIsCancelled("a cancelled order can't be paid")
        return order
"""

_HEAD = """class Charges(Checked):
    async def create_charge(self, *, order_id, token, user_id, idempotency_key=None):
"""
_ORDER = "order = await self.order_to_pay(order_id, user_id)\n"
_SEND = "return await self.stripe.v1.charges.create_async(charge)\n"
_META = 'charge["metadata"] = {"orderId": order_id}\n'


def _asking(amount: str = 'order["price"]', currency: str = 'order["currency"]') -> str:
    return f'charge = {{"amount": {amount}, "currency": {currency}, "source": token}}\n'


def _charging(*lines: str) -> str:
    return _HEAD + "".join(f"        {line}\n" for line in "".join(lines).splitlines())


charging = WriteCode(
    id="05.2-a-charge",
    task="Charge the price of the order, in its currency, and say for which order.",
    name="Charges",
    prelude=PRELUDE,
    starter=_charging(_ORDER, _asking('order["price"] * 100', '"usd"'), _SEND),
    solution=_charging(_ORDER, _asking(), _META, _SEND),
    hints=(
        "Three things come from the order, one from the browser.",
        "amount and currency are the order's, as they are; the token is the source; metadata takes {'orderId': order_id}.",
        "2000 and usd give 2000 usd; 2000 and jpy give 2000 jpy, with nothing multiplied. Let CardError through.",
    ),
    misconceptions=(
        Misconception(
            "times a hundred",
            _charging(_ORDER, _asking('order["price"] * 100'), _META, _SEND),
            "The price is in minor units already: 2000 cents. Times a hundred is $2000.00.",
            "dollars",
        ),
        Misconception(
            "dollars for cents",
            _charging(_ORDER, _asking('order["price"] // 100'), _META, _SEND),
            "Stripe takes minor units. 20 is twenty cents, which it refuses as too small.",
            "dollars",
        ),
        Misconception(
            "always dollars",
            _charging(_ORDER, _asking(currency='"usd"'), _META, _SEND),
            "The currency is the order's: 2000 yen are not 2000 cents.",
            "yen",
        ),
        Misconception(
            "nobody knows for what",
            _charging(_ORDER, _asking(), _SEND),
            "In Stripe's books the charge has an amount and a card, and nothing that says which order it was for: metadata.",
            "the metadata",
        ),
        Misconception(
            "swallows the decline",
            _charging(
                _ORDER,
                _asking(),
                _META,
                "try:\n    return await self.stripe.v1.charges.create_async(charge)\nexcept stripe.CardError:\n    return None\n",
            ),
            "The card was declined, and whoever called you believes that it was not. Let CardError through.",
            "a declined card",
        ),
        Misconception(
            "holds everybody up",
            _charging(_ORDER, _asking(), _META, "return self.stripe.v1.charges.create(charge)\n"),
            "create waits for Stripe's answer, a second or more, and so does everybody else: this process has one thread. "
            "await create_async lets others go on.",
            "the await",
        ),
        Misconception(
            "charges first, asks later",
            _charging(
                'order = await self.orders.find_one({"_id": order_id})\n',
                _asking(),
                _META,
                "charged = await self.stripe.v1.charges.create_async(charge)\n",
                "await self.order_to_pay(order_id, user_id)\nreturn charged\n",
            ),
            "Eve is refused after she has paid. All checks come before the charge.",
            "a stranger",
        ),
    ),
    parts=(
        Part("dollars", _dollars),
        Part("yen", _yen),
        Part("the metadata", _named),
        Part("a declined card", _declined),
        Part("a stranger", _stranger),
        Part("the await", _awaited),
    ),
)

EXERCISES = (
    prediction(
        "05.1-yen",
        "A ticket costs 2000 yen. What amount does TimesHundred charge?",
        200000,
        because="It multiplies whatever it finds, and the yen has no hundredth part.",
        wrong={
            2000: "That would be right, and it is what the other handler charges. This one multiplies.",
            20: "It multiplies by a hundred; it does not divide.",
            20000: "Count the noughts: two thousand times a hundred.",
            200: "Too little by far: two thousand times a hundred.",
        },
        actual="rows[0][1]",
        hints=(
            "Read the name of the handler.",
            "It takes the price in minor units, times a hundred, in whatever currency.",
            "2000 × 100 = 200000, and it says usd to it: $2000.00 for a ticket of about fourteen.",
        ),
    ),
    charging,
)
