"""The charge handler: who may pay what, and tests that reach each check."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from payments_lab.course.code import WriteCode
from payments_lab.course.exercise import Misconception
from payments_lab.course.outcome import Part, Wrong, expect
from payments_lab.course.testing import RIGHT, Mutant, WriteTests
from payments_lab.diagrams import Table
from payments_lab.lab import Lab
from payments_lab.shop.errors import NotTheOwner, OrderIsCancelled, OrderNotFound, ShopError
from payments_lab.shop.payments import PaymentsService

ADA, EVE = "ada", "eve"
OPEN, CANCELLED, UNKNOWN = "ord_1", "ord_2", "ord_404"


async def _shop(service: type[Any]) -> Any:
    """Ada has two orders, of which the second is cancelled."""
    lab = Lab(payments=service)
    for _ in range(2):
        await lab.orders.create(user_id=ADA, price=2000)
    await lab.orders.cancel(CANCELLED)
    await lab.settle()
    return lab.payments


async def _answer(service: type[Any], order: str, user: str) -> int:
    payments = await _shop(service)
    try:
        found = await payments.order_to_pay(order, user)
    except ShopError as refused:
        return refused.status
    if found is None:
        raise Wrong(f"{user} asks for {order}, and is neither given an order nor refused")
    if not isinstance(found, Mapping):
        raise Wrong(f"{user} asks for {order}, and is answered with {found!r}: return the order, or raise the refusal")
    return 200


def _asked(order: str, user: str, wanted: int, tried: str) -> Any:
    async def trial(service: type[Any]) -> str:
        expect(await _answer(service, order, user), wanted, f"the status for {user} and {order}")
        return tried

    return trial


_HEAD = """class Validating(PaymentsService):
    async def order_to_pay(self, order_id, user_id):
        order = await self.orders.find_one({"_id": order_id})
"""

_EXISTS = """if order is None:
    raise OrderNotFound("no such order")
"""
_OWNED = """if order["userId"] != user_id:
    raise NotTheOwner("not your order")
"""
_ACTIVE = """if order["status"] == "cancelled":
    raise OrderIsCancelled("a cancelled order can't be paid")
"""


def _validating(*checks: str) -> str:
    return _HEAD + "".join(f"        {line}\n" for line in ("".join(checks) + "return order\n").splitlines())


validating = WriteCode(
    id="04.1-order-to-pay",
    task="Write the checks: existence, owner, state.",
    name="Validating",
    prelude="""
from payments_lab import PaymentsService
from payments_lab.shop.errors import NotTheOwner, OrderIsCancelled, OrderNotFound
""",
    starter="""class Validating(PaymentsService):
    async def order_to_pay(self, order_id, user_id):
        return await self.orders.find_one({"_id": order_id})
