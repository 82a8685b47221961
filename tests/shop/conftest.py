"""A shop on embedded engines, and short words for what tests do with it."""

from __future__ import annotations

import pytest

from payments_lab.lab import Lab
from payments_lab.shop.orders import Order


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
async def order(lab: Lab) -> Order:
    """Ada's order of $20.00, known to every service."""
    order = await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    return order
