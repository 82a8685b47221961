"""Who the contract is held against: our own Stripe through two doors, Stripe itself, and localstripe."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import stripe

from payments_lab.local_stripe import LocalStripe
from payments_lab.ports import LabClock, SystemClock
from tests.contracts.stripe.shim import Shim
from tests.servers import HOST, free_port, program

IN_PROCESS = "in process"
HTTP = "over HTTP"
STRIPE = "Stripe itself"
LOCALSTRIPE = "localstripe"
OURS = (IN_PROCESS, HTTP)
PATIENCE = 30.0

PASSES = Path(__file__).with_name("localstripe_passes.txt")
LIVE_KEYS = ("sk_live_", "rk_live_")


def in_process() -> stripe.StripeClient:
    """The library over an empty local Stripe of its own."""
    return LocalStripe(LabClock(SystemClock().now())).client()


def at(url: str) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_local", base_addresses={"api": url})


def shimmed(url: str) -> stripe.StripeClient:
    """The library for localstripe, with other names for what it has other names for."""
    return stripe.StripeClient("sk_test_local", base_addresses={"api": url}, http_client=Shim(url))


def itself() -> stripe.StripeClient:
    """The library, talking to a Stripe test account. RuntimeError when the environment has none."""
    key = account_key()
    if key is None:
        raise RuntimeError("there is no STRIPE_KEY")
    return stripe.StripeClient(key, max_network_retries=3)


def account_key() -> str | None:
    """The key of a Stripe test account, if the environment has one. RuntimeError for a live key."""
    key = os.environ.get("STRIPE_KEY")
    if key is not None and key.startswith(LIVE_KEYS):
        raise RuntimeError("STRIPE_KEY is a live key; these tests move money, so they take none")
    return key


@contextmanager
def our_server() -> Iterator[str]:
    """`payments-lab stripe` in a process of its own."""
    port = free_port()
    with _listening([sys.executable, "-m", "payments_lab", "stripe", "--port", str(port)], port):
        yield f"http://{HOST}:{port}"


@contextmanager
def localstripe_server() -> Iterator[str]:
    """localstripe in a process of its own; it is under the GPL and never imported."""
    port = free_port()
    with _listening([program("localstripe"), "--port", str(port), "--from-scratch"], port):
        yield f"http://{HOST}:{port}"


def passes() -> set[str]:
    """The names of the tests that localstripe passes."""
    return set(PASSES.read_text().split()) if PASSES.exists() else set()


@contextmanager
def _listening(command: list[str], port: int) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) as server:
        try:
            _wait_for(port, server)
            yield
        finally:
            server.terminate()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
    raise RuntimeError(f"no Stripe listens on port {port}; exit status {server.poll()}")
