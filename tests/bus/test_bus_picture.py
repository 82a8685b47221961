"""The simulator shows itself: a table of everything that is not done, in a notebook and in a terminal."""

from __future__ import annotations

import pytest

from payments_lab import Lab

pytestmark = pytest.mark.anyio


async def test_a_bus_at_rest_says_that_nothing_is_under_way() -> None:
    lab = Lab()

    assert repr(lab.bus) == "<SimulatedBus: nothing under way>"
    assert "nothing is under way" in lab.bus._repr_mimebundle_()["text/plain"]


async def test_a_bus_shows_what_is_pending_waiting_held_and_dead() -> None:
    lab = Lab()
    await lab.orders.create(user_id="ada", price=2000)
    to_payments, to_expiration = lab.bus.pending()
    await lab.bus.deliver(to_payments, lose_ack=True)
    lab.bus.hold(to_expiration)
    await lab.bus.client("somebody").publish("order:cancelled", b"?")
    await lab.bus.deliver_next()
    await lab.orders.create(user_id="ada", price=2000)

    shown = lab.bus._repr_mimebundle_()

    assert repr(lab.bus) == "<SimulatedBus: 2 pending, 1 waiting, 1 held, 1 dead>"
    for part in ("again at 12:00:05", "order:created #1", "expiration-service", "malformed order:cancelled"):
        assert part in shown["text/plain"]
    assert "<table" in shown["text/html"]


async def test_a_subscription_names_its_durable_consumer() -> None:
    lab = Lab()

    async def ignore(_: object) -> None:
        return None

    subscription = await lab.bus.client("x").subscribe("order:created", ignore, queue="auditors")

    assert repr(subscription) == "<auditors-order_created listens on order:created>"
