"""Mocked versus realistic: how much a mock sees, and tests that look into Stripe's books."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from payments_lab.course.exercise import Misconception
from payments_lab.course.prediction import prediction
from payments_lab.course.testing import RIGHT, Mutant, WriteTests
from payments_lab.diagrams import Story
from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.lab import Lab
from payments_lab.shop.payments import Payment, PaymentsService

if TYPE_CHECKING:
    import stripe

    from payments_lab.shop.replica import ReplicatedOrder


class _Asking(NaivePaymentsService):
    def asked(self, order: ReplicatedOrder, token: str) -> dict[str, Any]:
        metadata = {"orderId": order.id}
        return {"amount": order.price, "currency": order.currency, "source": token, "metadata": metadata}

    async def charge(self, order: ReplicatedOrder, token: str) -> stripe.Charge:
        return await self.stripe.v1.charges.create_async(self.asked(order, token))  # pyright: ignore[reportArgumentType]


class _Dollars(_Asking):
    def asked(self, order: ReplicatedOrder, token: str) -> dict[str, Any]:
        return {**super().asked(order, token), "amount": order.price // 10}


class _AlwaysEuro(_Asking):
    def asked(self, order: ReplicatedOrder, token: str) -> dict[str, Any]:
        return {**super().asked(order, token), "currency": "eur"}


class _NoMetadata(_Asking):
    def asked(self, order: ReplicatedOrder, token: str) -> dict[str, Any]:
        return {**super().asked(order, token), "metadata": {}}


class _OneToken(_Asking):
    def asked(self, order: ReplicatedOrder, token: str) -> dict[str, Any]:
        return {**super().asked(order, token), "source": "tok_visa"}


class _Twice(_Asking):
    async def charge(self, order: ReplicatedOrder, token: str) -> stripe.Charge:
        await super().charge(order, token)
        return await super().charge(order, token)


class _MadeUp(_Asking):
    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        import stripe

        if token != "tok_visa":
            raise stripe.CardError("declined", "source", "card_declined")  # pyright: ignore[reportUnknownMemberType]
        order = await self.order_to_pay(order_id, user_id)
        return Payment(
            id="pay_1",
            order_id=order_id,
            stripe_id="ch_1",
            amount=order.price,
            currency=order.currency,
            status="paid",  # pyright: ignore[reportArgumentType]
        )


async def _shop(service: type[Any]) -> Mapping[str, Any]:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()

    async def pay(token: str = "tok_visa") -> Payment:
        return await lab.payments.create_charge(order_id="ord_1", token=token, user_id="ada")

    return {"pay": pay, "charges": lab.stripe.charges}


async def _drawn(service: type[Any]) -> Story:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    await lab.payments.create_charge(order_id="ord_1", token="tok_visa", user_id="ada")
    return lab.timeline("Ada pays")


def _tests(**methods: str) -> str:
    written = (
        f"    async def test_{name}(self, pay, charges):\n"
        + "".join(f"        {line}\n" for line in body.strip().splitlines())
        for name, body in methods.items()
    )
    return "class TestsOfTheCharge:\n" + "\n".join(written)


_BOOKS = """
await pay()
(charge,) = charges()
assert (charge["amount"], charge["currency"]) == (2000, "usd")
assert charge["metadata"]["orderId"] == "ord_1"
"""
_DECLINED = """
with pytest.raises((stripe.CardError, Declined)):
    await pay("tok_chargeDeclined")
"""

realistic = WriteTests(
    id="06.2-realistic-tests",
    task="Test what is in Stripe's books, not what the handler answers.",
    name="TestsOfTheCharge",
    prelude="import pytest\nimport stripe\nfrom payments_lab.shop.errors import Declined\n",
    starter=_tests(it_answers="payment = await pay()\nassert payment.stripe_id"),
    solution=_tests(the_books=_BOOKS, a_decline=_DECLINED),
    hints=(
        "Who knows how much money was taken: the handler, or Stripe?",
        "charges() are Stripe's books: their number, amount, currency and metadata. And a card may be declined.",
        "One charge, 2000, usd, orderId ord_1; and pay('tok_chargeDeclined') raises.",
    ),
    misconceptions=(
        Misconception(
            "believes the answer",
            _tests(
                the_answer='payment = await pay()\nassert (payment.amount, payment.currency) == (2000, "usd")',
                a_decline=_DECLINED,
            ),
            "The handler answers what it likes. Only charges() know what was taken.",
            "catches: a tenth",
        ),
        Misconception(
            "the newest one",
            _tests(the_books=_BOOKS.replace("(charge,) = charges()", "charge = charges()[0]"), a_decline=_DECLINED),
            "You look at one charge. How many are there?",
            "catches: charges twice",
        ),
        Misconception(
            "an amount is a name",
            _tests(
                the_books=_BOOKS.replace('assert charge["metadata"]["orderId"] == "ord_1"\n', ""), a_decline=_DECLINED
            ),
            "Somebody else's charge may have the same amount. The metadata say whose it is.",
            "catches: names no order",
        ),
        Misconception(
            "a number without a unit",
            _tests(
                the_books=_BOOKS.replace(
                    '(charge["amount"], charge["currency"]) == (2000, "usd")', 'charge["amount"] == 2000'
                ),
                a_decline=_DECLINED,
            ),
            "2000 of what? Assert the currency beside the amount.",
            "catches: always euro",
        ),
        Misconception(
            "every card is good",
            _tests(the_books=_BOOKS),
            "No test of yours pays with a card that is declined, and one service never sends your token at all.",
            "catches: always the same token",
        ),
        Misconception(
            "a declined attempt leaves no trace",
            _tests(
                the_books=_BOOKS,
                a_decline=_DECLINED + "assert charges() == []",
            ),
            "Stripe keeps a declined attempt in its books, too, as a charge that is not paid. A right service fails your test.",
            RIGHT,
        ),
    ),
    right=(NaivePaymentsService, PaymentsService),
    mutants=(
        Mutant("a tenth", _Dollars, "charges a tenth of the price"),
        Mutant("always euro", _AlwaysEuro, "charges euro for dollars"),
        Mutant("names no order", _NoMetadata, "leaves the metadata empty"),
        Mutant("always the same token", _OneToken, "sends one token for every card"),
        Mutant("charges twice", _Twice, "charges twice"),
        Mutant("never charges", _MadeUp, "makes up a charge"),
    ),
    fixtures=_shop,
    show=_drawn,
)

EXERCISES = (
    prediction(
        "06.1-what-a-mock-sees",
        "Eleven mistakes: how many does the mocked suite catch?",
        4,
        because="It sees what is asked, if its author thought of it; never what Stripe makes of it.",
        wrong={
            0: "It does look at the question: amount, currency and source are asserted. Which mistakes change one of these?",
            7: "Some mistakes happen beside the question that is asserted: twice, declined, misread, metadata. It sees none of them.",
            10: "Ten is what the realistic suite catches. The mock has no rules of its own.",
            11: "All of them? It says yes to everything, and remembers one question.",
        },
        actual="caught[0]",
        hints=(
            "The mocked suite has three assertions. What are they about?",
            "Source, currency, amount, and that it was asked at all. Go through the list of mistakes with these four.",
            "Dollars for cents, an empty currency, another card, never asked: four. (The fraction 2000.0 equals 2000, and "
            "tok_visa is what the test sends anyway.)",
        ),
    ),
    realistic,
)
