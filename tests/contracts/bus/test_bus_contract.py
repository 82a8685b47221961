"""One contract of buses: the simulator, Redis Streams on fakeredis and Valkey, NATS JetStream."""

from __future__ import annotations

import pytest

from payments_lab.bus import MAX_PAYLOAD, BusError, ConsumerConfig, DeadLetter, Delivery
from payments_lab.bus.headers import CAUSATION_ID, TRACE_ID, caused_by
from tests.contracts.bus.worlds import Ear, World, acknowledge, stay_silent

pytestmark = pytest.mark.anyio

CREATED = "order:created"
CANCELLED = "order:cancelled"


def quick(world: World, **settings: int | str) -> ConsumerConfig:
    """A consumer whose ack wait a test can wait for."""
    return ConsumerConfig(ack_wait=world.ack_wait, **settings)  # type: ignore[arg-type]


PATIENT = ConsumerConfig(ack_wait=60.0)


# who hears what


async def test_every_queue_group_hears_each_message_once(world: World) -> None:
    bus = await world.bus("orders")
    payments, expiration = Ear(), Ear()
    await bus.subscribe(CREATED, payments, queue="payments-service")
    await bus.subscribe(CREATED, expiration, queue="expiration-service")

    for number in range(10):
        await bus.publish(CREATED, b"%d" % number)
    await world.until(lambda: len(payments.heard) >= 10 and len(expiration.heard) >= 10)

    assert payments.data == expiration.data == [b"%d" % number for number in range(10)]


async def test_each_message_goes_to_one_member_of_a_queue_group(world: World) -> None:
    one, other = await world.bus("payments"), await world.bus("payments")
    first, second = Ear(), Ear()
    await one.subscribe(CREATED, first, queue="payments-service")
    await other.subscribe(CREATED, second, queue="payments-service")

    for number in range(40):
        await one.publish(CREATED, b"%02d" % number)
    await world.until(lambda: len(first.heard) + len(second.heard) >= 40)

    assert sorted(first.data + second.data) == [b"%02d" % number for number in range(40)]


async def test_a_delivery_tells_its_subject_data_id_headers_and_attempt(world: World) -> None:
    bus = await world.bus("orders")
    ear = Ear()
    await bus.subscribe(CREATED, ear, queue="payments-service")

    ack = await bus.publish(CREATED, b"\x00\xff data", message_id="ord_1:0", headers={"Colour": "blue, or naught"})
    await world.until(lambda: bool(ear.heard))

    (delivery,) = ear.heard
    assert (delivery.subject, delivery.data, delivery.message_id) == (CREATED, b"\x00\xff data", "ord_1:0")
    assert (dict(delivery.headers), delivery.attempt) == ({"Colour": "blue, or naught"}, 1)
    assert delivery.sequence == ack.sequence


async def test_a_message_without_an_id_still_has_a_name_of_its_own(world: World) -> None:
    bus = await world.bus("orders")
    ear = Ear()
    await bus.subscribe(CREATED, ear, queue="payments-service")

    await bus.publish(CREATED, b"1")
    await bus.publish(CREATED, b"2")
    await world.until(lambda: len(ear.heard) == 2)

    assert len({delivery.message_id for delivery in ear.heard} - {""}) == 2
    assert [dict(delivery.headers) for delivery in ear.heard] == [{}, {}]


async def test_headers_carry_the_trace_and_the_cause_from_message_to_message(world: World) -> None:
    bus = await world.bus("shop")
    ear = Ear()

    async def on_created(delivery: Delivery) -> None:
        await bus.publish(CANCELLED, b"", message_id="second", headers=caused_by(delivery))
        await delivery.ack()

    await bus.subscribe(CREATED, on_created, queue="orders-service")
    await bus.subscribe(CANCELLED, ear, queue="payments-service")
    await bus.publish(CREATED, b"", message_id="first", headers={TRACE_ID: "request 7"})
    await world.until(lambda: bool(ear.heard))

    assert dict(ear.heard[0].headers) == {TRACE_ID: "request 7", CAUSATION_ID: "first"}


async def test_a_consumer_that_comes_late_hears_everything(world: World) -> None:
    bus = await world.bus("orders")
    ear = Ear()

    await bus.publish(CREATED, b"before")
    await bus.subscribe(CREATED, ear, queue="payments-service")
    await bus.publish(CREATED, b"after")
    await world.until(lambda: len(ear.heard) >= 2)

    assert ear.data == [b"before", b"after"]


