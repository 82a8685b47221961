"""What the simulator shows: a record of everything, and what is pending, in flight, waiting, held, blocked and dead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from payments_lab.bus import BusError, ConsumerConfig, Delivery, Happening, Message, Record, SimulatedBus
from payments_lab.ports import LabClock, Operation, SequentialIds
from payments_lab.ports.checkpoint import scheduled_by

pytestmark = pytest.mark.anyio

CREATED = "order:created"
T = TypeVar("T")


@pytest.fixture
def bus() -> SimulatedBus:
    return SimulatedBus(LabClock(), SequentialIds())


async def acknowledge(delivery: Delivery) -> None:
    await delivery.ack()


async def test_the_log_tells_who_published_what_and_who_heard_it(bus: SimulatedBus) -> None:
    start = bus.clock.now()
    await bus.client("payments").subscribe(CREATED, acknowledge, queue="payments-service")
    await bus.client("orders").publish(CREATED, b"{}", message_id="ord_1:0")
    bus.clock.advance(1)
    await bus.settle()

    later = start + timedelta(seconds=1)
    rest = {"sender": "orders", "message_id": "ord_1:0", "data": b"{}"}
    heard = {**rest, "durable": "payments-service-order_created", "attempt": 1}
    assert bus.log == [
        Record(Happening.PUBLISHED, start, CREATED, 1, "orders", **rest),
        Record(Happening.DELIVERED, later, CREATED, 1, "payments-service", **heard),
        Record(Happening.ACKED, later, CREATED, 1, "payments-service", **heard),
    ]


async def test_the_log_grows_in_the_order_in_which_things_happen(bus: SimulatedBus) -> None:
    orders = bus.client("orders")

    async def answer(delivery: Delivery) -> None:
        if delivery.subject == CREATED:
            await orders.publish("order:cancelled", b"", message_id="second")
        await delivery.ack()

    for subject in (CREATED, "order:cancelled"):
        await bus.client("payments").subscribe(subject, answer, queue="payments-service")
    await orders.publish(CREATED, b"", message_id="first")
    assert [str(record.happening) for record in bus.log] == ["published"]
    await bus.settle()
    await orders.publish(CREATED, b"", message_id="first")

    story = [(str(record.happening), record.message_id) for record in bus.log]
    assert story == [
        ("published", "first"),
        ("delivered", "first"),
        ("published", "second"),
        ("acked", "first"),
        ("delivered", "second"),
        ("acked", "second"),
        ("duplicate", "first"),
    ]


async def test_a_record_cannot_be_changed(bus: SimulatedBus) -> None:
    await bus.client("orders").publish(CREATED, b"")

    with pytest.raises(AttributeError):
        bus.log[0].party = "somebody else"  # type: ignore[misc]


async def test_every_answer_leaves_its_record(bus: SimulatedBus) -> None:
    async def answer(delivery: Delivery) -> None:
        match delivery.data, delivery.attempt:
            case b"later", 1:
                await delivery.in_progress()
                await delivery.nak(2)
            case b"fails", 1:
                raise ValueError("no")
            case b"poison", _:
                await delivery.term("bad bytes")
            case _:
                await delivery.ack()

    await bus.client("payments").subscribe(CREATED, answer, queue="payments-service")
    for data in (b"later", b"fails", b"poison"):
        await bus.client("orders").publish(CREATED, data)
    await bus.settle()

    told = [(record.data, str(record.happening), record.detail) for record in bus.log if record.detail]
    assert told == [
        (b"later", "naked", "again in 2 s"),
        (b"fails", "failed", "ValueError: no"),
        (b"poison", "dead", "bad bytes"),
    ]
    assert [record.data for record in bus.log if record.happening is Happening.IN_PROGRESS] == [b"later"]
    assert [record.data for record in bus.log if record.happening is Happening.TIMED_OUT] == [b"fails"]


async def test_the_stream_keeps_every_message(bus: SimulatedBus) -> None:
    await bus.client("orders").publish(CREATED, b"1", message_id="ord_1:0", headers={"Colour": "blue"})
    bus.clock.advance(1)
    await bus.client("expiration").publish("expiration:complete", b"2")

    now = bus.clock.now()
    assert bus.messages == [
        Message(1, CREATED, b"1", "ord_1:0", {"Colour": "blue"}, "orders", now - timedelta(seconds=1)),
        Message(2, "expiration:complete", b"2", "msg_1", {}, "expiration", now),
    ]


async def test_without_an_id_port_messages_are_called_after_their_place() -> None:
    bus = SimulatedBus(LabClock())
    await bus.client("orders").publish(CREATED, b"")

    assert [message.message_id for message in bus.messages] == ["msg_1"]
    assert [record.message_id for record in bus.log] == ["msg_1"]


async def test_headers_are_the_publishers_no_longer_once_published(bus: SimulatedBus) -> None:
    headers = {"Colour": "blue"}
    await bus.client("orders").publish(CREATED, b"", headers=headers)
    headers["Colour"] = "green"

    assert bus.messages[0].headers == {"Colour": "blue"}


async def test_the_overview_tells_as_plain_data_what_is_not_done(bus: SimulatedBus) -> None:
    async def answer(delivery: Delivery) -> None:
        if delivery.data == b"dead":
            await delivery.term("no")
        if delivery.data == b"in flight":
            facts.append(bus.overview()["in flight"])
            await delivery.ack()

    facts: list[object] = []
    client = bus.client("orders")
    await client.subscribe(CREATED, answer, queue="payments-service", config=ConsumerConfig(ack_wait=9))
    gone = await client.subscribe(CREATED, answer, queue="gone")
    await gone.unsubscribe()
    for data in (b"dead", b"waiting", b"in flight", b"held", b"pending"):
        await client.publish(CREATED, data)
    for _ in range(3):
        await bus.deliver_next()
    bus.hold("#4 payments-service")

    overview = bus.overview()
    assert list(overview) == ["pending", "in flight", "waiting", "held", "blocked", "dead"]
    assert [item["handle"] for item in overview["pending"]] == ["#5 payments-service"]
    assert overview["waiting"] == [
        {
            "handle": "#2 payments-service",
            "subject": CREATED,
            "sequence": 2,
            "message_id": "msg_2",
            "sender": "orders",
            "queue": "payments-service",
            "durable": "payments-service-order_created",
            "attempt": 1,
            "state": "unanswered",
            "due": bus.clock.now() + timedelta(seconds=9),
            "data": b"waiting",
        }
    ]
    assert [item["data"] for item in overview["held"]] == [b"held"]
    assert [item["queue"] for item in overview["blocked"]] == ["gone"] * 5
    assert [item["reason"] for item in overview["dead"]] == ["no"]
    assert overview["in flight"] == []
    (in_flight,) = facts
    assert [item["data"] for item in in_flight] == [b"in flight"]


async def test_every_operation_of_a_client_passes_the_checkpoint(bus: SimulatedBus) -> None:
    operations: list[Operation] = []

    class Watching:
        async def step(self, operation: Operation, perform: Callable[[], T]) -> T:
            operations.append(operation)
            return perform()

    async def answer(delivery: Delivery) -> None:
        if delivery.attempt == 1:
            await delivery.in_progress()
            await delivery.nak()
        elif delivery.attempt == 2:
            await delivery.ack()
        else:
            await delivery.term("enough")

    client = bus.client("orders")
    await client.subscribe(CREATED, answer, queue="payments-service")
    with scheduled_by(Watching()):
        await client.publish(CREATED, b"1", message_id="ord_1:0")
        await bus.settle()
        bus.duplicate("#1 payments-service")
        await bus.settle()
        await client.dead_letters()

    verbs = [(operation.resource, operation.verb, operation.writes) for operation in operations]
    assert verbs == [
        ("bus", "publish", True),
        ("bus", "in_progress", True),
        ("bus", "nak", True),
        ("bus", "ack", True),
        ("bus", "term", True),
        ("bus", "dead_letters", False),
    ]
    assert operations[0].arguments == {
        "subject": CREATED,
        "data": b"1",
        "message_id": "ord_1:0",
        "headers": None,
        "sender": "orders",
    }


async def test_a_scheduler_may_let_a_publish_fail_after_its_effect(bus: SimulatedBus) -> None:
    class LosesReplies:
        async def step(self, operation: Operation, perform: Callable[[], Awaitable[object]]) -> object:
            perform()
            raise ConnectionError("the reply was lost")

    with scheduled_by(LosesReplies()), pytest.raises(ConnectionError):
        await bus.client("orders").publish(CREATED, b"1", message_id="ord_1:0")
    again = await bus.client("orders").publish(CREATED, b"1", message_id="ord_1:0")

    assert again.duplicate
    assert len(bus.messages) == 1


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"ack_wait": 0}, "ack_wait is 0 seconds; it must be more than 0"),
        ({"max_deliver": 0}, "max_deliver is 0; it must be at least 1"),
        ({"max_ack_pending": -1}, "max_ack_pending is -1"),
        ({"deliver": "last"}, "a consumer delivers 'all' or 'new', not 'last'"),
    ],
)
def test_a_consumer_that_cannot_be_is_refused(settings: dict[str, object], why: str) -> None:
    with pytest.raises(BusError, match=why):
        ConsumerConfig(**settings)  # type: ignore[arg-type]


async def test_two_subjects_whose_durable_names_collide_are_refused(bus: SimulatedBus) -> None:
    client = bus.client("payments")
    await client.subscribe("order:created", acknowledge, queue="payments-service")

    with pytest.raises(BusError, match="payments-service-order_created exists on order:created"):
        await client.subscribe("order_created", acknowledge, queue="payments-service")
