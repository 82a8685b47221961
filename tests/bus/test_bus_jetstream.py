"""The JetStream bus where it is not like the others: streams and consumers that exist, servers that come and go."""

from __future__ import annotations

import asyncio

import pytest

from payments_lab.bus import MAX_PAYLOAD, BusError, ConsumerConfig, Delivery, PublishUnconfirmed, jetstream_members
from payments_lab.bus.connect import connect
from payments_lab.bus.jetstream import JetStreamBus
from tests.contracts.bus.worlds import Ear, RemoteWorld, stay_silent
from tests.servers import Server

pytestmark = pytest.mark.anyio

CREATED = "order:created"
NEVER = 3600.0
SUBJECTS = (CREATED, "order:cancelled")


async def opened(server: Server, subjects: tuple[str, ...] = SUBJECTS, name: str = "orders") -> JetStreamBus:
    bus = await connect(server.url, name=name, subjects=subjects)
    assert isinstance(bus, JetStreamBus)
    return bus


async def until(condition: object) -> None:
    await RemoteWorld("").until(condition)  # type: ignore[arg-type]


# streams


async def test_streams_are_made_if_they_are_missing_and_left_as_they_are_if_present(nats: Server) -> None:
    first = await opened(nats)
    await first.publish(CREATED, b"1")
    second = await opened(nats)

    state = (await second.jetstream.stream_info("payments_lab")).state
    assert state.messages == 1
    await first.close()
    await second.close()


async def test_a_stream_that_keeps_more_will_do(nats: Server) -> None:
    wide = await opened(nats, subjects=("shop.>", CREATED))
    narrow = await opened(nats, subjects=("shop.order.created",))

    assert (await narrow.publish("shop.order.created", b"")).sequence == 1
    await wide.close()
    await narrow.close()


async def test_a_stream_that_exists_and_differs_is_refused_with_the_difference(nats: Server) -> None:
    bus = await opened(nats, subjects=(CREATED,))

    with pytest.raises(BusError, match="payments_lab exists and differs: it keeps order:created, not order:cancelled"):
        await opened(nats)
    with pytest.raises(BusError, match="its duplicate window is 120 s, not 60 s"):
        await connect(nats.url, name="orders", subjects=(CREATED,), duplicate_window=60)
    await bus.close()


async def test_a_stream_of_other_peoples_with_the_same_subjects_is_named(nats: Server) -> None:
    bus = await opened(nats)

    with pytest.raises(BusError, match="will not make the stream other for order:created, order:cancelled: .*overlap"):
        await connect(nats.url, name="orders", subjects=SUBJECTS, namespace="other")
    await bus.close()


@pytest.mark.parametrize("subjects", [(), (">",)])
async def test_a_stream_needs_subjects_of_its_own(nats: Server, subjects: tuple[str, ...]) -> None:
    with pytest.raises(BusError, match="needs subjects of its own"):
        await opened(nats, subjects=subjects)


# consumers


async def test_a_consumer_is_kept_on_the_server_with_its_whole_configuration(nats: Server) -> None:
    config = ConsumerConfig(ack_wait=7, max_deliver=4, max_ack_pending=9)
    first, second = await opened(nats), await opened(nats)
    member = await first.subscribe(CREATED, stay_silent, queue="payments-service", config=config)
    joined = await second.subscribe(CREATED, stay_silent, queue="payments-service")

    assert member.config == joined.config == config
    await first.close()
    await second.close()


async def test_a_message_whose_last_delivery_ended_in_a_crash_is_buried_by_the_next_member(nats: Server) -> None:
    bus = await opened(nats)
    silent = Ear(stay_silent)
    await bus.subscribe(CREATED, silent, queue="payments-service", config=ConsumerConfig(ack_wait=0.2, max_deliver=1))
    await bus.publish(CREATED, b"1", message_id="ord_1:0")

    async def buried() -> bool:
        return bool(await bus.dead_letters())

    await until(buried)
    (letter,) = await bus.dead_letters()

    assert silent.attempts == [1]
    assert letter.reason == "delivered once without an acknowledgement; the last time no answer"
    assert (letter.attempts, letter.message_id, letter.durable) == (1, "ord_1:0", "payments-service-order_created")
    await bus.close()


