"""Events on the wire: camelCase JSON, immutable, refused when they make no sense."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from payments_lab.shop.events import EVENTS, OrderCreated, PaymentCreated, Ticket
from payments_lab.shop.status import OrderStatus

CREATED = OrderCreated(
    id="ord_1",
    version=0,
    status=OrderStatus.CREATED,
    user_id="ada",
    expires_at=datetime(2026, 1, 1, 12, 15, tzinfo=UTC),
    ticket=Ticket(id="tkt_1", price=2000),
)


def test_an_event_reads_on_the_wire_as_the_other_services_expect() -> None:
    assert json.loads(CREATED.to_bytes()) == {
        "id": "ord_1",
        "version": 0,
        "status": "created",
        "userId": "ada",
        "expiresAt": "2026-01-01T12:15:00Z",
        "ticket": {"id": "tkt_1", "price": 2000, "currency": "usd"},
    }


def test_an_event_survives_the_wire_unchanged() -> None:
    assert OrderCreated.model_validate_json(CREATED.to_bytes()) == CREATED


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        CREATED.version = 1  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", -1),
        ("version", 1.5),
        ("version", "1"),
        ("id", ""),
        ("id", {"$ne": None}),
        ("userId", ["ada"]),
        ("expiresAt", "tomorrow"),
        ("expiresAt", "2026-01-01T12:15:00"),
        ("status", "paid"),
        ("ticket", {"id": "tkt_1", "price": 0}),
        ("ticket", {"id": "tkt_1", "price": 19.99}),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(field: str, value: Any) -> None:
    payload = {**json.loads(CREATED.to_bytes()), field: value}

    with pytest.raises(ValidationError):
        OrderCreated.model_validate_json(json.dumps(payload))


def test_every_kind_of_event_has_a_subject_of_its_own() -> None:
    assert len({event.subject for event in EVENTS}) == len(EVENTS)


def test_the_payment_event_carries_the_charge_and_not_the_payment_as_stripe_id() -> None:
    event = PaymentCreated(id="pay_1", order_id="ord_1", stripe_id="ch_1")

    assert json.loads(event.to_bytes()) == {"id": "pay_1", "orderId": "ord_1", "stripeId": "ch_1"}
