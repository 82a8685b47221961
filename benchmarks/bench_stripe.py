"""The local Stripe: what a call costs beside the library alone, and how fast it is over HTTP beside localstripe."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, interleaved

CHARGE: dict[str, Any] = {"amount": 2000, "currency": "usd", "source": "tok_visa"}
CALLS = 150
PAYMENTS = 20
READS = 100
ROUNDS = 9
FEW, MANY = 10, 10_000
HOST = "127.0.0.1"
PROCESSORS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
PATIENCE = 30.0


def rows() -> list[Row]:
    return [_in_process(), *_over_http()]


def _in_process() -> Row:
    """A charge, with the same answer from a transport that only hands it out."""
    import stripe

    from payments_lab.local_stripe import LocalStripe

    local = LocalStripe()
    seen: list[str] = []
    local.observers.append(lambda request, response: seen.append(response.body if response else ""))
    client = local.client()
    client.v1.charges.create(CHARGE)  # pyright: ignore[reportArgumentType]
    local.observers.clear()

    class Empty(stripe.HTTPClient):
        name = "empty"

        def request(self, *_: Any, **__: Any) -> tuple[str, int, Mapping[str, str]]:
            return seen[0], 200, {"Request-Id": "req_1"}

        def close(self) -> None:
            """Nothing is open."""

    empty = stripe.StripeClient("sk_test_x", http_client=Empty())
    ours, peer = interleaved(lambda: _charge(client), lambda: _charge(empty), rounds=7)
    return Row(
        "Stripe in process: a charge",
        ours / CALLS * 1e6,
        peer / CALLS * 1e6,
        "µs",
        "the stripe library, same answer, empty transport",
        "at most 1.5 times it",
        "lower",
    )


def _charge(client: Any) -> None:
    _repeat(CALLS, lambda: client.v1.charges.create(CHARGE))


def _over_http() -> list[Row]:
    with _alone():
        return [*_beside_localstripe(), _growth()]


def _beside_localstripe() -> list[Row]:
    """Through bare sockets, so that the servers are measured; and as a program does it, through the library.

    localstripe writes all that it has to a file after every change, so it slows down as it fills; both store the same
    number of intents here.
    """
    with _ours() as ours, _localstripe() as other:
        card = other.call("POST", "/v1/payment_methods", _form_of_a_card())["id"]
        made = [_pay(ours, OURS_WANTED, OUR_CARD), _pay(other, f"{PLAIN}&payment_method={card}", "")]
        return [
            _row(
                "Stripe over HTTP: intent created and confirmed",
                lambda: _repeat(PAYMENTS, lambda: _pay(ours, OURS_WANTED, OUR_CARD)),
                lambda: _repeat(PAYMENTS, lambda: _pay(other, f"{PLAIN}&payment_method={card}", "")),
                PAYMENTS,
                "at least 10 times",
            ),
            _row(
                "Stripe over HTTP: intent retrieved",
                lambda: _repeat(READS, lambda: ours.call("GET", f"/v1/payment_intents/{made[0]}")),
                lambda: _repeat(READS, lambda: other.call("GET", f"/v1/payment_intents/{made[1]}")),
                READS,
            ),
            _row(
                "Stripe over HTTP, through the stripe library: intent created and confirmed",
                _through_library(ours, "pm_card_visa"),
                _through_library(other, card),
                PAYMENTS,
            ),
        ]


PLAIN = "amount=2000&currency=usd"
AUTOMATIC = "automatic_payment_methods"
OURS_WANTED = f"{PLAIN}&{AUTOMATIC}[enabled]=true&{AUTOMATIC}[allow_redirects]=never"
OUR_CARD = "payment_method=pm_card_visa"


def _pay(line: Line, wanted: str, confirming: str) -> str:
    made = line.call("POST", "/v1/payment_intents", wanted)["id"]
    if line.call("POST", f"/v1/payment_intents/{made}/confirm", confirming)["status"] != "succeeded":
        raise RuntimeError(f"{made} was not paid")
    return made


def _through_library(line: Line, card: str) -> Callable[[], object]:
    import stripe

    address = f"http://{HOST}:{line.port}"
    intents = stripe.StripeClient("sk_test_benchmark", base_addresses={"api": address}).v1.payment_intents

    def pay() -> None:
        made = intents.create({"amount": 2000, "currency": "usd", "payment_method": card})
        intents.confirm(made.id, {"return_url": "https://shop.test"} if card == "pm_card_visa" else {})

    return lambda: _repeat(PAYMENTS, pay)


def _growth() -> Row:
    """Retrievals a second of a charge where many are stored, and where few are: two servers, read in turn."""
    with _ours() as many, _ours() as few:
        _fill(many, MANY)
        _fill(few, FEW)
        return _row(
            f"Stripe over HTTP: charge retrieved, {MANY:,} stored",
            lambda: _repeat(READS, lambda: many.call("GET", "/v1/charges/ch_1")),
            lambda: _repeat(READS, lambda: few.call("GET", "/v1/charges/ch_1")),
            READS,
            "no slower",
            peer_name=f"the same with {FEW} stored",
        )


def _row(
    name: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    calls: int,
    goal: str = "",
    peer_name: str = "localstripe",
) -> Row:
    mine, other = interleaved(ours, peer, rounds=ROUNDS)
    return Row(name, calls / mine, calls / other, "/s", peer_name, goal)


def _repeat(times: int, work: Callable[[], object]) -> None:
    for _ in range(times):
        work()


def _fill(line: Line, size: int) -> None:
    _repeat(size, lambda: line.call("POST", "/v1/charges", f"{PLAIN}&source=tok_visa"))


def _form_of_a_card() -> str:
    return "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2034&card[cvc]=123"


class Line:
    """One kept-alive connection, as thin as Python has it, so that the servers are measured and not the client."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket = socket.create_connection((HOST, port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def call(self, method: str, path: str, form: str = "") -> dict[str, Any]:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer sk_test_benchmark\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n{form}"
        )
        self._socket.sendall(head.encode())
        status = self._file.readline()
        length = 0
        while (line := self._file.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = self._file.read(length)
        if b" 200 " not in status:
            raise RuntimeError(f"{method} {path}: {status!r} {body!r}")
        return json.loads(body)

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@contextmanager
def _alone() -> Iterator[None]:
    """This process on one processor, the servers on another: where the system moves them about, one of two equal
    servers may be a fifth faster than the other.
    """
    _keep_to(0, PROCESSORS[:1])
    try:
        yield
    finally:
        _keep_to(0, PROCESSORS)


def _keep_to(process: int, processors: Sequence[int]) -> None:
    if len(PROCESSORS) > 1:
        os.sched_setaffinity(process, processors)


@contextmanager
def _ours() -> Iterator[Line]:
    with _server("-m", "payments_lab", "stripe", "--port") as line:
        yield line


@contextmanager
def _localstripe() -> Iterator[Line]:
    """localstripe keeps what it has in a file of the machine's; --from-scratch begins without it."""
    with _server("localstripe", "--from-scratch", "--port") as line:
        yield line


@contextmanager
def _server(*arguments: str) -> Iterator[Line]:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    program = [str(Path(sys.executable).with_name(arguments[0])), *arguments[1:]]
    command = program if arguments[0] != "-m" else [sys.executable, *arguments]
    quiet = subprocess.DEVNULL
    with subprocess.Popen([*command, str(port)], stdin=quiet, stdout=quiet, stderr=quiet) as server:
        try:
            _keep_to(server.pid, PROCESSORS[1:2])
            line = _connect(port, server)
            yield line
            line.close()
        finally:
            server.terminate()


def _connect(port: int, server: subprocess.Popen[bytes]) -> Line:
    deadline = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        try:
            return Line(port)
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"no server on port {port}; exit status {server.poll()}")
