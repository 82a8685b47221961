"""The simulator does only what it is told, and everything that it can be told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from payments_lab.bus import BusError, ConsumerConfig, Delivery, Happening, SimulatedBus
from payments_lab.bus.deliveries import SimulatedDelivery
from payments_lab.ports import LabClock, SequentialIds

pytestmark = pytest.mark.anyio

CREATED = "order:created"
CANCELLED = "order:cancelled"
PAYMENTS = "payments-service"


@pytest.fixture
def bus() -> SimulatedBus:
    return SimulatedBus(LabClock(), SequentialIds())


class Member:
    """A handler that writes down what it heard; it acknowledges unless ``answer`` says otherwise."""

    def __init__(self, answer: str = "ack") -> None:
        self.heard: list[bytes] = []
        self.attempts: list[int] = []
        self.answer = answer

    async def __call__(self, delivery: Delivery) -> None:
        self.heard.append(delivery.data)
        self.attempts.append(delivery.attempt)
        if self.answer == "ack":
            await delivery.ack()
        elif self.answer == "nak":
            await delivery.nak()


@pytest.fixture
async def member(bus: SimulatedBus) -> Member:
    """The only member of the payments service, with three messages on their way to it."""
    listening = Member()
    await bus.client("payments").subscribe(CREATED, listening, queue=PAYMENTS)
    orders = bus.client("orders")
    for data in (b"1", b"2", b"3"):
        await orders.publish(CREATED, data)
    return listening


def happenings(bus: SimulatedBus) -> list[str]:
    return [str(record.happening) for record in bus.log if record.happening is not Happening.PUBLISHED]


# order


async def test_nothing_is_delivered_by_itself(bus: SimulatedBus, member: Member) -> None:
    assert member.heard == []
    assert [item.handle for item in bus.pending()] == [
        "#1 payments-service",
        "#2 payments-service",
        "#3 payments-service",
    ]


async def test_messages_are_delivered_one_by_one_in_the_order_of_publication(bus: SimulatedBus, member: Member) -> None:
    assert await bus.deliver_next()
    assert member.heard == [b"1"]

    assert await bus.settle() == 2
    assert member.heard == [b"1", b"2", b"3"]
    assert not await bus.deliver_next()


async def test_any_pending_message_may_come_first(bus: SimulatedBus, member: Member) -> None:
    await bus.deliver(bus.pending()[2])
    await bus.deliver("#2 payments-service")
    await bus.settle()

    assert member.heard == [b"3", b"2", b"1"]


async def test_a_message_that_is_put_first_overtakes_the_others(bus: SimulatedBus, member: Member) -> None:
    bus.put_first("#3 payments-service")
    await bus.settle()

    assert member.heard == [b"3", b"1", b"2"]


async def test_a_message_that_is_held_stays_until_it_is_released_and_gets_its_place_back(
    bus: SimulatedBus, member: Member
) -> None:
    bus.hold("#2 payments-service")
    assert [item.data for item in bus.pending()] == [b"1", b"3"]
    assert [item.data for item in bus.held()] == [b"2"]
    await bus.deliver_next()
    bus.release("#2 payments-service")
    await bus.settle()

    assert member.heard == [b"1", b"2", b"3"]
    assert happenings(bus).count("held") == happenings(bus).count("released") == 1


async def test_settling_leaves_what_is_held(bus: SimulatedBus, member: Member) -> None:
    (held, *_) = bus.pending()
    bus.hold(held)

    assert await bus.settle() == 2
    assert [item.state for item in bus.held()] == ["held"]
    await bus.deliver(held)
    assert member.heard == [b"2", b"3", b"1"]


# duplicates


async def test_a_duplicate_is_delivered_besides_the_first(bus: SimulatedBus, member: Member) -> None:
    bus.duplicate(bus.pending()[0])
    await bus.settle()

    assert member.heard == [b"1", b"1", b"2", b"3"]
    assert member.attempts == [2, 1, 1, 1]


async def test_what_was_acknowledged_can_be_delivered_once_more(bus: SimulatedBus, member: Member) -> None:
    await bus.settle()
    again = bus.duplicate("#2 payments-service")
    assert again.handle == "#2 payments-service ×2"
    await bus.settle()

    assert member.heard == [b"1", b"2", b"3", b"2"]


async def test_a_duplicate_that_fails_is_not_owed_again(bus: SimulatedBus, member: Member) -> None:
    await bus.settle()
    member.answer = "nothing"
    bus.duplicate("#2 payments-service")

    assert await bus.settle() == 1
    assert bus.next_due() is None


async def test_an_ack_of_a_duplicate_settles_what_waits_for_its_ack(bus: SimulatedBus, member: Member) -> None:
    member.answer = "nothing"
    await bus.deliver("#1 payments-service")
    member.answer = "ack"
    bus.duplicate(bus.waiting()[0])
    await bus.deliver_next()

    assert bus.next_due() is None
    assert member.heard == [b"1", b"1"]


# lost acks, crashes, timers


async def test_a_lost_ack_brings_the_message_again_after_the_ack_wait(bus: SimulatedBus, member: Member) -> None:
    await bus.deliver("#1 payments-service", lose_ack=True)

    assert [item.state for item in bus.waiting()] == ["ack lost"]
    assert bus.next_due() == bus.clock.now() + timedelta(seconds=5)
    await bus.settle()
    assert member.heard == [b"1", b"2", b"3", b"1"]
    assert happenings(bus)[:2] == ["delivered", "ack lost"]
    assert "timed out" in happenings(bus)


@pytest.mark.parametrize(("crash", "effects", "acks"), [("before", 0, 0), ("after", 1, 0), ("after ack", 1, 1)])
async def test_a_consumer_can_crash_at_three_moments(bus: SimulatedBus, crash: str, effects: int, acks: int) -> None:
    done: list[str] = []

    async def handler(delivery: Delivery) -> None:
        done.append("effect")
        await delivery.ack()
        done.append("afterwards")

    await bus.client("payments").subscribe(CREATED, handler, queue=PAYMENTS)
    await bus.client("orders").publish(CREATED, b"1")
    crashed: list[SimulatedDelivery] = []
    bus.on_crash = crashed.append

    await bus.deliver(bus.pending()[0], crash=crash)

    assert done == ["effect"] * effects
    assert happenings(bus).count("acked") == acks
    assert happenings(bus)[-1] == "crashed"
    assert [item.queue for item in crashed] == [PAYMENTS]
    assert await bus.settle() == 1 - acks


async def test_a_crash_without_an_ack_in_sight_comes_at_the_end(bus: SimulatedBus, member: Member) -> None:
    member.answer = "nothing"
    await bus.deliver("#1 payments-service", crash="after")
    member.answer = "ack"
    await bus.settle()

    assert member.heard == [b"1", b"2", b"3", b"1"]
    assert "crashed" in happenings(bus)


async def test_an_ack_wait_can_be_over_at_once(bus: SimulatedBus, member: Member) -> None:
    await bus.deliver("#1 payments-service", lose_ack=True)
    before = bus.clock.now()
    bus.redeliver("#1 payments-service")
    await bus.settle()

    assert member.attempts == [1, 1, 1, 2]
    assert bus.clock.now() == before


async def test_advancing_the_clock_makes_what_is_due_pending(bus: SimulatedBus, member: Member) -> None:
    await bus.deliver("#1 payments-service", crash="before")
    assert len(bus.pending()) == 2

    bus.clock.advance(5)

    assert [item.handle for item in bus.pending()][-1] == "#1 payments-service ×2"


async def test_settling_moves_the_clock_only_to_what_is_due(bus: SimulatedBus, member: Member) -> None:
    start = bus.clock.now()
    await bus.settle()
    assert bus.clock.now() == start

    await bus.client("orders").publish(CREATED, b"4")
    await bus.deliver_next()
    bus.duplicate("#4 payments-service")
    member.answer = "nothing"
    await bus.client("orders").publish(CREATED, b"5")
    await bus.deliver(bus.pending()[-1])
    member.answer = "ack"
    await bus.settle()
    assert bus.clock.now() == start + timedelta(seconds=5)


async def test_what_is_in_a_handlers_hand_too_long_is_delivered_to_somebody_else(bus: SimulatedBus) -> None:
    started, finish = asyncio.Event(), asyncio.Event()
    quick = Member()

    async def slow(delivery: Delivery) -> None:
        started.set()
        await finish.wait()
        await delivery.ack()

    client = bus.client("payments")
    subscription = await client.subscribe(CREATED, slow, queue=PAYMENTS)
    await client.publish(CREATED, b"1")
    working = asyncio.create_task(bus.deliver_next())
    await started.wait()
    await subscription.unsubscribe()
    await client.subscribe(CREATED, quick, queue=PAYMENTS)
    assert [item.handle for item in bus.in_flight()] == ["#1 payments-service"]
    bus.clock.advance(6)

    await bus.settle()
    finish.set()
    await working

    assert quick.attempts == [2]
    assert happenings(bus) == ["delivered", "timed out", "delivered", "acked"]


async def test_progress_keeps_what_is_in_a_handlers_hand_for_another_ack_wait(bus: SimulatedBus) -> None:
    steps = [asyncio.Event() for _ in range(3)]

    async def slow(delivery: Delivery) -> None:
        steps[0].set()
        await steps[1].wait()
        await delivery.in_progress()
        await steps[2].wait()
        await delivery.ack()

    await bus.client("payments").subscribe(CREATED, slow, queue=PAYMENTS)
    await bus.client("orders").publish(CREATED, b"1")
    working = asyncio.create_task(bus.deliver_next())
    await steps[0].wait()
    bus.clock.advance(4)
    steps[1].set()
    await asyncio.sleep(0)
    bus.clock.advance(4)

    assert bus.pending() == []
    steps[2].set()
    await working
    assert happenings(bus) == ["delivered", "in progress", "acked"]


async def test_progress_after_the_handler_returned_puts_the_redelivery_off(bus: SimulatedBus) -> None:
    kept: list[Delivery] = []

    async def keep(delivery: Delivery) -> None:
        kept.append(delivery)

    await bus.client("payments").subscribe(CREATED, keep, queue=PAYMENTS)
    await bus.client("orders").publish(CREATED, b"1")
    await bus.deliver_next()
    bus.clock.advance(3)
    await kept[0].in_progress()
    bus.clock.advance(3)

    assert bus.pending() == []
    assert bus.next_due() == bus.clock.now() + timedelta(seconds=2)
    bus.clock.advance(2)
    assert [item.attempt for item in bus.pending()] == [2]


async def test_what_max_ack_pending_held_back_comes_when_the_one_in_flight_is_acknowledged(bus: SimulatedBus) -> None:
    started, finish = asyncio.Event(), asyncio.Event()

    async def slow(delivery: Delivery) -> None:
        started.set()
        await finish.wait()
        await delivery.ack()

    await bus.client("payments").subscribe(CREATED, slow, queue=PAYMENTS, config=ConsumerConfig(max_ack_pending=1))
    for data in (b"1", b"2"):
        await bus.client("orders").publish(CREATED, data)
    working = asyncio.create_task(bus.deliver_next())
    await started.wait()
    assert await bus.settle() == 0
    assert [item.data for item in bus.blocked()] == [b"2"]

    finish.set()
    await working
    assert [item.data for item in bus.pending()] == [b"2"]


async def test_an_ack_of_the_first_delivery_calls_off_the_second(bus: SimulatedBus) -> None:
    kept: list[Delivery] = []

    async def keep(delivery: Delivery) -> None:
        kept.append(delivery)

    await bus.client("payments").subscribe(CREATED, keep, queue=PAYMENTS)
    await bus.client("orders").publish(CREATED, b"1")
    await bus.deliver_next()
    bus.clock.advance(5)
    assert [item.attempt for item in bus.pending()] == [2]

    await kept[0].ack()
    assert bus.pending() == []
    assert await bus.settle() == 0
    await kept[0].nak()
    assert await bus.settle() == 0


async def test_a_handler_that_is_cancelled_leaves_its_message_to_come_again(bus: SimulatedBus, member: Member) -> None:
    started = asyncio.Event()

    async def for_ever(delivery: Delivery) -> None:
        started.set()
        await asyncio.Event().wait()

    await bus.client("tickets").subscribe(CANCELLED, for_ever, queue="tickets-service")
    await bus.client("orders").publish(CANCELLED, b"4")
    working = asyncio.create_task(bus.deliver("#4 tickets-service"))
    await started.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working

    assert happenings(bus) == ["delivered", "crashed"]
    assert bus.in_flight() == []
    assert [item.handle for item in bus.waiting()] == ["#4 tickets-service"]


def test_the_simulator_runs_without_an_event_loop(bus: SimulatedBus) -> None:
    heard: list[bytes] = []

    async def handler(delivery: Delivery) -> None:
        heard.append(delivery.data)
        await delivery.ack()

    async def story() -> int:
        await bus.client("payments").subscribe(CREATED, handler, queue=PAYMENTS)
        await bus.client("orders").publish(CREATED, b"1")
        return await bus.settle()

    with pytest.raises(StopIteration) as end:
        story().send(None)

    assert (heard, end.value.value) == ([b"1"], 1)


# who takes it


async def test_members_of_a_queue_group_take_turns(bus: SimulatedBus, member: Member) -> None:
    other = Member()
    await bus.client("payments").subscribe(CREATED, other, queue=PAYMENTS)
    await bus.settle()

    assert sorted(member.heard + other.heard) == [b"1", b"2", b"3"]
    assert len(member.heard) in (1, 2)


async def test_messages_wait_while_a_queue_group_has_no_members(bus: SimulatedBus) -> None:
    client = bus.client("payments")
    subscription = await client.subscribe(CREATED, Member(), queue=PAYMENTS)
    await subscription.unsubscribe()
    await client.publish(CREATED, b"1")
    await client.publish(CREATED, b"2")

    assert await bus.settle() == 0
    assert bus.pending() == []
    assert [item.data for item in bus.blocked()] == [b"1", b"2"]
    member = Member()
    await client.subscribe(CREATED, member, queue=PAYMENTS)
    await bus.settle()
    assert member.heard == [b"1", b"2"]


async def test_max_ack_pending_counts_what_is_in_flight_and_what_waits(bus: SimulatedBus) -> None:
    member = Member("nothing")
    config = ConsumerConfig(max_ack_pending=2)
    await bus.client("payments").subscribe(CREATED, member, queue=PAYMENTS, config=config)
    for data in (b"1", b"2", b"3"):
        await bus.client("orders").publish(CREATED, data)

    await bus.deliver_next()
    await bus.deliver_next()
    assert not await bus.deliver_next()
    assert [item.data for item in bus.blocked()] == [b"3"]
    with pytest.raises(BusError, match="nobody in payments-service may take"):
        await bus.deliver("#3 payments-service")

    member.answer = "ack"
    bus.redeliver("#1 payments-service")
    await bus.deliver_next()
    assert [item.data for item in bus.pending()] == [b"3"]


async def test_a_nak_keeps_its_place_in_max_ack_pending_until_it_is_acknowledged(bus: SimulatedBus) -> None:
    member = Member("nak")
    config = ConsumerConfig(max_ack_pending=1, max_deliver=5)
    await bus.client("payments").subscribe(CREATED, member, queue=PAYMENTS, config=config)
    for data in (b"1", b"2"):
        await bus.client("orders").publish(CREATED, data)

    await bus.deliver_next()
    await bus.deliver_next()
    assert member.heard == [b"1", b"1"]
    member.answer = "ack"
    await bus.settle()
    assert member.heard == [b"1", b"1", b"1", b"2"]


# giving up


async def test_settling_says_what_keeps_coming_back(bus: SimulatedBus, member: Member) -> None:
    async def echo(delivery: Delivery) -> None:
        await bus.client("orders").publish(CANCELLED, delivery.data)
        await delivery.ack()

    await bus.client("orders").subscribe(CANCELLED, echo, queue="orders-service")
    await bus.client("orders").publish(CANCELLED, b"again")

    with pytest.raises(
        BusError, match=r"not settled after 50 deliveries; order:cancelled came to orders-service \d+ times"
    ):
        await bus.settle(max_deliveries=50)


async def test_settling_in_exactly_the_allowed_number_is_fine(bus: SimulatedBus, member: Member) -> None:
    assert await bus.settle(max_deliveries=3) == 3


@pytest.mark.parametrize(
    ("verb", "handle", "why"),
    [
        ("find", "#9 payments-service", "names nothing that is still to be delivered; there is #1 payments-service"),
        ("duplicate", "#9 payments-service", "names no delivery; a handle is like"),
        ("duplicate", "the second one", "names no delivery; a handle is like"),
        ("release", "#1 payments-service", "is not held"),
        ("redeliver", "#1 payments-service", "waits for nothing"),
    ],
)
async def test_a_steering_verb_says_why_it_cannot(
    bus: SimulatedBus, member: Member, verb: str, handle: str, why: str
) -> None:
    with pytest.raises(BusError, match=why):
        getattr(bus, verb)(handle)


@pytest.mark.parametrize("verb", ["hold", "put_first"])
async def test_only_what_is_pending_can_be_moved(bus: SimulatedBus, member: Member, verb: str) -> None:
    await bus.deliver("#1 payments-service", lose_ack=True)

    with pytest.raises(BusError, match="is not pending"):
        getattr(bus, verb)("#1 payments-service")


async def test_what_is_done_cannot_be_delivered_but_only_duplicated(bus: SimulatedBus, member: Member) -> None:
    (first, *_) = bus.pending()
    await bus.deliver(first)

    with pytest.raises(BusError, match=r"bus.duplicate\(\) delivers it again"):
        await bus.deliver(first)
