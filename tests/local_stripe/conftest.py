"""The local Stripe's own fixtures, on the lab's clock."""

from __future__ import annotations

import pytest

from payments_lab.local_stripe.fixtures import local_stripe, stripe_client, stripe_server
from payments_lab.ports import LabClock

__all__ = ["local_stripe", "stripe_client", "stripe_server"]


@pytest.fixture
def stripe_clock() -> LabClock:
    return LabClock()