async def test_a_consumer_of_what_is_new_hears_nothing_from_before(world: World) -> None:
    bus = await world.bus("orders")
    ear = Ear()

    await bus.publish(CREATED, b"before")
    await bus.subscribe(CREATED, ear, queue="payments-service", config=ConsumerConfig(deliver="new"))
    await bus.publish(CREATED, b"after")
    await world.until(lambda: bool(ear.heard))

    assert ear.data == [b"after"]


async def test_a_durable_consumer_goes_on_where_its_group_stopped(world: World) -> None:
    bus = await world.bus("payments")
    before, after = Ear(), Ear()
    subscription = await bus.subscribe(CREATED, before, queue="payments-service")
    await bus.publish(CREATED, b"1")
    await world.until(lambda: bool(before.heard))
    await subscription.unsubscribe()

    await bus.publish(CREATED, b"2")
    await bus.subscribe(CREATED, after, queue="payments-service")
    await world.until(lambda: bool(after.heard))

    assert (before.data, after.data) == ([b"1"], [b"2"])


async def test_a_star_stands_for_one_token(world: World) -> None:
    bus = await world.bus("shop")
    ear = Ear()
    await bus.subscribe("shop.*.created", ear, queue="audit")

    for subject in ("shop.order.created", "shop.order.paid", "shop.ticket.created"):
        await bus.publish(subject, subject.encode())
    await world.until(lambda: len(ear.heard) >= 2)

    assert sorted(delivery.subject for delivery in ear.heard) == ["shop.order.created", "shop.ticket.created"]


async def test_a_greater_than_sign_stands_for_the_rest(world: World) -> None:
    bus = await world.bus("shop")
    ear = Ear()
    await bus.publish("shop.order.created", b"before")
    await bus.subscribe("shop.>", ear, queue="audit")

    await bus.publish("shop.order.paid", b"after")
    await bus.publish(CREATED, b"not of the shop")
    await world.until(lambda: len(ear.heard) >= 2)

    assert sorted(ear.data) == [b"after", b"before"]


# acknowledgement and redelivery


async def test_what_is_not_acknowledged_comes_again_after_the_ack_wait(world: World) -> None:
    bus = await world.bus("payments")
    times: list[float] = []

    async def second_time(delivery: Delivery) -> None:
        times.append(world.now())
        if delivery.attempt > 1:
            await delivery.ack()

    ear = Ear(second_time)
    await bus.subscribe(CREATED, ear, queue="payments-service", config=quick(world))
    await bus.publish(CREATED, b"1", message_id="ord_1:0")
    await world.until(lambda: len(ear.heard) >= 2)

    assert ear.attempts == [1, 2]
    assert [delivery.message_id for delivery in ear.heard] == ["ord_1:0", "ord_1:0"]
    assert times[1] - times[0] >= world.ack_wait * 0.95


async def test_a_handler_that_raises_gets_the_message_again(world: World) -> None:
    bus = await world.bus("payments")

    async def at_last(delivery: Delivery) -> None:
        if delivery.attempt < 3:
            raise ConnectionError("the database is away")
        await delivery.ack()

    ear = Ear(at_last)
    await bus.subscribe(CREATED, ear, queue="payments-service", config=quick(world))
    await bus.publish(CREATED, b"1")
    await world.until(lambda: len(ear.heard) >= 3)

    assert ear.attempts == [1, 2, 3]
    assert await bus.dead_letters() == []


async def test_what_is_acknowledged_never_comes_again(world: World) -> None:
    bus = await world.bus("payments")
    acked, silent = Ear(), Ear(stay_silent)
    await bus.subscribe(CREATED, acked, queue="payments-service", config=quick(world))
    await bus.subscribe(CREATED, silent, queue="witness", config=quick(world))

    await bus.publish(CREATED, b"1")
    await world.until(lambda: len(silent.heard) >= 3)

    assert acked.attempts == [1]


async def test_an_ack_that_comes_after_the_handler_returned_still_counts(world: World) -> None:
    bus = await world.bus("payments")
    late, silent = Ear(stay_silent), Ear(stay_silent)
    await bus.subscribe(CREATED, late, queue="payments-service", config=quick(world))
    await bus.subscribe(CREATED, silent, queue="witness", config=quick(world))
    await bus.publish(CREATED, b"1")
    await world.until(lambda: bool(late.heard))

    await late.heard[0].ack()
    await world.until(lambda: len(silent.heard) >= 3)

    assert late.attempts == [1]