async def test_a_delivery_tells_who_published_it(nats: Server) -> None:
    orders, payments = await opened(nats, name="orders"), await opened(nats, name="payments")
    ear = Ear()
    await payments.subscribe(CREATED, ear, queue="payments-service")
    await orders.publish(CREATED, b"1")
    await until(lambda: bool(ear.heard))

    assert [delivery.sender for delivery in ear.heard] == ["orders"]  # type: ignore[attr-defined]
    await orders.close()
    await payments.close()


async def test_what_was_not_begun_goes_to_another_member_at_once(nats: Server) -> None:
    one, other = await opened(nats), await opened(nats)
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow(delivery: Delivery) -> None:
        entered.set()
        await go_on.wait()
        await delivery.ack()

    for number in range(5):
        await one.publish(CREATED, b"%d" % number)
    first, second = Ear(slow), Ear()
    await one.subscribe(CREATED, first, queue="payments-service", config=ConsumerConfig(ack_wait=60))
    await entered.wait()
    leaving = asyncio.create_task(one.drain())
    await asyncio.sleep(0)
    go_on.set()
    await leaving
    await other.subscribe(CREATED, second, queue="payments-service")
    await until(lambda: len(second.heard) == 4)

    assert first.data == [b"0"]
    assert sorted(second.data) == [b"1", b"2", b"3", b"4"]
    await one.close()
    await other.close()


async def test_a_member_asks_for_more_when_it_has_handled_what_it_asked_for(
    nats: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_members, "HEARTBEAT", NEVER)
    monkeypatch.setattr(jetstream_members, "EXPIRES", 2 * NEVER)
    bus = await opened(nats)
    ear = Ear()
    for number in range(100):
        await bus.publish(CREATED, b"%d" % number)
    await bus.subscribe(CREATED, ear, queue="payments-service")
    await until(lambda: len(ear.heard) == 100)

    assert ear.data == [b"%d" % number for number in range(100)]
    await bus.close()


async def test_headers_count_towards_the_limit_of_the_server(nats: Server) -> None:
    bus = await opened(nats)

    with pytest.raises(BusError, match="store the data elsewhere and publish a reference"):
        await bus.publish(CREATED, b"x" * MAX_PAYLOAD)
    await bus.close()


# servers that come and go


async def test_a_member_hears_on_after_its_server_was_killed_and_came_back(
    nats: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_members, "HEARTBEAT", NEVER)
    monkeypatch.setattr(jetstream_members, "EXPIRES", 2 * NEVER)
    bus = await opened(nats)
    ear = Ear()
    await bus.subscribe(CREATED, ear, queue="payments-service")
    await bus.publish(CREATED, b"before", message_id="1")
    await until(lambda: bool(ear.heard))

    nats.restart()
    await bus.publish(CREATED, b"after", message_id="2")
    await until(lambda: b"after" in ear.data)
    await bus.close()


async def test_a_member_whose_request_was_lost_asks_again_when_the_server_is_silent(
    nats: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_members, "HEARTBEAT", 0.2)
    bus = await opened(nats)
    monkeypatch.setattr(bus, "reconnected", lambda: None)
    ear = Ear()
    await bus.subscribe(CREATED, ear, queue="payments-service")

    nats.restart()
    await bus.publish(CREATED, b"after", message_id="1")
    await until(lambda: ear.data == [b"after"])
    await bus.close()


async def test_publishing_to_a_server_that_stays_away_is_unconfirmed(
    nats: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments_lab.bus.jetstream.ASK_FOR", 0.2)
    bus = await opened(nats)
    hasty = JetStreamBus(bus.client, "orders", subjects=SUBJECTS, patience=0.1)
    nats.kill()
    await until(lambda: not bus.client.is_connected)

    with pytest.raises(PublishUnconfirmed, match="publish it again with the same message id"):
        await hasty.publish(CREATED, b"1", message_id="ord_1:0")
    await bus.close()


async def test_a_bus_can_be_closed_while_its_server_is_away(nats: Server) -> None:
    bus = await opened(nats)
    await bus.subscribe(CREATED, stay_silent, queue="payments-service")
    nats.kill()
    await until(lambda: not bus.client.is_connected)

    await bus.close()

    assert bus.client.is_closed
