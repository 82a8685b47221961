"""What the shop needs of a document store: the same tests on mongomock and on servers that PyMongo reaches."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest
from pymongo.errors import BulkWriteError, DuplicateKeyError

from payments_lab.stores.connect import connect_mongo
from payments_lab.stores.documents import Collection

pytestmark = pytest.mark.anyio


async def test_a_document_comes_back_as_it_went_in(documents: Collection) -> None:
    moment = datetime(2026, 1, 1, 12, 15, tzinfo=UTC)
    await documents.insert_one({"_id": "a", "price": 2000, "expiresAt": moment, "ticket": {"id": "t"}})

    found = await documents.find_one({"_id": "a"})

    assert found == {"_id": "a", "price": 2000, "expiresAt": moment, "ticket": {"id": "t"}}
    assert found["expiresAt"].utcoffset() == timedelta(0)


async def test_nothing_is_found_where_nothing_matches(documents: Collection) -> None:
    assert await documents.find_one({"_id": "a"}) is None
    assert await documents.find({"status": "paid"}).to_list() == []
    assert await documents.count_documents({}) == 0


async def test_a_second_document_with_the_same_id_is_refused(documents: Collection) -> None:
    await documents.insert_one({"_id": "a"})

    with pytest.raises(DuplicateKeyError):
        await documents.insert_one({"_id": "a"})


async def test_a_document_without_an_id_is_given_one(documents: Collection) -> None:
    document = {"price": 1}
    await documents.insert_one(document)

    assert await documents.find_one({"_id": document["_id"]}) == document


async def test_a_unique_index_allows_one_payment_an_order_among_8_who_try(documents: Collection) -> None:
    await documents.create_index("orderId", unique=True)

    async def insert(writer: int) -> bool:
        try:
            await documents.insert_one({"_id": f"pay_{writer}", "orderId": "ord_1"})
        except DuplicateKeyError:
            return False
        return True

    assert sum(await asyncio.gather(*(insert(writer) for writer in range(8)))) == 1
    assert await documents.count_documents({}) == 1


async def test_versions_under_8_concurrent_writers_lose_no_update(documents: Collection) -> None:
    await documents.insert_one({"_id": "a", "version": 0, "writers": []})

    async def append(writer: int) -> None:
        while True:
            current = await documents.find_one({"_id": "a"})
            assert current is not None
            updated = await documents.find_one_and_update(
                {"_id": "a", "version": current["version"]},
                {"$set": {"version": current["version"] + 1, "writers": [*current["writers"], writer]}},
            )
            if updated is not None:
                return

    await asyncio.gather(*(append(writer) for writer in range(8)))

    final = await documents.find_one({"_id": "a"})
    assert final is not None
    assert (final["version"], sorted(final["writers"])) == (8, list(range(8)))


async def test_update_if_current_tells_before_or_after_as_asked(documents: Collection) -> None:
    await documents.insert_one({"_id": "a", "version": 0})

    before = await documents.find_one_and_update({"_id": "a", "version": 0}, {"$set": {"version": 1}})
    after = await documents.find_one_and_update(
        {"_id": "a", "version": 1}, {"$set": {"version": 2}}, return_document=True
    )
    stale = await documents.find_one_and_update({"_id": "a", "version": 1}, {"$set": {"version": 3}})

    assert (before, after, stale) == ({"_id": "a", "version": 0}, {"_id": "a", "version": 2}, None)


async def test_an_upsert_inserts_once_and_leaves_what_is_there(documents: Collection) -> None:
    for subject in ("payment:created", "something:else"):
        await documents.update_one({"_id": "a"}, {"$setOnInsert": {"subject": subject}}, upsert=True)

    assert await documents.find_one({"_id": "a"}) == {"_id": "a", "subject": "payment:created"}


async def test_rows_are_pushed_into_a_document_and_pulled_out_again(documents: Collection) -> None:
    await documents.create_index("outbox._id")
    await documents.insert_one({"_id": "a", "outbox": []})
    for row in ("a:0", "a:1"):
        await documents.update_one({"_id": "a"}, {"$push": {"outbox": {"_id": row}}})
    await documents.insert_one({"_id": "b", "outbox": []})
    waiting = await documents.find({"outbox._id": {"$gt": ""}}).to_list()
    await documents.update_one({"_id": "a"}, {"$pull": {"outbox": {"_id": "a:0"}}})

    assert [document["_id"] for document in waiting] == ["a"]
    assert await documents.find_one({"_id": "a"}) == {"_id": "a", "outbox": [{"_id": "a:1"}]}


async def test_a_nested_field_can_guard_an_update(documents: Collection) -> None:
    await documents.insert_one({"_id": "a", "attempt": {"id": "att_1"}, "status": "charging"})
    stale = {"_id": "a", "attempt.id": "att_0"}
    current = {"_id": "a", "attempt.id": "att_1"}

    assert await documents.find_one_and_update(stale, {"$set": {"status": "paid"}}) is None
    assert await documents.find_one_and_update(current, {"$set": {"status": "paid"}}) is not None


async def test_one_of_several_values_can_be_asked_for_and_none_of_several(documents: Collection) -> None:
    for name, status in (("a", "charging"), ("b", "waiting"), ("c", "paid")):
        await documents.insert_one({"_id": name, "dispute": {"status": status}})
    await documents.insert_one({"_id": "d"})

    one = await documents.find({"dispute.status": {"$in": ["charging", "waiting"]}}).sort("_id").to_list()
    none = await documents.find({"dispute.status": {"$nin": ["charging", "waiting"]}}).sort("_id").to_list()

    assert ([each["_id"] for each in one], [each["_id"] for each in none]) == (["a", "b"], ["c", "d"])


async def test_the_larger_number_stays_and_what_is_over_is_taken_out(documents: Collection) -> None:
    await documents.insert_one({"_id": "a", "error": "declined"})
    for refunded in (500, 1200, 700):
        await documents.update_one({"_id": "a"}, {"$max": {"amountRefunded": refunded}})
    await documents.update_one({"_id": "a"}, {"$set": {"status": "charging"}, "$unset": {"error": "", "field": ""}})

    assert await documents.find_one({"_id": "a"}) == {"_id": "a", "amountRefunded": 1200, "status": "charging"}


async def test_a_cursor_sorts_limits_and_can_be_walked(documents: Collection) -> None:
    for name, price in (("a", 3), ("b", 1), ("c", 2)):
        await documents.insert_one({"_id": name, "price": price})

    ascending = await documents.find({}).sort("price", 1).limit(2).to_list()
    walked = [document["_id"] async for document in documents.find({"price": {"$gte": 2}}).sort([("price", -1)])]

    assert [document["_id"] for document in ascending] == ["b", "c"]
    assert walked == ["a", "c"]


async def test_a_deleted_document_is_gone(documents: Collection) -> None:
    await documents.insert_one({"_id": "a"})
    await documents.delete_one({"_id": "a"})

    assert await documents.find_one({"_id": "a"}) is None


async def test_a_whole_document_is_replaced_if_it_is_current(documents: Collection) -> None:
    await documents.insert_one({"_id": "a", "version": 0, "error": "declined"})

    stale = await documents.replace_one({"_id": "a", "version": 7}, {"_id": "a", "version": 8})
    current = await documents.replace_one({"_id": "a", "version": 0}, {"_id": "a", "version": 1})
    before = await documents.find_one_and_replace({"_id": "a", "version": 1}, {"version": 2})
    after = await documents.find_one_and_replace({"_id": "a"}, {"version": 3}, return_document=True)

    assert (stale.matched_count, current.matched_count) == (0, 1)
    assert (before, after) == ({"_id": "a", "version": 1}, {"_id": "a", "version": 3})


async def test_a_document_that_is_not_there_is_put_there_by_replacing_it(documents: Collection) -> None:
    await documents.replace_one({"_id": "a"}, {"version": 0}, upsert=True)
    await documents.replace_one({"orderId": "ord_1"}, {"orderId": "ord_1", "version": 1}, upsert=True)
    made = await documents.find_one_and_replace({"orderId": "x"}, {"orderId": "x"}, upsert=True, return_document=True)

    found = await documents.find({}, {"_id": 0}).sort("version").to_list()
    assert {"orderId": "x"} in found
    assert {"version": 0} in found
    assert {"orderId": "ord_1", "version": 1} in found
    assert made is not None
    assert await documents.find_one({"_id": made["_id"]}) == made


async def test_many_are_inserted_updated_and_deleted_at_once(documents: Collection) -> None:
    orders = [{"_id": name, "price": price} for name, price in (("a", 1), ("b", 2), ("c", 3))]
    await documents.insert_many([*orders, {"price": 4}])

    updated = await documents.update_many({"price": {"$gte": 2}}, {"$set": {"dear": True}})
    deleted = await documents.delete_many({"_id": {"$in": ["a", "b"]}})

    assert (updated.matched_count, updated.modified_count, deleted.deleted_count) == (3, 3, 2)
    assert sorted(await documents.distinct("price")) == [3, 4]
    assert await documents.distinct("price", {"_id": "c"}) == [3]
    assert await documents.count_documents({"dear": True}) == 2


async def test_of_many_with_one_known_already_those_before_it_are_there(documents: Collection) -> None:
    await documents.insert_one({"_id": "b"})

    with pytest.raises(BulkWriteError):
        await documents.insert_many([{"_id": "a"}, {"_id": "b"}, {"_id": "c"}])

    assert sorted(await documents.distinct("_id")) == ["a", "b"]


async def test_what_is_taken_out_comes_back_once(documents: Collection) -> None:
    await documents.insert_one({"_id": "a", "price": 1})

    assert await documents.find_one_and_delete({"_id": "a"}) == {"_id": "a", "price": 1}
    assert await documents.find_one_and_delete({"_id": "a"}) is None


async def test_only_some_fields_and_only_some_documents_are_fetched(documents: Collection) -> None:
    for name, price in (("a", 3), ("b", 1), ("c", 2)):
        await documents.insert_one({"_id": name, "price": price, "currency": "usd"})

    one = await documents.find_one({"_id": "a"}, {"price": 1})
    some = await documents.find({}, ["currency"]).sort("price").skip(1).limit(1).to_list()

    assert (one, some) == ({"_id": "a", "price": 3}, [{"_id": "c", "currency": "usd"}])


async def test_mongodb_itself_answers_where_one_is_named() -> None:
    if "MONGO_URL" not in os.environ:
        pytest.skip("needs MONGO_URL: a MongoDB of your own, such as mongodb://127.0.0.1:27017")
    database = await connect_mongo(os.environ["MONGO_URL"], "contract")
    assert (await database.command("ping"))["ok"] == 1
    await database.client.close()
