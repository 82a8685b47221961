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
from payments_lab.commands import serve
from payments_lab.connected import SERVICES, connect_shop
from payments_lab.local_stripe.signatures import signature_header
from payments_lab.settings import Settings
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


def test_a_challenge_at_the_embedded_bank_completes_the_order_by_webhook(shop: httpx.Client) -> None:
    order = shop.post("/api/orders", json={"price": 2000}).json()
    body = {"orderId": order["id"], "paymentMethod": "pm_card_threeDSecure2Required"}
    deadline = time.monotonic() + PATIENCE
    asked = None
    while asked is None or asked.status_code == 404:
        assert time.monotonic() < deadline
        asked = shop.post("/api/payments", json=body)
    bank = asked.json()["nextAction"]["redirect_to_url"]["url"]

    back = shop.post(bank, data={"outcome": "succeed"})
    while shop.get(f"/api/orders/{order['id']}").json()["status"] != "complete":
        assert time.monotonic() < deadline

    assert asked.status_code == 202
    assert back.headers["Location"].startswith(f"{shop.base_url}/?payment_intent=")


def test_without_a_key_the_shop_prints_an_address_that_signs_in(tmp_path: Path) -> None:
    port = free_port()
    with running([program("payments-lab"), "serve", "--port", str(port)], port, tmp_path / "log", {}):
        address = (tmp_path / "log").read_text().splitlines()[-1].strip()
        page, _, token = address.partition("#session=")
        with httpx.Client(base_url=page) as client:
            signed_in = client.post("/api/session", json={"token": token})

    assert signed_in.json() == {"userId": "ada"}


def test_a_webhook_of_a_stripe_elsewhere_needs_its_secret(tmp_path: Path, session: dict[str, str]) -> None:
    stripe_port, port = free_port(), free_port()
    told = {"JWT_KEY": KEY, "STRIPE_WEBHOOK_SECRET": "whsec_of_these_tests"}
    stripe = [program("payments-lab"), "stripe", "--port", str(stripe_port)]
    shop = [program("payments-lab"), "serve", "--port", str(port), "--stripe", f"http://127.0.0.1:{stripe_port}"]
    event = json.dumps({"id": "evt_1", "type": "customer.created", "data": {"object": {}}}).encode()
    genuine = {"Stripe-Signature": signature_header(event, "whsec_of_these_tests", int(time.time()))}
    with (
        running(stripe, stripe_port, tmp_path / "stripe"),
        running(shop, port, tmp_path / "log", told),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", cookies=session) as client,
    ):
        statuses = [client.post("/webhooks/stripe", content=event, headers=each).status_code for each in (genuine, {})]
        bank = client.get("/3d-secure/pi_1").status_code

    assert (statuses, bank) == ([200, 400], 404)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("told", "services", "hears", "has_bank"),
    [
        ({}, SERVICES, True, True),
        ({}, ("orders",), False, False),
        ({"stripe_url": "http://127.0.0.1:1"}, SERVICES, False, False),
        ({"stripe_url": "http://127.0.0.1:1", "stripe_webhook_secret": "whsec_x"}, SERVICES, True, False),
        ({"stripe_url": "http://127.0.0.1:1", "stripe_webhook_secret": "whsec_x"}, ("orders",), False, False),
    ],
)
async def test_webhooks_and_the_bank_are_there_where_they_belong(
    told: dict[str, str], services: tuple[str, ...], hears: bool, has_bank: bool
) -> None:
    settings = Settings.load(env_file=None, **told)
    shop = await connect_shop(settings)
    app, courier = serve._app(shop, services, settings, serve._sessions(settings), "http://0.0.0.0:8000")  # pyright: ignore[reportPrivateUsage]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http:
        forged = await http.post("/webhooks/stripe", content=b"{}")
        bank = await http.get("/3d-secure/pi_1")
    await shop.close()

    assert forged.status_code == (400 if hears else 404)
    assert ("There is no payment here" in bank.text) is has_bank
    assert (courier is not None) is has_bank
    if shop.embedded_stripe is not None and has_bank:
        assert shop.embedded_stripe.challenge_page == "http://127.0.0.1:8000/3d-secure"


def test_the_shop_says_where_it_is_and_how_to_be_somebody_without_a_key() -> None:
    facts = {"url": "http://127.0.0.1:8000", "services": ["orders", "payments"]}

    assert serve._welcome(facts) == "orders, payments at http://127.0.0.1:8000, docs at http://127.0.0.1:8000/docs"  # pyright: ignore[reportPrivateUsage]
    assert serve._welcome({**facts, "sign_in": "http://x/#session=y"}).endswith("be ada at\n  http://x/#session=y")  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("port", ["0", "-1", "65536"])
def test_a_number_that_is_no_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", port]) == 2

    assert f"{port} is no port" in capsys.readouterr().err


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
