"""Writes together: all or none where there are transactions, else one after the other; the money is the same."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest

from payments_lab import Lab, Settings
from payments_lab.connected import ConnectedShop
from payments_lab.shop.payments import Payment
from payments_lab.shop.reconcile import Reconciler
from payments_lab.stores.connect import connect_mongo
from payments_lab.stores.documents import Collection
from payments_lab.stores.embedded import EmbeddedDatabase
from payments_lab.stores.transactions import Together, Transactions, one_after_the_other, together_on

pytestmark = pytest.mark.anyio

PATIENCE = 20.0
numbers = count(1)


class Died(Exception):
    """The process is no more."""


@pytest.fixture
async def database(secantus_url: str) -> AsyncIterator[Any]:
    """A database of a server that has transactions."""
    database = await connect_mongo(secantus_url, f"together_{os.getpid()}_{next(numbers)}")
    for name in ("payments", "outbox"):
        await database.create_collection(name)
    yield database
    await database.client.drop_database(database.name)
    await database.client.close()


async def pay_and_die(together: Together, payments: Collection, outbox: Collection) -> None:
    async def work() -> None:
        await outbox.insert_one({"_id": "pay_1"})
        raise Died

    with pytest.raises(Died):
        await together(work)


async def test_a_death_between_two_writes_leaves_neither_where_there_are_transactions(database: Any) -> None:
    together = await together_on(database.client)

    await pay_and_die(together, database["payments"], database["outbox"])

    assert isinstance(together, Transactions)
    assert await database["outbox"].count_documents({}) == 0


async def test_a_death_between_two_writes_leaves_the_first_where_there_are_none() -> None:
    database = EmbeddedDatabase("payments")

    await pay_and_die(one_after_the_other, database["payments"], database["outbox"])

    assert await database["outbox"].count_documents({}) == 1


async def test_nobody_sees_the_first_write_before_the_last(database: Any) -> None:
    together, seen = await together_on(database.client), asyncio.Event()
    looked: list[int] = []

    async def look() -> None:
        await seen.wait()
        looked.append(await database["outbox"].count_documents({}))

    async def work() -> str:
        await database["outbox"].insert_one({"_id": "pay_1"})
        seen.set()
        await onlooker
        await database["payments"].insert_one({"_id": "pay_1"})
        return "done"

    onlooker = asyncio.create_task(look())

    assert await together(work) == "done"
    assert looked == [0]
    assert await database["payments"].count_documents({}) == 1


async def test_8_who_want_the_same_document_at_once_get_it_one_after_the_other(database: Any) -> None:
    together = await together_on(database.client)
    await database["payments"].insert_one({"_id": "pay_1", "count": 0})

    async def add() -> None:
        async def work() -> None:
            found = await database["payments"].find_one({"_id": "pay_1"})
            await database["payments"].update_one({"_id": "pay_1"}, {"$set": {"count": found["count"] + 1}})

        await together(work)

    await asyncio.gather(*(add() for _ in range(8)))

    assert (await database["payments"].find_one({"_id": "pay_1"}))["count"] == 8


class Alone:
    """What a server that stands alone says of itself."""

    admin: Any

    def __init__(self, hello: dict[str, Any]) -> None:
        self.admin = self
        self._hello = hello

    async def command(self, _: str) -> dict[str, Any]:
        return self._hello


@pytest.mark.parametrize(
    ("hello", "can"), [({"ok": 1}, False), ({"ok": 1, "setName": "rs0"}, True), ({"ok": 1, "msg": "isdbgrid"}, True)]
)
async def test_a_server_that_stands_alone_has_no_transactions(hello: dict[str, Any], can: bool) -> None:
    client: Any = Alone(hello)

    assert isinstance(await together_on(client), Transactions) is can


@pytest.fixture(params=["embedded", "in order", "in one transaction"])
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[ConnectedShop]:
    url = None if request.param == "embedded" else request.getfixturevalue("secantus_url")
    settings = Settings.load(env_file=None, mongo_url=url, mongo_transactions=request.param == "in one transaction")
    shop = await Lab.connect(settings)
    assert isinstance(shop.payments.together, Transactions) is settings.mongo_transactions
    await shop.start()
    yield shop
    await shop.close()


@pytest.mark.parametrize("method", ["pm_card_visa", "pm_card_threeDSecure2Required"])
async def test_a_payment_by_intent_flows_to_complete_on_either(shop: ConnectedShop, method: str) -> None:
    order = await shop.orders.create(user_id="ada", price=2000)
    stripe = shop.embedded_stripe
    assert stripe is not None
    await until(lambda: shop.payments.orders.find_one({"_id": order.id}))

    async def ask() -> Any:
        return await shop.payments.create_intent(
            order_id=order.id, payment_method=method, user_id="ada", idempotency_key="click-1"
        )

    if not isinstance(await ask(), Payment):
        stripe.authenticate(stripe.payment_intents()[-1]["id"])
    payments = await asyncio.gather(*(ask() for _ in range(4)))
    await until(lambda: complete(shop, order.id))

    assert len({payment.id for payment in payments}) == 1
    assert len(stripe.charges()) == 1


async def complete(shop: ConnectedShop, order_id: str) -> bool:
    """The order is complete, and no book says otherwise."""
    found = await Reconciler(shop.orders, shop.payments).differences()
    if any(each.order_id == order_id for each in found):
        return False
    return (await shop.orders.get(order_id)).status == "complete"


async def until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)
