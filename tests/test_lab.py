"""The lab: a whole shop that repeats itself exactly and tells its own story."""

from __future__ import annotations

from datetime import timedelta

import pytest

from payments_lab import Lab, PaymentsService
from payments_lab.bus import BusFaults
from payments_lab.shop.errors import Declined, OutcomeUnknown
from payments_lab.shop.events import PaymentCreated
from payments_lab.shop.orders import OrdersService
from payments_lab.shop.payments import Payment
from payments_lab.shop.status import OrderStatus

pytestmark = pytest.mark.anyio


async def bought(lab: Lab) -> Payment:
    order = await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    payment = await lab.payments.create_charge(order_id=order.id, token="tok_visa", user_id="ada")
    await lab.settle()
    return payment


async def test_an_order_flows_from_creation_to_complete(lab: Lab) -> None:
    payment = await bought(lab)

    assert (await lab.orders.get(payment.order_id)).status is OrderStatus.COMPLETE
    assert lab.delivered() == ["order:created", "payment:created", "order:completed"]


async def test_two_labs_tell_the_same_story() -> None:
    first, second = Lab(), Lab()
    await bought(first)
    await bought(second)

    assert first.timeline().svg() == second.timeline().svg()


async def test_the_lab_runs_the_students_own_service() -> None:
    class Mine(PaymentsService):
        async def create_charge(
            self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
        ) -> Payment:
            raise PermissionError("not today")

    lab = Lab(payments=Mine)

    with pytest.raises(PermissionError, match="not today"):
        await bought(lab)


async def test_the_lab_runs_the_students_own_orders_service() -> None:
    class Forgetful(OrdersService):
        async def on_payment_created(self, event: PaymentCreated) -> None:
            """Hears it, and completes nothing."""

    lab = Lab(orders=Forgetful)
    payment = await bought(lab)

    assert (await lab.orders.get(payment.order_id)).status is OrderStatus.CREATED


async def test_time_that_passes_expires_what_nobody_paid(lab: Lab) -> None:
    order = await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    await lab.advance(timedelta(minutes=15))

    assert (await lab.orders.get(order.id)).status is OrderStatus.CANCELLED
    assert lab.delivered() == ["order:created", "expiration:complete", "order:cancelled"]


async def test_recovery_lets_every_service_finish(lab: Lab) -> None:
    order = await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    lab.stripe.faults.lose_reply()
    with pytest.raises(OutcomeUnknown):
        await lab.payments.create_charge(order_id=order.id, token="tok_visa", user_id="ada")

    await lab.recover()

    assert (await lab.orders.get(order.id)).status is OrderStatus.COMPLETE


async def test_the_timeline_shows_events_with_versions_charges_declines_lost_replies_and_time(lab: Lab) -> None:
    order = await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    with pytest.raises(Declined):
        await lab.payments.create_charge(order_id=order.id, token="tok_chargeDeclined", user_id="ada")
    lab.stripe.faults.lose_reply()
    with pytest.raises(OutcomeUnknown):
        await lab.payments.create_charge(order_id=order.id, token="tok_visa", user_id="ada")
    await lab.payments.recover()
    await lab.advance(timedelta(minutes=15))

    picture = str(lab.timeline("Ada buys"))

    for part in (
        "Ada buys",
        "order:created v0",
        "charge 2000 usd to tok_visa",
        "✗ 402 generic_decline",
        "×─",
        "no answer",
        "ch_2 succeeded",
        "same answer again)",
        "15 minutes pass",
        "expiration:complete",
    ):
        assert part in picture


async def test_the_timeline_marks_crashes_redeliveries_and_dead_letters(lab: Lab) -> None:
    await lab.orders.create(user_id="ada", price=2000)
    await lab.bus.deliver(lab.bus.pending()[0], crash="after")
    await lab.bus.client("orders").publish("order:cancelled", b"?")
    await lab.settle()

    picture = str(lab.timeline())

    assert "crashes after its effect" in picture
    assert "↻ order:created v0 (attempt 2)" in picture
    assert "dead letter: malformed" in picture


async def test_documents_show_themselves_as_a_table(lab: Lab) -> None:
    await bought(lab)

    table = lab.documents("payments.orders")

    assert table.columns[0] == "_id"
    assert [row[0] for row in table.rows] == ["ord_1"]


async def test_an_unknown_collection_lists_the_known_ones(lab: Lab) -> None:
    with pytest.raises(
        KeyError,
        match=r"known are orders\.orders, payments\.inbox, payments\.orders, payments\.outbox, payments\.payments",
    ):
        lab.documents("payments.nothing")


@pytest.mark.parametrize("seed", range(40))
async def test_a_misbehaving_bus_loses_no_money(seed: int) -> None:
    lab = Lab(seed=seed, faults=BusFaults(duplicate=0.3, reorder=0.5, delay=0.2, lose_ack=0.3, crash=0.2))

    payment = await bought(lab)
    await lab.recover()

    assert (await lab.orders.get(payment.order_id)).status is OrderStatus.COMPLETE
    assert len(lab.stripe.charges()) == 1
    assert lab.bus.dead == []


@pytest.fixture
def lab() -> Lab:
    return Lab()