async def test_the_first_answer_counts(world: World) -> None:
    bus = await world.bus("payments")

    async def undecided(delivery: Delivery) -> None:
        await delivery.ack()
        await delivery.nak()
        await delivery.term("no")
        await delivery.in_progress()

    ear, witness = Ear(undecided), Ear()
    await bus.subscribe(CREATED, ear, queue="payments-service")
    await bus.publish(CREATED, b"1")
    await bus.publish(CREATED, b"2")
    await world.until(lambda: len(ear.heard) >= 2)
    await bus.subscribe(CREATED, witness, queue="witness")
    await world.until(lambda: len(witness.heard) >= 2)

    assert ear.attempts == [1, 1]
    assert await bus.dead_letters() == []


async def test_a_nak_brings_the_message_again_at_once(world: World) -> None:
    bus = await world.bus("payments")
    begun = world.now()

    async def second_time(delivery: Delivery) -> None:
        await (delivery.nak() if delivery.attempt == 1 else delivery.ack())

    ear = Ear(second_time)
    await bus.subscribe(CREATED, ear, queue="payments-service", config=PATIENT)
    await bus.publish(CREATED, b"1")
    await world.until(lambda: len(ear.heard) >= 2)

    assert ear.attempts == [1, 2]
    assert world.now() - begun < PATIENT.ack_wait / 4


@pytest.mark.parametrize("delay", [0.5, 1.5])
async def test_a_nak_with_a_delay_brings_it_again_after_the_delay(world: World, delay: float) -> None:
    """The delay is half the ack wait, and one and a half times as long."""
    seconds = delay * world.ack_wait
    bus = await world.bus("payments")
    times: list[float] = []

    async def later(delivery: Delivery) -> None:
        times.append(world.now())
        await (delivery.nak(seconds) if delivery.attempt == 1 else delivery.ack())

    ear = Ear(later)
    await bus.subscribe(CREATED, ear, queue="payments-service", config=quick(world))
    await bus.publish(CREATED, b"1")
    await world.until(lambda: len(ear.heard) >= 2)

    assert ear.attempts == [1, 2]
    assert seconds * 0.95 <= times[1] - times[0] <= seconds + 5.0


async def test_progress_starts_the_ack_wait_anew(world: World) -> None:
    one, other = await world.bus("payments"), await world.bus("payments")

    async def slowly(delivery: Delivery) -> None:
        for _ in range(8):
            await world.spend(world.ack_wait / 4)
            await delivery.in_progress()
        await delivery.ack()

    slow, witness = Ear(slowly), Ear()
    await one.subscribe(CREATED, slow, queue="payments-service", config=quick(world))
    await other.subscribe(CREATED, slow, queue="payments-service", config=quick(world))
    await one.subscribe(CANCELLED, witness, queue="witness", config=quick(world))
    await one.publish(CREATED, b"1")
    await world.until(lambda: bool(slow.heard))
    await one.publish(CANCELLED, b"2")
    await world.until(lambda: bool(witness.heard))
    await one.drain()
    await other.drain()

    assert slow.attempts == [1]


async def test_max_ack_pending_holds_back_what_is_new(world: World) -> None:
    bus = await world.bus("payments")
    ear, witness = Ear(stay_silent), Ear()
    config = ConsumerConfig(ack_wait=60.0, max_ack_pending=1)
    await bus.subscribe(CREATED, ear, queue="payments-service", config=config)
    await bus.subscribe(CREATED, witness, queue="witness")

    for data in (b"1", b"2"):
        await bus.publish(CREATED, data)
    await world.until(lambda: len(witness.heard) == 2 and bool(ear.heard))
    assert ear.data == [b"1"]

    await ear.heard[0].ack()
    await world.until(lambda: len(ear.heard) == 2)
    assert ear.data == [b"1", b"2"]


# dead letters


async def test_a_handler_that_always_fails_stops_at_max_deliver(world: World) -> None:
    bus = await world.bus("payments")

    async def on_created(delivery: Delivery) -> None:
        if delivery.data == b"poison":
            raise ValueError("cannot swallow this")
        await delivery.ack()

    ear = Ear(on_created)
    await bus.subscribe(CREATED, ear, queue="payments-service", config=quick(world, max_deliver=3))
    await bus.publish(CREATED, b"poison", message_id="bad", headers={"Colour": "green"})
    await bus.publish(CREATED, b"bread")
    await world.until(lambda: len(ear.heard) >= 4)
    letters = await dead_letters(world, 1)

    assert sorted(ear.attempts) == [1, 1, 2, 3]
    assert (letters[0].subject, letters[0].data, letters[0].message_id) == (CREATED, b"poison", "bad")
    assert (letters[0].attempts, dict(letters[0].headers)) == (3, {"Colour": "green"})
    assert letters[0].durable == "payments-service-order_created"
    assert "ValueError: cannot swallow this" in letters[0].reason
    assert "3 times" in letters[0].reason