""",
    solution=_validating(_EXISTS, _OWNED, _ACTIVE),
    hints=(
        "Three questions about the order, and each answer tells something to whoever asks. Which may be told to a stranger?",
        "OrderNotFound (404), then NotTheOwner (401), then OrderIsCancelled (400).",
        "Eve asks for ada's cancelled order: it exists, it is not hers, so 401, before anybody looks at its state.",
    ),
    misconceptions=(
        Misconception(
            "the state first",
            _validating(_EXISTS, _ACTIVE, _OWNED),
            "A stranger learns from you that the order is cancelled. The owner comes before the state.",
            "a stranger, and a cancelled order",
        ),
        Misconception(
            "whose order?",
            _validating(_EXISTS, _ACTIVE),
            "Anybody may pay, and see, anybody's order. Compare its userId.",
            "a stranger",
        ),
        Misconception(
            "it will be there",
            _validating(_OWNED, _ACTIVE),
            "find_one gives None for an unknown id, and None has no owner: the handler fails with a 500.",
            "an unknown order",
        ),
        Misconception(
            "cancelled is paid for, too",
            _validating(_EXISTS, _OWNED),
            "Nobody asks for the status: a cancelled order is paid.",
            "a cancelled order",
        ),
        Misconception(
            "strangers hear nothing",
            _validating(
                _EXISTS, _OWNED.replace('NotTheOwner("not your order")', 'OrderNotFound("no such order")'), _ACTIVE
            ),
            "Wise, and many services do so. Here, as in the course, somebody else's order is NotTheOwner, a 401.",
            "a stranger",
        ),
        Misconception(
            "one answer for all",
            _validating(
                'if order is None or order["userId"] != user_id or order["status"] == "cancelled":\n'
                '    raise OrderNotFound("no such order")\n'
            ),
            "Ada herself is told that her order does not exist. To a stranger that would be wise; to her it is a riddle.",
            "a cancelled order",
        ),
    ),
    parts=(
        Part("her own order", _asked(OPEN, ADA, 200, "ada may pay hers")),
        Part("an unknown order", _asked(UNKNOWN, ADA, 404, "an unknown one is a 404")),
        Part("a stranger", _asked(OPEN, EVE, 401, "somebody else's is a 401")),
        Part("a cancelled order", _asked(CANCELLED, ADA, 400, "a cancelled one is a 400")),
        Part(
            "a stranger, and a cancelled order",
            _asked(CANCELLED, EVE, 401, "somebody else's cancelled one is a 401, and tells no more"),
        ),
    ),
)

# 04.2: tests that reach each check


class _Right(PaymentsService):
    async def order_to_pay(self, order_id: str, user_id: str) -> Mapping[str, Any]:
        order = await self.orders.find_one({"_id": order_id})
        if order is None:
            raise OrderNotFound("no such order")
        if order["userId"] != user_id:
            raise NotTheOwner("not your order")
        if order["status"] == "cancelled":
            raise OrderIsCancelled("a cancelled order can't be paid")
        return order


class _FindsByOwner(_Right):
    async def order_to_pay(self, order_id: str, user_id: str) -> Mapping[str, Any]:
        order = await self.orders.find_one({"_id": order_id, "userId": user_id})
        if order is None or order["status"] == "cancelled":
            return await super().order_to_pay(order_id, user_id)
        return order


class _AnyOwner(_Right):
    async def order_to_pay(self, order_id: str, user_id: str) -> Mapping[str, Any]:
        order = await self.orders.find_one({"_id": order_id})
        return await super().order_to_pay(order_id, user_id if order is None else order["userId"])


class _AnyState(_Right):
    async def order_to_pay(self, order_id: str, user_id: str) -> Mapping[str, Any]:
        with suppress(OrderIsCancelled):
            return await super().order_to_pay(order_id, user_id)
        return {"_id": order_id}


class _StateFirst(_Right):
    async def order_to_pay(self, order_id: str, user_id: str) -> Mapping[str, Any]:
        if await self.orders.find_one({"_id": order_id, "status": "cancelled"}):
            raise OrderIsCancelled("a cancelled order can't be paid")
        return await super().order_to_pay(order_id, user_id)


class _Closed(_Right):
    async def order_to_pay(self, order_id: str, user_id: str) -> Mapping[str, Any]:
        await super().order_to_pay(order_id, user_id)
        raise OrderIsCancelled("come back tomorrow")


class _NeverHeardOfIt(_Right):
    async def order_to_pay(self, order_id: str, user_id: str) -> Mapping[str, Any]:
        try:
            return await super().order_to_pay(order_id, user_id)
        except OrderNotFound:
            raise NotTheOwner("not your order") from None


async def _counter(service: type[Any]) -> Mapping[str, Any]:
    async def status(order: str, user: str) -> int:
        return await _answer(service, order, user)

    return {"status": status, "open_order": OPEN, "cancelled_order": CANCELLED}


async def _drawn(service: type[Any]) -> Table:
    asked = [(order, user) for order in (OPEN, CANCELLED, UNKNOWN) for user in (ADA, EVE)]
    rows = [
        (order, user, await _answer(_Right, order, user), await _answer(service, order, user)) for order, user in asked
    ]
    return Table(("order", "user", "should be", "is"), rows, title="ord_1 and ord_2 are ada's, ord_2 is cancelled")


def _tests(**methods: str) -> str:
    written = (
        f"    async def test_{name}(self, status, open_order, cancelled_order):\n"
        + "".join(f"        {line}\n" for line in body.strip().splitlines())
        for name, body in methods.items()
    )
    return "class TestsOfValidation:\n" + "\n".join(written)


_T201 = 'assert await status(open_order, "ada") == 200'
_T404 = 'assert await status("ord_404", "ada") == 404'
_T401 = 'assert await status(open_order, "eve") == 401'
_T400 = 'assert await status(cancelled_order, "ada") == 400'
_TBOTH = 'assert await status(cancelled_order, "eve") == 401'

tests_of_validation = WriteTests(
    id="04.2-tests-of-validation",
    task="Test the checks, each reached, and their order.",
    name="TestsOfValidation",
    starter=_tests(a_strangers_order='assert await status("ord_of_eve", "ada") >= 400'),
    solution=_tests(
        the_owner_gets_through=_T201,
        unknown=_T404,
        a_stranger=_T401,
        cancelled=_T400,
        a_stranger_learns_nothing=_TBOTH,
    ),
    hints=(
        "Which check does the test of the starter really reach?",
        "Name the status exactly; use an order that exists where another check is meant; let one test through.",
        "200 for ada and open_order, 404 for an unknown id, 401 for eve and open_order, 400 for ada and cancelled_order, 401 "
        "for eve and cancelled_order.",
    ),
    misconceptions=(
        Misconception(
            "hits the 404 by mistake",
            _tests(
                open_=_T201,
                unknown=_T404,
                a_stranger='assert await status("ord_of_bob", "ada") == 404',
                cancelled=_T400,
            ),
            "That order does not exist: your test of strangers is a second test of 404. A stranger needs an order that "
            "somebody else has.",
            "catches: asks nobody who they are",
        ),
        Misconception(
            "nobody gets through",
            _tests(unknown=_T404, a_stranger=_T401, cancelled=_T400, both=_TBOTH),
            "A service that refuses everybody passes your tests. Let the owner through once.",
            "catches: closed",
        ),
        Misconception(
            "one check at a time",
            _tests(open_=_T201, unknown=_T404, a_stranger=_T401, cancelled=_T400),
            "What is Eve told about Ada's cancelled order? Two checks could refuse her, and only one may speak.",
            "catches: the state first",
        ),
        Misconception(
            "refused is refused",
            _tests(
                open_=_T201,
                unknown='assert await status("ord_404", "ada") >= 400',
                a_stranger=_T401,
                cancelled=_T400,
                both=_TBOTH,
            ),
            "`>= 400` takes any refusal for the right one, a crash of the handler included. Name the status.",
            "catches: never heard of 404",
        ),
        Misconception(
            "cancelled and not mine",
            _tests(
                open_=_T201,
                unknown=_T404,
                a_stranger=_T401,
                cancelled='assert await status(cancelled_order, "eve") == 400',
            ),
            "Eve must not reach the check of the state. Sign in as the owner: the helper takes a user for that.",
            RIGHT,
        ),
    ),
    right=(_Right, _FindsByOwner),
    mutants=(
        Mutant("asks nobody who they are", _AnyOwner, "lets anybody pay anybody's order"),
        Mutant("takes cancelled orders", _AnyState, "takes money for cancelled orders"),
        Mutant("the state first", _StateFirst, "tells strangers that an order is cancelled"),
        Mutant("closed", _Closed, "refuses everybody"),
        Mutant("never heard of 404", _NeverHeardOfIt, "answers 401 where there is no order"),
    ),
    fixtures=_counter,
    show=_drawn,
)

EXERCISES = (validating, tests_of_validation)
