"""A network that misbehaves by itself: by probability, but the same way for the same seed."""

from __future__ import annotations

from collections import Counter

import pytest

from payments_lab.bus import BusFaults, Delivery, Happening, Record, SimulatedBus
from payments_lab.ports import LabClock

pytestmark = pytest.mark.anyio

CREATED = "order:created"
EVERYTHING = BusFaults(duplicate=0.3, reorder=0.3, delay=0.3, lose_ack=0.3, crash=0.3)


async def run(faults: BusFaults, seed: int, messages: int = 20) -> tuple[list[Record], list[bytes]]:
    """The log, and what a handler heard, of one run with two queue groups."""
    bus = SimulatedBus(LabClock(), seed=seed, faults=faults)
    heard: list[bytes] = []

    async def handler(delivery: Delivery) -> None:
        heard.append(delivery.data)
        await delivery.ack()

    client = bus.client("shop")
    for queue in ("payments-service", "expiration-service"):
        await client.subscribe(CREATED, handler, queue=queue)
    for number in range(messages):
        await client.publish(CREATED, b"%d" % number)
    await bus.settle()
    assert bus.dead == []
    assert bus.next_due() is None
    return bus.log, heard


async def test_the_same_seed_gives_the_same_run() -> None:
    assert await run(EVERYTHING, 7) == await run(EVERYTHING, 7)


async def test_another_seed_gives_another_run() -> None:
    assert await run(EVERYTHING, 7) != await run(EVERYTHING, 8)


@pytest.mark.parametrize("seed", range(20))
async def test_no_message_is_lost_whatever_happens(seed: int) -> None:
    log, heard = await run(EVERYTHING, seed)

    assert set(heard) == {b"%d" % number for number in range(20)}
    acked = {(record.party, record.sequence) for record in log if record.happening is Happening.ACKED}
    assert len(acked) == 40


@pytest.mark.parametrize(
    ("faults", "bite"),
    [
        (BusFaults(delay=0.5), Happening.DELAYED),
        (BusFaults(lose_ack=0.5), Happening.ACK_LOST),
        (BusFaults(crash=0.5), Happening.CRASHED),
    ],
)
async def test_each_fault_bites_and_no_other(faults: BusFaults, bite: Happening) -> None:
    log, _ = await run(faults, 1)

    seen = {record.happening for record in log}
    usual = {Happening.PUBLISHED, Happening.DELIVERED, Happening.ACKED, Happening.TIMED_OUT}
    assert seen - usual == {bite}


async def test_duplicates_come_about_as_often_as_asked() -> None:
    _, heard = await run(BusFaults(duplicate=0.25), 1, messages=500)

    extra = len(heard) - 1000
    assert 250 < extra < 420
    assert set(Counter(heard).values()) > {2, 3}


async def test_without_reordering_messages_keep_their_order() -> None:
    _, heard = await run(BusFaults(duplicate=0.3), 1)
    assert list(dict.fromkeys(heard)) == [b"%d" % number for number in range(20)]

    _, heard = await run(BusFaults(reorder=0.3), 1)
    assert list(dict.fromkeys(heard)) != [b"%d" % number for number in range(20)]


async def test_every_moment_of_a_crash_happens() -> None:
    log, _ = await run(BusFaults(crash=0.6), 1)

    moments = {record.detail for record in log if record.happening is Happening.CRASHED}
    assert moments == {"before its effect", "after its effect", "after its acknowledgement"}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"duplicate": 1.5}, "duplicate is a probability from 0 to 1, not 1.5"),
        ({"crash": -0.1}, "crash is a probability"),
        ({"longest_delay": -1.0}, "longest_delay is -1 seconds"),
    ],
)
def test_what_is_no_probability_is_refused(settings: dict[str, float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        BusFaults(**settings)
