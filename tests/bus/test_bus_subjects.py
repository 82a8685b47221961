"""Subjects, patterns, and the names that are made of them."""

from __future__ import annotations

import pytest

from payments_lab.bus import BusError
from payments_lab.bus.subjects import durable_name, matches, overlap


@pytest.mark.parametrize(
    ("pattern", "subject", "fits"),
    [
        ("order:created", "order:created", True),
        ("order:created", "order:cancelled", False),
        ("shop.*.created", "shop.order.created", True),
        ("shop.*.created", "shop.order.item.created", False),
        ("shop.*", "shop", False),
        ("shop.>", "shop.order.created", True),
        ("shop.>", "shop", False),
        (">", "order:created", True),
        ("*", "order:created", True),
        ("*", "shop.order", False),
        ("a.b", "a+b", False),
    ],
)
def test_a_pattern_matches_token_by_token(pattern: str, subject: str, fits: bool) -> None:
    assert matches(pattern)(subject) is fits


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("shop.*.created", "shop.order.*", True),
        ("shop.*.created", "shop.order.paid", False),
        ("shop.>", "shop.order.created", True),
        (">", "order:created", True),
        ("shop.*", "shop.order.created", False),
        ("order:created", "order:created", True),
    ],
)
def test_two_patterns_overlap_where_some_subject_falls_under_both(one: str, other: str, both: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is both


def test_a_durable_name_has_only_what_a_broker_allows() -> None:
    assert durable_name("payments service", "shop.*.created") == "payments_service-shop___created"
    assert durable_name("payments-service", "order:created") == "payments-service-order_created"


def test_a_queue_group_needs_a_name() -> None:
    with pytest.raises(BusError, match="a queue group needs a name"):
        durable_name("", "order:created")
