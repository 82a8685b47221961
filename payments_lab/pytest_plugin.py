"""Fixtures for anybody's tests of a payments service.

    pytest_plugins = ["payments_lab.pytest_plugin"]          # in conftest.py

    def test_our_service_keeps_its_money_straight(verify_payments):
        verify_payments(OurPaymentsService, faults=Faults(crashes=1, duplicates=1))

A failure prints the story in which money goes wrong, and the token that replays it. Also here: ``lab``, a whole shop on
embedded engines, and the local Stripe's ``local_stripe``, ``stripe_client`` and ``stripe_server``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from payments_lab.explore.report import Report
from payments_lab.lab import Lab
from payments_lab.local_stripe.fixtures import local_stripe, stripe_client, stripe_clock, stripe_server
from payments_lab.testing import assert_holds

__all__ = ["lab", "local_stripe", "stripe_client", "stripe_clock", "stripe_server", "verify_payments"]


@pytest.fixture(scope="session")
def verify_payments() -> Callable[..., Report]:
    """:func:`payments_lab.testing.assert_holds`."""
    return assert_holds


@pytest.fixture
def lab() -> Lab:
    """A fresh shop on embedded engines, its clock and ids the same in every run."""
    return Lab()