async def test_what_never_gets_an_answer_becomes_a_dead_letter_too(world: World) -> None:
    bus = await world.bus("payments")
    ear = Ear(stay_silent)
    await bus.subscribe(CREATED, ear, queue="payments-service", config=quick(world, max_deliver=2))
    await bus.publish(CREATED, b"1")
    await world.until(lambda: len(ear.heard) >= 2)
    letters = await dead_letters(world, 1)

    assert ear.attempts == [1, 2]
    assert "no answer" in letters[0].reason


async def test_what_is_put_back_again_and_again_becomes_a_dead_letter_too(world: World) -> None:
    bus = await world.bus("payments")

    async def not_yet(delivery: Delivery) -> None:
        await delivery.nak()

    ear = Ear(not_yet)
    await bus.subscribe(CREATED, ear, queue="payments-service", config=quick(world, max_deliver=3))
    await bus.publish(CREATED, b"1")
    letters = await dead_letters(world, 1)

    assert ear.attempts == [1, 2, 3]
    assert "asked for it again" in letters[0].reason


async def test_a_message_that_makes_no_sense_is_kept_with_its_bytes_and_blocks_nothing(world: World) -> None:
    bus = await world.bus("payments")

    async def on_created(delivery: Delivery) -> None:
        if delivery.data == b"\xff{":
            await delivery.term("not JSON:\n'\xff{' — at byte 0")
        else:
            await delivery.ack()

    ear, witness = Ear(on_created), Ear(stay_silent)
    await bus.subscribe(CREATED, ear, queue="payments-service", config=quick(world))
    await bus.subscribe(CREATED, witness, queue="witness", config=quick(world))
    await bus.publish(CREATED, b"\xff{")
    await bus.publish(CREATED, b"{}")
    await world.until(lambda: len(ear.heard) >= 2 and len(witness.heard) >= 6)
    letters = await dead_letters(world, 1)

    assert ear.attempts == [1, 1]
    assert (letters[0].data, letters[0].reason) == (b"\xff{", "not JSON:\n'\xff{' — at byte 0")
    assert letters[0].attempts == 1


async def test_a_dead_letter_of_one_group_is_no_concern_of_another(world: World) -> None:
    bus = await world.bus("payments")

    async def refuse(delivery: Delivery) -> None:
        await delivery.term("not mine")

    ear = Ear()
    await bus.subscribe(CREATED, refuse, queue="payments-service")
    await bus.subscribe(CREATED, ear, queue="expiration-service")
    await bus.publish(CREATED, b"1")
    await world.until(lambda: bool(ear.heard))

    letters = await dead_letters(world, 1)
    assert [letter.durable for letter in letters] == ["payments-service-order_created"]
    assert ear.attempts == [1]


# publishing


async def test_a_message_id_is_kept_once_within_the_window(world: World) -> None:
    one, other = await world.bus("orders"), await world.bus("orders")
    ear = Ear()
    await one.subscribe(CREATED, ear, queue="payments-service")

    first = await one.publish(CREATED, b"1", message_id="ord_1:0")
    again = await other.publish(CREATED, b"1", message_id="ord_1:0")
    await one.publish(CREATED, b"2", message_id="ord_2:0")
    await world.until(lambda: len(ear.heard) >= 2)

    assert (first.duplicate, again.duplicate, again.sequence) == (False, True, first.sequence)
    assert ear.data == [b"1", b"2"]


async def test_a_message_id_is_forgotten_after_the_window(world: World) -> None:
    bus = await world.bus("orders")
    first = await bus.publish(CREATED, b"1", message_id="ord_1:0")

    await world.spend(world.window * 1.2)
    again = await bus.publish(CREATED, b"1", message_id="ord_1:0")

    assert not again.duplicate
    assert again.sequence > first.sequence


async def test_sequences_grow(world: World) -> None:
    bus = await world.bus("orders")

    sequences = [(await bus.publish(CREATED, b"")).sequence for _ in range(20)]

    assert sequences == sorted(set(sequences))


