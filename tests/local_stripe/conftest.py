"""The local Stripe's own fixtures, on the lab's clock."""

from __future__ import annotations

import pytest

from payments_lab.ports import LabClock

pytest_plugins = ["payments_lab.local_stripe.fixtures"]


@pytest.fixture
def stripe_clock() -> LabClock:
    return LabClock()
