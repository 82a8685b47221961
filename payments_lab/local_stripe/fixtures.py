"""pytest fixtures: a local Stripe for anybody's tests.

    from payments_lab.local_stripe.fixtures import local_stripe, stripe_client, stripe_clock, stripe_server

    def test_a_declined_card_is_told_to_the_buyer(local_stripe, stripe_client): ...

``local_stripe`` is fresh for every test. Its clock starts at the present and moves only when told to
(``local_stripe.clock.advance(3600)``), so the library's ``construct_event`` takes its webhooks; a test suite that wants
another clock overrides ``stripe_clock``. A ``conftest.py`` at the top may also say
``pytest_plugins = ["payments_lab.local_stripe.fixtures"]``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from payments_lab.local_stripe import LocalStripe
from payments_lab.ports import Clock, LabClock, SystemClock

if TYPE_CHECKING:
    import stripe

__all__ = ["StripeServer", "local_stripe", "stripe_client", "stripe_clock", "stripe_server"]

PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class StripeServer:
    """A local Stripe that answers over HTTP at ``url``."""

    url: str
    api_key: str

    def client(self, **options: object) -> stripe.StripeClient:
        """``stripe.StripeClient`` for it; ``options`` are its own."""
        import stripe

        return stripe.StripeClient(self.api_key, base_addresses={"api": self.url}, **options)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def stripe_clock() -> Clock:
    """What dates the local Stripe's objects."""
    return LabClock(SystemClock().now())


@pytest.fixture
def local_stripe(stripe_clock: Clock) -> LocalStripe:
    """An empty Stripe in this process."""
    return LocalStripe(stripe_clock)


@pytest.fixture
def stripe_client(local_stripe: LocalStripe) -> stripe.StripeClient:
    """The real ``stripe`` library, talking to ``local_stripe``."""
    return local_stripe.client()


@pytest.fixture(scope="session")
def stripe_server() -> Iterator[StripeServer]:
    """A local Stripe in a process of its own, for code that must talk HTTP; one for the whole run."""
    command = [sys.executable, "-m", "payments_lab", "stripe", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            said = server.stdout.readline()
            if not said:
                raise RuntimeError(f"the local Stripe did not start; exit status {server.wait(PATIENCE)}")
            facts = json.loads(said)
            yield StripeServer(facts["url"], facts["api_key"])
        finally:
            server.terminate()
