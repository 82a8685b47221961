"""Stripe's own library for Node works against the local Stripe, over HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from payments_lab.local_stripe.fixtures import StripeServer

VERSION = "23.1.0"
SCRIPT = Path(__file__).with_name("stripe_node.mjs")
PATIENCE = 180
QUIETLY = ("--no-audit", "--no-fund", "--no-save", "--no-package-lock", "--ignore-scripts", "--fetch-retries=1")


@pytest.fixture(scope="module")
def node(request: pytest.FixtureRequest) -> Path:
    """A folder in which Node finds the package; it is kept in pytest's cache from run to run."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs Node: apt-get install nodejs npm")
    cache = request.config.cache
    assert cache is not None
    folder = cache.mkdir(f"stripe-node-{VERSION}")
    if not (folder / "node_modules" / "stripe" / "package.json").is_file():
        install(folder)
    return folder


def install(folder: Path) -> None:
    """Bring the package; a skip where npm can't reach whatever registry it is set up for."""
    command = ["npm", "install", "--prefix", str(folder), *QUIETLY, f"stripe@{VERSION}"]
    try:
        subprocess.run(command, check=True, timeout=PATIENCE, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        pytest.skip(f"needs Node and the npm package stripe: npm brought nothing within {PATIENCE} seconds")
    except subprocess.CalledProcessError as failed:
        code = next((line for line in failed.stderr.splitlines() if " code " in line), "npm install failed")
        pytest.skip(f"needs Node and the npm package stripe: {code}")


def test_stripe_node_charges_declines_refunds_pages_and_verifies_webhooks(
    node: Path, stripe_server: StripeServer
) -> None:
    script = node / SCRIPT.name
    script.write_text(SCRIPT.read_text())

    done = subprocess.run(
        ["node", str(script), stripe_server.url], capture_output=True, text=True, timeout=PATIENCE, check=False
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "charge": ["succeeded", 2000],
        "decline": ["StripeCardError", "card_declined", "insufficient_funds", 402],
        "idempotent": True,
        "otherParameters": "StripeIdempotencyError",
        "intent": ["requires_payment_method", "succeeded", 3000],
        "refund": ["succeeded", 500, 500],
        "paged": [504, 503, 502, 501, 500],
        "webhook": ["charge.succeeded", 900],
        "altered": "StripeSignatureVerificationError",
    }


def test_a_machine_that_npm_can_bring_nothing_to_is_told_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("npm") is None:
        pytest.skip("needs Node: apt-get install nodejs npm")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_fetch_retry_mintimeout", "10")

    with pytest.raises(pytest.skip.Exception, match="needs Node and the npm package stripe: .*ECONNREFUSED"):
        install(tmp_path)