async def test_a_large_message_arrives_whole(world: World) -> None:
    bus = await world.bus("orders")
    ear = Ear()
    await bus.subscribe(CREATED, ear, queue="payments-service")
    large = bytes(range(256)) * (MAX_PAYLOAD // 256 - 4)

    await bus.publish(CREATED, large)
    await world.until(lambda: bool(ear.heard))

    assert ear.data == [large]


@pytest.mark.parametrize(
    ("subject", "data", "settings", "why"),
    [
        ("order:shipped", b"", {}, "no stream keeps the subject 'order:shipped'; known are order:created"),
        ("shop.*.created", b"", {}, "a wildcard is for listening"),
        ("shop.>", b"", {}, "a wildcard is for listening"),
        ("", b"", {}, "none is empty"),
        ("order: created", b"", {}, "white space"),
        (CREATED, b"x" * (MAX_PAYLOAD + 1), {}, "store the data elsewhere and publish a reference"),
        (CREATED, "text", {}, "needs bytes, not str"),
        (CREATED, b"", {"message_id": ""}, "no message id"),
        (CREATED, b"", {"message_id": "two\nlines"}, "no message id"),
        (CREATED, b"", {"headers": {"Colour": "blue\r\nStatus: 503"}}, "line break"),
        (CREATED, b"", {"headers": {"a:b": "c"}}, "no name of a header"),
    ],
)
async def test_what_cannot_be_kept_is_refused_at_publish(
    world: World, subject: str, data: bytes, settings: dict[str, object], why: str
) -> None:
    bus = await world.bus("orders")

    with pytest.raises(BusError, match=why):
        await bus.publish(subject, data, **settings)  # type: ignore[arg-type]


# consumers


@pytest.mark.parametrize(
    ("subject", "queue", "why"),
    [
        ("order:shipped", "payments-service", "nothing can ever arrive on 'order:shipped'"),
        ("payment.>", "payments-service", "nothing can ever arrive"),
        ("shop.>.created", "payments-service", "'>' stands for the rest, so it comes last"),
        (CREATED, "  ", "a queue group needs a name"),
    ],
)
async def test_a_subscription_that_could_never_hear_anything_is_refused(
    world: World, subject: str, queue: str, why: str
) -> None:
    bus = await world.bus("payments")

    with pytest.raises(BusError, match=why):
        await bus.subscribe(subject, acknowledge, queue=queue)


async def test_a_durable_consumer_that_exists_and_differs_is_refused(world: World) -> None:
    one, other = await world.bus("payments"), await world.bus("payments")
    await one.subscribe(CREATED, acknowledge, queue="payments-service", config=quick(world, max_deliver=3))

    with pytest.raises(BusError, match="payments-service-order_created exists .*max_deliver=3"):
        await other.subscribe(CREATED, acknowledge, queue="payments-service", config=quick(world, max_deliver=4))


async def test_a_durable_consumer_that_exists_is_joined_as_it_is(world: World) -> None:
    one, other = await world.bus("payments"), await world.bus("payments")
    first = await one.subscribe(CREATED, stay_silent, queue="payments-service", config=quick(world, max_deliver=2))
    await first.unsubscribe()
    ear = Ear(stay_silent)

    await other.subscribe(CREATED, ear, queue="payments-service")
    await other.publish(CREATED, b"1")
    await dead_letters(world, 1)

    assert ear.attempts == [1, 2]


async def test_a_drain_finishes_what_is_in_hand_and_leaves_the_rest_to_others(world: World) -> None:
    one, other = await world.bus("payments"), await world.bus("payments")
    begun: list[bytes] = []
    finished: list[bytes] = []

    async def slowly(delivery: Delivery) -> None:
        begun.append(delivery.data)
        await world.spend(world.ack_wait / 8)
        await delivery.ack()
        finished.append(delivery.data)

    for number in range(6):
        await one.publish(CREATED, b"%d" % number)
    await one.subscribe(CREATED, slowly, queue="payments-service", config=quick(world))
    await world.until(lambda: len(begun) >= 2)
    await one.drain()
    assert finished == begun
    assert len(begun) < 6

    ear = Ear()
    await other.subscribe(CREATED, ear, queue="payments-service", config=quick(world))
    await one.publish(CREATED, b"6")
    await world.until(lambda: len(begun) + len(ear.heard) >= 7)
    assert sorted(begun + ear.data) == [b"%d" % number for number in range(7)]


async def dead_letters(world: World, count: int) -> list[DeadLetter]:
    """The dead letters as another connection sees them, once there are ``count``."""
    bus = await world.bus("observer")

    async def enough() -> bool:
        return len(await bus.dead_letters()) >= count

    await world.until(enough)
    return await bus.dead_letters()
