"""Every test of the contract runs against every double; those that localstripe can't pass are left out for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import stripe

from tests.contracts.stripe import doubles
from tests.contracts.stripe.doubles import HTTP, IN_PROCESS, LOCALSTRIPE, STRIPE

# The table of the docs is made with every test run against localstripe.
EVERYTHING = os.environ.get("STRIPE_CONTRACT_EVERYTHING") == "1"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "client" not in metafunc.fixturenames:
        return
    # Stripe itself comes in where there is an account; test_stripe_itself.py says so where there is none.
    chosen = [IN_PROCESS, HTTP, *([STRIPE] if doubles.account_key() else [])]
    if EVERYTHING or metafunc.function.__name__ in doubles.passes():
        chosen.append(LOCALSTRIPE)
    metafunc.parametrize("double", chosen, scope="session")


@pytest.fixture(scope="session")
def our_url() -> Iterator[str]:
    with doubles.our_server() as url:
        yield url


@pytest.fixture(scope="session")
def localstripe_url() -> Iterator[str]:
    with doubles.localstripe_server() as url:
        yield url


@pytest.fixture
def client(request: pytest.FixtureRequest, double: str) -> stripe.StripeClient:
    """The library, talking to the double."""
    if double == IN_PROCESS:
        return doubles.in_process()
    if double == HTTP:
        return doubles.at(request.getfixturevalue("our_url"))
    if double == LOCALSTRIPE:
        return doubles.shimmed(request.getfixturevalue("localstripe_url"))
    return doubles.itself()
