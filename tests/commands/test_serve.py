"""`payments-lab serve` and `login`: a shop that answers over HTTP, started as a user starts it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from payments_lab.cli import main
from tests.servers import free_port, program, running

KEY = "a key that signs the sessions of these tests"
PATIENCE = 20.0


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    monkeypatch.setenv("JWT_KEY", KEY)
    assert main(["login", "ada", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    return {told["cookie"]: told["token"]}


@pytest.fixture
def shop(tmp_path: Path, session: dict[str, str]) -> Iterator[httpx.Client]:
    """The whole shop in one process, every engine embedded."""
    port = free_port()
    command = [program("payments-lab"), "serve", "--port", str(port), "--json"]
    with (
        running(command, port, tmp_path / "log", {"JWT_KEY": KEY}),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", cookies=session) as client,
    ):
        yield client


def test_a_stranger_orders_pays_and_sees_the_order_complete(shop: httpx.Client) -> None:
    order = shop.post("/api/orders", json={"price": 2000}).json()
    deadline = time.monotonic() + PATIENCE
    paid = None
    while paid is None or paid.status_code == 404:
        assert time.monotonic() < deadline
        paid = shop.post("/api/payments", json={"orderId": order["id"], "token": "tok_visa"})
    while shop.get(f"/api/orders/{order['id']}").json()["status"] != "complete":
        assert time.monotonic() < deadline

    assert paid.status_code == 201
    assert shop.get(f"/api/payments/{paid.json()['id']}").json()["amount"] == 2000
    assert shop.get("/readyz").json()["status"] == "ok"


def test_a_port_in_use_is_named_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2

    assert f"port {port} on 127.0.0.1 is taken" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "url", "says"),
    [
        ("--mongo", "mongodb://127.0.0.1:1", "MongoDB does not answer"),
        ("--redis", "redis://127.0.0.1:1", "Redis does not answer"),
        ("--bus", "nats://127.0.0.1:1", "NATS JetStream does not answer"),
        ("--bus", "carrier-pigeon://roof", "no bus speaks carrier-pigeon"),
        ("--mongo", "localhost", "MONGO_URL: an engine is named by a URL"),
    ],
)
def test_an_engine_that_does_not_answer_is_named(
    option: str, url: str, says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments_lab.stores.connect.PATIENCE", 0.2)
    assert main(["serve", "--port", str(free_port()), option, url]) == 2

    assert says in capsys.readouterr().err


def test_logging_in_needs_the_key_that_the_server_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JWT_KEY", raising=False)
    assert main(["login", "ada"]) == 2

    assert "JWT_KEY is not set" in capsys.readouterr().err


def test_reconciling_needs_books_that_outlive_a_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reconcile"]) == 2

    assert "--mongo" in capsys.readouterr().err
