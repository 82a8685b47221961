"""What the buses with a server have in common: how many messages to take at once, how long to go on trying."""

from __future__ import annotations

import asyncio

import pytest

from payments_lab.bus.remote import Pace, Patience

pytestmark = pytest.mark.anyio


def test_a_member_begins_with_few_messages_and_takes_many_when_it_is_quick() -> None:
    pace = Pace(ack_wait=5.0)
    assert pace.batch == 8

    pace.handled(8, 0.008)
    assert pace.batch == 64


def test_a_slow_member_takes_no_more_than_it_can_handle_in_half_the_ack_wait() -> None:
    pace = Pace(ack_wait=5.0)

    pace.handled(1, 0.5)
    assert pace.batch == 5
    pace.handled(5, 50.0)
    assert pace.batch == 1


def test_a_member_becomes_quick_again() -> None:
    pace = Pace(ack_wait=5.0)
    pace.handled(1, 10.0)

    for _ in range(12):
        pace.handled(1, 0.001)

    assert pace.batch == 64


async def test_patience_waits_longer_each_time_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def no_time(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", no_time)
    patience = Patience(1.0, first=0.1, longest=0.3)
    while await patience.wait():
        pass

    assert pauses == [0.1, 0.2, 0.3, 0.3]
