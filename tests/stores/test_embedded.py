"""The embedded engines as resources: whole states that can be taken out, put back and compared."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import pytest

from payments_lab.ports import Operation, scheduled_by
from payments_lab.stores.embedded import EmbeddedCollection, EmbeddedDatabase
from payments_lab.stores.jobs import EmbeddedRedis

T = TypeVar("T")

pytestmark = pytest.mark.anyio


@pytest.fixture
def orders() -> EmbeddedCollection:
    return EmbeddedDatabase("payments")["orders"]


async def test_a_restored_snapshot_is_the_same_state(orders: EmbeddedCollection) -> None:
    await orders.insert_one({"_id": "a", "at": datetime(2026, 1, 1, tzinfo=UTC), "deep": {"list": [1, "two"]}})
    before, documents = orders.snapshot(), orders.documents()
    await orders.update_one({"_id": "a"}, {"$set": {"price": 1}})
    assert orders.snapshot() != before

    orders.restore(before)

    assert orders.snapshot() == before
    assert orders.documents() == documents


async def test_the_order_of_arrival_is_no_part_of_the_state() -> None:
    one, other = EmbeddedDatabase("x")["c"], EmbeddedDatabase("y")["c"]
    for name in ("a", "b"):
        await one.insert_one({"_id": name, "p": 1, "q": 2})
    for name in ("b", "a"):
        await other.insert_one({"q": 2, "p": 1, "_id": name})

    assert one.snapshot() == other.snapshot()


async def test_a_unique_index_survives_a_restored_snapshot(orders: EmbeddedCollection) -> None:
    from pymongo.errors import DuplicateKeyError

    await orders.create_index("orderId", unique=True)
    empty = orders.snapshot()
    await orders.insert_one({"_id": "a", "orderId": "o"})
    orders.restore(empty)
    await orders.insert_one({"_id": "b", "orderId": "o"})

    with pytest.raises(DuplicateKeyError):
        await orders.insert_one({"_id": "c", "orderId": "o"})


async def test_delayed_jobs_are_a_state_too() -> None:
    redis = EmbeddedRedis()
    await redis.zadd("jobs", {"ord_1": 10.5, "ord_2": 20})
    before = redis.snapshot()
    await redis.zrem("jobs", "ord_1")
    redis.restore(before)

    assert redis.jobs("jobs") == [("ord_1", 10.5), ("ord_2", 20.0)]
    assert await redis.zrangebyscore("jobs", "-inf", 15) == ["ord_1"]


async def test_two_embedded_redis_share_nothing() -> None:
    one, other = EmbeddedRedis(), EmbeddedRedis()
    await one.zadd("jobs", {"ord_1": 1})

    assert other.jobs("jobs") == []


async def test_an_upsert_makes_the_same_id_in_every_run_and_none_twice() -> None:
    ids: list[list[object]] = []
    for _ in range(2):
        orders = EmbeddedDatabase("payments")["orders"]
        for status in ("open", "closed"):
            await orders.update_one({"status": "open"}, {"$set": {"status": status}}, upsert=True)
        await orders.find_one_and_update({"status": "open"}, {"$set": {"price": 1}}, upsert=True)
        await orders.replace_one({"status": "late"}, {"status": "late"}, upsert=True)
        await orders.insert_many([{"status": "new"}])
        ids.append([document["_id"] for document in orders.documents()])

    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 4


async def test_the_results_of_updates_and_deletions_are_the_same_in_every_run() -> None:
    results: list[str] = []
    for _ in range(2):
        orders = EmbeddedDatabase("payments")["orders"]
        updated = await orders.update_one({"_id": "a"}, {"$set": {"x": 1}}, upsert=True)
        results.append(f"{updated!r} {await orders.delete_one({'_id': 'a'})!r}")

    assert results[0] == results[1]


class Recorder:
    """A scheduler that lets everything happen at once and writes down what it was asked."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    async def step(self, operation: Operation, perform: Callable[[], T]) -> T:
        self.operations.append(operation)
        return perform()


async def test_every_call_is_one_checkpoint_with_its_resource_and_whether_it_writes(
    orders: EmbeddedCollection,
) -> None:
    recorder = Recorder()
    with scheduled_by(recorder):
        await orders.insert_one({"_id": "a"})
        await orders.find_one({"_id": "a"})
        await orders.find({}).to_list()
        await orders.update_one({"_id": "a"}, {"$set": {"x": 1}})
        await orders.delete_one({"_id": "a"})
        await orders.insert_many([{"_id": "b"}])
        await orders.replace_one({"_id": "b"}, {"x": 1})
        await orders.distinct("x")
        await orders.update_many({}, {"$set": {"x": 2}})
        await orders.find_one_and_replace({"_id": "b"}, {"x": 3})
        await orders.count_documents({})
        await orders.find_one_and_delete({"_id": "b"})
        await orders.delete_many({})

    assert [(each.resource, each.verb, each.writes) for each in recorder.operations] == [
        ("payments.orders", "insert_one", True),
        ("payments.orders", "find_one", False),
        ("payments.orders", "find", False),
        ("payments.orders", "update_one", True),
        ("payments.orders", "delete_one", True),
        ("payments.orders", "insert_many", True),
        ("payments.orders", "replace_one", True),
        ("payments.orders", "distinct", False),
        ("payments.orders", "update_many", True),
        ("payments.orders", "find_one_and_replace", True),
        ("payments.orders", "count_documents", False),
        ("payments.orders", "find_one_and_delete", True),
        ("payments.orders", "delete_many", True),
    ]
