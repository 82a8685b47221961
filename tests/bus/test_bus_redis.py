"""The Redis Streams bus where it is not like the others: trimming, claiming, a server that forgets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from payments_lab.bus import ConsumerConfig, Delivery, PublishUnconfirmed, redis_members
from payments_lab.bus.connect import connect
from payments_lab.bus.redis_names import as_entry, as_number
from payments_lab.bus.redis_streams import RedisStreamsBus
from tests.contracts.bus.worlds import Ear, RemoteWorld, stay_silent
from tests.servers import Server

pytestmark = pytest.mark.anyio

CREATED = "order:created"
SUBJECTS = (CREATED, "order:cancelled")
names = count(1)


@pytest.fixture
async def bus() -> AsyncIterator[RedisStreamsBus]:
    """A bus that keeps three messages of each subject."""
    connected: Any = await connect("fakeredis://unit", name="orders", subjects=SUBJECTS)
    made = RedisStreamsBus(connected.redis, "orders", subjects=SUBJECTS, namespace=f"unit_{next(names)}", keep=3)
    yield made
    await made.close()


async def until(condition: object) -> None:
    await RemoteWorld("").until(condition)  # type: ignore[arg-type]


async def length(bus: RedisStreamsBus) -> int:
    return await bus.redis.xlen(bus.names.stream(CREATED))


async def published(bus: RedisStreamsBus, messages: int) -> None:
    for number in range(messages):
        await bus.publish(CREATED, b"%d" % number)


# trimming


async def test_what_every_group_has_acknowledged_is_trimmed_to_the_newest(bus: RedisStreamsBus) -> None:
    ear = Ear()
    await bus.subscribe(CREATED, ear, queue="payments-service")
    await published(bus, 10)
    await until(lambda: len(ear.heard) == 10)
    await bus.drain()

    assert await bus.trim(CREATED) == 7
    assert await length(bus) == 3


async def test_what_one_group_has_not_acknowledged_stays(bus: RedisStreamsBus) -> None:
    async def all_but_the_fifth(delivery: Delivery) -> None:
        if delivery.data != b"4":
            await delivery.ack()

    acked, other = Ear(), Ear(all_but_the_fifth)
    await bus.subscribe(CREATED, acked, queue="payments-service")
    await bus.subscribe(CREATED, other, queue="expiration-service", config=ConsumerConfig(ack_wait=60))
    await published(bus, 10)
    await until(lambda: len(other.heard) == len(acked.heard) == 10)
    await bus.drain()

    assert await bus.trim(CREATED) == 4
    assert await length(bus) == 6
    await other.heard[4].ack()
    assert await bus.trim(CREATED) == 3


async def test_what_a_group_has_not_read_yet_stays(bus: RedisStreamsBus) -> None:
    acked, late = Ear(), Ear()
    away = await bus.subscribe(CREATED, late, queue="expiration-service")
    await away.unsubscribe()
    await bus.subscribe(CREATED, acked, queue="payments-service")
    await published(bus, 10)
    await until(lambda: len(acked.heard) == 10)

    assert await bus.trim(CREATED) == 0
    await bus.subscribe(CREATED, late, queue="expiration-service")
    await until(lambda: len(late.heard) == 10)
    assert late.data == acked.data


async def test_without_a_group_nothing_is_trimmed(bus: RedisStreamsBus) -> None:
    await published(bus, 10)

    assert await bus.trim(CREATED) == 0
    assert await length(bus) == 10


async def test_publishing_trims_now_and_then_by_itself(bus: RedisStreamsBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments_lab.bus.redis_streams.TRIM_EVERY", 20)
    ear = Ear()
    await bus.subscribe(CREATED, ear, queue="payments-service")
    await published(bus, 19)
    await until(lambda: len(ear.heard) == 19)
    await bus.drain()

    await bus.publish(CREATED, b"the twentieth")

    assert await length(bus) == 3


# members


async def test_a_member_that_died_leaves_its_messages_to_the_others(bus: RedisStreamsBus) -> None:
    config = ConsumerConfig(ack_wait=0.3)
    dead, alive = Ear(stay_silent), Ear()
    member = await bus.subscribe(CREATED, dead, queue="payments-service", config=config)
    await bus.publish(CREATED, b"1")
    await until(lambda: len(dead.heard) == 1)
    await member.unsubscribe()

    await bus.subscribe(CREATED, alive, queue="payments-service", config=config)
    await until(lambda: bool(alive.heard))

    assert alive.attempts == [2]


async def test_a_member_that_leaves_is_struck_off_once_nothing_is_pending_for_it(bus: RedisStreamsBus) -> None:
    config = ConsumerConfig(ack_wait=60)
    silent, ear = Ear(stay_silent), Ear()
    await bus.subscribe(CREATED, silent, queue="silent", config=config)
    await bus.subscribe(CREATED, ear, queue="acknowledging", config=config)
    await bus.publish(CREATED, b"1")
    await until(lambda: len(silent.heard) == len(ear.heard) == 1)
    await bus.drain()

    stream = bus.names.stream(CREATED)
    assert len(await bus.redis.xinfo_consumers(stream, "silent-order_created")) == 1
    assert await bus.redis.xinfo_consumers(stream, "acknowledging-order_created") == []


async def test_a_message_whose_last_delivery_ended_in_a_crash_is_buried_by_the_next_member(
    bus: RedisStreamsBus,
) -> None:
    config = ConsumerConfig(ack_wait=0.2, max_deliver=1)

    async def fails_silently(delivery: Delivery) -> None:
        await bus.redis.hset(bus.names.failures("payments-service-order_created"), delivery.entry, "its handler fell")

    member = await bus.subscribe(CREATED, Ear(fails_silently), queue="payments-service", config=config)
    await bus.publish(CREATED, b"1")

    async def buried() -> bool:
        return bool(await bus.dead_letters())

    await until(buried)
    await member.unsubscribe()

    (letter,) = await bus.dead_letters()
    assert letter.reason == "delivered once without an acknowledgement; the last time its handler fell"


async def test_nothing_is_remembered_of_a_message_that_is_settled_at_last(bus: RedisStreamsBus) -> None:
    async def at_last(delivery: Delivery) -> None:
        if delivery.attempt == 1:
            raise ValueError("not yet")
        if delivery.attempt == 2:
            await delivery.nak(0.3)
        else:
            await delivery.ack()
            settled.set()

    settled = asyncio.Event()
    await bus.subscribe(CREATED, at_last, queue="payments-service", config=ConsumerConfig(ack_wait=0.2))
    await bus.publish(CREATED, b"1")
    await asyncio.wait_for(settled.wait(), 15)

    durable = "payments-service-order_created"
    assert await bus.redis.exists(bus.names.failures(durable), bus.names.later(durable)) == 0


async def test_what_was_not_begun_goes_to_another_member_at_once(bus: RedisStreamsBus) -> None:
    other = RedisStreamsBus(bus.redis, "payments", subjects=SUBJECTS, namespace=bus.namespace)
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow(delivery: Delivery) -> None:
        entered.set()
        await go_on.wait()
        await delivery.ack()

    await published(bus, 5)
    first, second = Ear(slow), Ear()
    await bus.subscribe(CREATED, first, queue="payments-service", config=ConsumerConfig(ack_wait=60))
    await entered.wait()
    leaving = asyncio.create_task(bus.drain())
    await asyncio.sleep(0)
    go_on.set()
    await leaving
    await other.subscribe(CREATED, second, queue="payments-service")
    await until(lambda: len(second.heard) == 4)
    await other.drain()

    assert first.data == [b"0"]
    assert sorted(second.data) == [b"1", b"2", b"3", b"4"]


async def test_a_server_that_has_forgotten_everything_gets_its_groups_again(bus: RedisStreamsBus) -> None:
    ear = Ear()
    await bus.subscribe(CREATED, ear, queue="payments-service")
    await bus.publish(CREATED, b"before")
    await until(lambda: len(ear.heard) == 1)

    await bus.redis.flushall()
    await bus.publish(CREATED, b"after")
    await until(lambda: len(ear.heard) == 2)

    assert ear.data == [b"before", b"after"]


async def test_namespaces_keep_shops_apart(bus: RedisStreamsBus) -> None:
    other = RedisStreamsBus(bus.redis, "orders", subjects=SUBJECTS, namespace=f"unit_{next(names)}")
    here, there = Ear(), Ear()
    await bus.subscribe(CREATED, here, queue="payments-service")
    await other.subscribe(CREATED, there, queue="payments-service")

    await other.publish(CREATED, b"there", message_id="1")
    await bus.publish(CREATED, b"here", message_id="1")
    await until(lambda: bool(here.heard) and bool(there.heard))
    await other.drain()

    assert (here.data, there.data) == ([b"here"], [b"there"])


async def test_a_delivery_tells_who_published_it(bus: RedisStreamsBus) -> None:
    ear = Ear()
    await bus.subscribe(CREATED, ear, queue="payments-service")
    await bus.publish(CREATED, b"1")
    await until(lambda: bool(ear.heard))

    assert [delivery.sender for delivery in ear.heard] == ["orders"]  # type: ignore[attr-defined]


# a server that is away


class Away:
    """A client whose server does not answer, until it has been asked ``times``."""

    def __init__(self, redis: Any, times: int) -> None:
        self._redis = redis
        self.left = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)

    def register_script(self, script: str) -> Any:
        real = self._redis.register_script(script)

        async def call(**arguments: Any) -> Any:
            self._fail()
            return await real(**arguments)

        return call

    async def xadd(self, *arguments: Any) -> Any:
        self._fail()
        return await self._redis.xadd(*arguments)

    def _fail(self) -> None:
        from redis.exceptions import ConnectionError

        if self.left:
            self.left -= 1
            raise ConnectionError("connection refused")


async def test_a_message_with_an_id_is_published_as_soon_as_the_server_is_back(bus: RedisStreamsBus) -> None:
    away = Away(bus.redis, times=2)
    patient = RedisStreamsBus(away, "orders", subjects=SUBJECTS, namespace=f"unit_{next(names)}")

    assert not (await patient.publish(CREATED, b"1", message_id="ord_1:0")).duplicate
    assert away.left == 0


async def test_a_message_without_an_id_is_tried_once_for_it_could_be_kept_twice(bus: RedisStreamsBus) -> None:
    away = Away(bus.redis, times=1)
    patient = RedisStreamsBus(away, "orders", subjects=SUBJECTS, namespace=f"unit_{next(names)}")

    with pytest.raises(PublishUnconfirmed, match="publish it again with the same message id"):
        await patient.publish(CREATED, b"1")


async def test_patience_with_a_server_that_is_away_ends(bus: RedisStreamsBus) -> None:
    away = Away(bus.redis, times=1000)
    hasty = RedisStreamsBus(away, "orders", subjects=SUBJECTS, patience=0.2)

    with pytest.raises(PublishUnconfirmed, match="may or may not have been kept"):
        await hasty.publish(CREATED, b"1", message_id="ord_1:0")


# leaving


async def listening(valkey: Server, monkeypatch: pytest.MonkeyPatch) -> RedisStreamsBus:
    """A bus with a member that waits in the server for its first message, for as long as it takes."""
    for patience in ("BLOCK", "CLAIM_EVERY"):
        monkeypatch.setattr(redis_members, patience, 60.0)
    bus: Any = await connect(valkey.url, name="orders", subjects=SUBJECTS)
    await bus.subscribe(CREATED, Ear(), queue="payments-service", config=ConsumerConfig(ack_wait=600))
    async with asyncio.timeout(30):
        while not (await bus.redis.info("clients"))["blocked_clients"]:  # noqa: ASYNC110 - only the server knows
            await asyncio.sleep(0.01)
    return bus


async def test_who_waits_for_news_is_woken_to_leave(valkey: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = await listening(valkey, monkeypatch)

    async with asyncio.timeout(5):
        await bus.close()


async def test_a_member_leaves_although_it_may_not_be_woken(valkey: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = await listening(valkey, monkeypatch)
    await bus.redis.acl_setuser("default", enabled=True, nopass=True, commands=["-client|unblock"], reset=False)

    leaving = asyncio.create_task(bus.close())
    await asyncio.sleep(0.2)
    assert not leaving.done()

    other: Any = await connect(valkey.url, name="orders", subjects=SUBJECTS)
    await other.publish(CREATED, b"2")
    await leaving
    await other.close()


class Deaf:
    """A client that loses the first news that its task was cancelled, as one may that is about to connect."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self.asked = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)

    def client(self) -> Deaf:
        return self

    async def xreadgroup(self, *_: Any, **__: Any) -> list[Any]:
        if self.asked.is_set():
            await asyncio.sleep(60)
        self.asked.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return []


async def test_who_is_cancelled_ends_although_the_client_has_lost_it(bus: RedisStreamsBus) -> None:
    deaf = Deaf(bus.redis)
    listening = RedisStreamsBus(deaf, "orders", subjects=SUBJECTS, namespace=f"unit_{next(names)}")
    await listening.subscribe(CREATED, Ear(), queue="payments-service")
    await deaf.asked.wait()

    reading = next(each for each in asyncio.all_tasks() if each.get_name().startswith("payments-service"))
    reading.cancel()

    done, _ = await asyncio.wait({reading}, timeout=5)
    assert done


def test_an_entry_is_a_number_and_back() -> None:
    assert as_entry(as_number(b"1795447189079-12")) == "1795447189079-12"
    assert as_number("1795447189079-12") < as_number("1795447189080-0") < 2**63
