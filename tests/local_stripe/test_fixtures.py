"""The fixtures in a test suite of somebody else's, as the page on the local Stripe has them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import stripe

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.fixtures import StripeServer
from payments_lab.local_stripe.transport import InProcessTransport

PAGE = Path(__file__).parents[2] / "docs" / "local-stripe.md"
PLUGINS = 'pytest_plugins = ["payments_lab.local_stripe.fixtures"]'


@pytest.mark.parametrize("imported", [True, False])
def test_the_example_of_the_page_is_a_suite_that_passes(tmp_path: Path, imported: bool) -> None:
    (example,) = re.findall(r"```python\n(from payments_lab.local_stripe.fixtures.*?)```", PAGE.read_text(), re.DOTALL)
    assert PLUGINS in PAGE.read_text()
    if not imported:
        example = example.partition("\n")[2]
        (tmp_path / "conftest.py").write_text(PLUGINS)
    (tmp_path / "test_shop.py").write_text(example)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "2 passed" in done.stdout, done.stdout


@pytest.fixture
def the_module(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The library's module with a key, and nothing left of it afterwards."""
    monkeypatch.setattr(stripe, "api_key", "sk_test_x")
    monkeypatch.setattr(stripe, "default_http_client", None)
    return monkeypatch


def test_code_that_calls_the_librarys_module_comes_in_too(
    the_module: pytest.MonkeyPatch, local_stripe: LocalStripe
) -> None:
    the_module.setattr(stripe, "default_http_client", InProcessTransport(local_stripe))

    made = stripe.Charge.create(amount=2000, currency="usd", source="tok_visa")

    assert [charge["id"] for charge in local_stripe.charges()] == [made.id]


def test_code_that_calls_the_librarys_module_comes_in_over_http(
    the_module: pytest.MonkeyPatch, stripe_server: StripeServer
) -> None:
    the_module.setattr(stripe, "api_base", stripe_server.url)

    made = stripe.Charge.create(amount=2000, currency="usd", source="tok_visa")

    assert stripe_server.client().v1.charges.retrieve(made.id).amount == 2000
