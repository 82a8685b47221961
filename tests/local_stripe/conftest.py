"""The local Stripe's own fixtures, on the lab's clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from payments_lab.local_stripe.fixtures import local_stripe, stripe_client, stripe_server
from payments_lab.ports import LabClock
from tests.local_stripe.examples import from_the_test_alone

__all__ = ["local_stripe", "stripe_client", "stripe_server"]


@pytest.fixture
def stripe_clock() -> LabClock:
    return LabClock()


@pytest.fixture
def the_same_examples_everywhere() -> Iterator[None]:
    """Whatever else is in the tree, and whatever ran before."""
    with from_the_test_alone():
        yield
