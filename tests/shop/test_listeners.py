"""Listening: parse, handle, acknowledge; ask again for what came early; bury what makes no sense."""

from __future__ import annotations

import json
from unittest.mock import AsyncMock

import pytest

from payments_lab.lab import Lab
from payments_lab.shop.events import OrderCompleted
from payments_lab.shop.listeners import listener
from payments_lab.shop.orders import Order
from payments_lab.shop.status import OrderStatus

pytestmark = pytest.mark.anyio


async def replica(lab: Lab, order_id: str) -> OrderStatus:
    document = await lab.payments.orders.find_one({"_id": order_id})
    assert document is not None
    return OrderStatus(document["status"])


async def test_a_cancellation_that_overtakes_the_creation_is_asked_for_again_and_applied(lab: Lab) -> None:
    order = await lab.orders.create(user_id="ada", price=2000)
    created = next(item for item in lab.bus.pending() if item.queue == "payments-service")
    lab.bus.hold(created)
    await lab.orders.cancel(order.id)
    cancelled = next(item for item in lab.bus.pending() if item.subject == "order:cancelled")

    await lab.bus.deliver(cancelled)
    assert await lab.payments.orders.find_one({"_id": order.id}) is None
    lab.bus.release(created)
    await lab.settle()

    assert await replica(lab, order.id) is OrderStatus.CANCELLED
    assert lab.bus.dead == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not json", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"{}", "id: Field required"),
        (
            json.dumps({"id": {"$ne": None}, "version": 1, "ticket": {"id": "t"}}).encode(),
            "id: Input should be a valid string",
        ),
        (
            json.dumps({"id": "ord_1", "version": -1, "ticket": {"id": "t"}}).encode(),
            "version: Input should be greater",
        ),
    ],
)
async def test_a_malformed_event_becomes_a_dead_letter_with_its_reason_and_the_rest_goes_on(
    lab: Lab, data: bytes, reason: str
) -> None:
    await lab.bus.client("somebody").publish("order:cancelled", data)
    order = await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()

    (dead,) = lab.bus.dead
    assert (dead.subject, dead.data, dead.attempts) == ("order:cancelled", data, 1)
    assert dead.reason.startswith("malformed order:cancelled: ")
    assert reason in dead.reason
    assert await replica(lab, order.id) is OrderStatus.CREATED


async def test_a_handler_that_fails_is_delivered_to_again_after_the_ack_wait(
    lab: Lab, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_one = lab.payments.payments.find_one
    failures = [ConnectionResetError("the database went away")]

    async def flaky(filter: dict[str, str]) -> object:
        if failures:
            raise failures.pop()
        return await find_one(filter)

    monkeypatch.setattr(lab.payments.payments, "find_one", flaky)
    before = lab.clock.now()
    await lab.orders.cancel(order.id)
    await lab.settle()

    assert await replica(lab, order.id) is OrderStatus.CANCELLED
    assert (lab.clock.now() - before).total_seconds() == 5


async def test_every_service_hears_in_a_queue_group_of_its_own(lab: Lab) -> None:
    await lab.orders.create(user_id="ada", price=2000)

    assert [item.queue for item in lab.bus.pending()] == ["payments-service", "expiration-service"]


async def test_a_mocked_delivery_needs_no_more_than_its_data() -> None:
    heard: list[OrderCompleted] = []

    async def handle(event: OrderCompleted) -> None:
        heard.append(event)

    event = OrderCompleted(id="ord_1", version=1)
    delivery = AsyncMock(data=event.to_bytes())
    await listener(OrderCompleted, handle)(delivery)

    assert heard == [event]
    delivery.ack.assert_awaited_once_with()
