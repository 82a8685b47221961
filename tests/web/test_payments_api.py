"""The HTTP face of payments and orders: statuses, bodies, sessions, and what strangers get."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from payments_lab.lab import Lab
from payments_lab.shop.orders import Order
from payments_lab.web.app import create_app
from payments_lab.web.bodies import LARGEST_BODY
from payments_lab.web.sessions import COOKIE, Sessions
from tests.web.conftest import KEY

pytestmark = pytest.mark.anyio


def as_user(sessions: Sessions, user: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={sessions.issue(user)}"}


async def test_a_payment_is_answered_with_201_and_its_id(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str]
) -> None:
    reply = await http.post("/api/payments", json={"orderId": order.id, "token": "tok_visa"}, headers=ada)

    assert (reply.status_code, reply.json()) == (201, {"id": "pay_1"})
    assert [charge["amount"] for charge in lab.stripe.charges()] == [2000]


async def test_the_same_idempotency_key_gives_the_same_answer(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str]
) -> None:
    body = {"orderId": order.id, "token": "tok_visa"}
    replies = [await http.post("/api/payments", json=body, headers={**ada, "Idempotency-Key": "k"}) for _ in range(2)]

    assert [(reply.status_code, reply.json()) for reply in replies] == [(201, {"id": "pay_1"})] * 2
    assert len(lab.stripe.charges()) == 1


async def test_a_decline_is_402_and_says_its_decline_code(
    http: httpx.AsyncClient, order: Order, ada: dict[str, str]
) -> None:
    body = {"orderId": order.id, "token": "tok_chargeDeclinedInsufficientFunds"}
    reply = await http.post("/api/payments", json=body, headers=ada)

    assert reply.status_code == 402
    assert reply.json() == {
        "errors": [{"message": "Your card has insufficient funds.", "declineCode": "insufficient_funds"}]
    }


async def test_a_lost_reply_of_stripe_is_503_and_asks_to_try_again(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str]
) -> None:
    lab.stripe.faults.lose_reply()
    reply = await http.post("/api/payments", json={"orderId": order.id, "token": "tok_visa"}, headers=ada)

    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")


async def test_paying_twice_is_409(http: httpx.AsyncClient, order: Order, ada: dict[str, str]) -> None:
    body = {"orderId": order.id, "token": "tok_visa"}
    await http.post("/api/payments", json=body, headers=ada)

    assert (await http.post("/api/payments", json=body, headers=ada)).status_code == 409


async def test_an_unknown_order_is_404_and_a_cancelled_one_400(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str]
) -> None:
    await lab.orders.cancel(order.id)
    await lab.settle()
    replies = [
        await http.post("/api/payments", json={"orderId": order_id, "token": "tok_visa"}, headers=ada)
        for order_id in ("ord_404", order.id)
    ]

    assert [reply.status_code for reply in replies] == [404, 400]


def _unsigned(user: str) -> str:
    parts = [{"alg": "none", "typ": "JWT"}, {"sub": user, "exp": 9_999_999_999}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        "nonsense",
        "a" * 100_000,
        _unsigned("ada"),
        jwt.encode({"sub": "ada", "exp": 9_999_999_999}, "another key that is long enough for it", "HS256"),
        jwt.encode({"sub": "ada", "exp": 9_999_999_999}, KEY, "HS512"),
        jwt.encode({"sub": "ada"}, KEY, "HS256"),
        jwt.encode({"exp": 9_999_999_999}, KEY, "HS256"),
        jwt.encode({"sub": "", "exp": 9_999_999_999}, KEY, "HS256"),
        jwt.encode({"sub": "ada", "exp": 1}, KEY, "HS256"),
    ],
)
async def test_no_forged_expired_or_missing_session_gets_in(
    http: httpx.AsyncClient, lab: Lab, order: Order, token: str | None
) -> None:
    headers = {} if token is None else {"Cookie": f"{COOKIE}={token}"}
    reply = await http.post("/api/payments", json={"orderId": order.id, "token": "tok_visa"}, headers=headers)

    assert (reply.status_code, reply.json()) == (401, {"errors": [{"message": "sign in first"}]})
    assert lab.stripe.charges() == []


async def test_a_session_ends_after_twelve_hours(http: httpx.AsyncClient, lab: Lab, ada: dict[str, str]) -> None:
    lab.clock.advance(timedelta(hours=12))

    assert (await http.get("/api/orders/ord_1", headers=ada)).status_code == 401


async def test_somebody_elses_order_can_be_neither_paid_nor_seen_nor_cancelled(
    http: httpx.AsyncClient, lab: Lab, order: Order, sessions: Sessions
) -> None:
    eve = as_user(sessions, "eve")
    replies = [
        await http.post("/api/payments", json={"orderId": order.id, "token": "tok_visa"}, headers=eve),
        await http.get(f"/api/orders/{order.id}", headers=eve),
        await http.delete(f"/api/orders/{order.id}", headers=eve),
    ]

    assert [reply.status_code for reply in replies] == [401, 401, 401]
    assert lab.stripe.charges() == []


async def test_somebody_elses_payment_does_not_exist(
    http: httpx.AsyncClient, order: Order, ada: dict[str, str], sessions: Sessions
) -> None:
    await http.post("/api/payments", json={"orderId": order.id, "token": "tok_visa"}, headers=ada)

    assert (await http.get("/api/payments/pay_1", headers=as_user(sessions, "eve"))).status_code == 404
    assert (await http.get("/api/payments/pay_1", headers=ada)).json() == {
        "id": "pay_1",
        "orderId": order.id,
        "status": "paid",
        "amount": 2000,
        "currency": "usd",
    }


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"[]", 400, "the body"),
        (b'"ord_1"', 400, "the body"),
        (b"{}", 400, "orderId"),
        (b'{"orderId": "ord_1"}', 400, "token"),
        (b'{"orderId": "", "token": "tok_visa"}', 400, "orderId"),
        (b'{"orderId": {"$ne": null}, "token": "tok_visa"}', 400, "orderId"),
        (b'{"orderId": ["ord_1"], "token": "tok_visa"}', 400, "orderId"),
        (b'{"orderId": 1, "token": "tok_visa"}', 400, "orderId"),
        (b'{"orderId": "ord_1", "token": "tok_visa", "amount": 1}', 400, "amount"),
        (b'{"orderId": "ord_1", "orderId": "ord_2", "token": "tok_visa"}', 400, "twice"),
        (b'{"orderId": NaN, "token": "tok_visa"}', 400, "not JSON"),
        (b"\xff\xfe", 400, "not UTF-8"),
        (b"[" * 5000, 400, "nested"),
        (b" " * (LARGEST_BODY + 1), 413, "bytes"),
    ],
)
async def test_a_hostile_body_is_refused_and_charges_nothing(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str], content: bytes, status: int, says: str
) -> None:
    reply = await http.post("/api/payments", content=content, headers={**ada, "Content-Type": "application/json"})

    assert reply.status_code == status
    assert says in reply.json()["errors"][0]["message"]
    assert lab.stripe.charges() == []


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_an_idempotency_key_has_a_sensible_length(
    http: httpx.AsyncClient, order: Order, ada: dict[str, str], key: str
) -> None:
    body = {"orderId": order.id, "token": "tok_visa"}
    reply = await http.post("/api/payments", json=body, headers={**ada, "Idempotency-Key": key})

    assert reply.status_code == 400


@pytest.mark.parametrize(
    "path", ["/api/payments/../../etc/passwd", "/api/orders/%00", "/api/orders/$where", "/nowhere"]
)
async def test_odd_paths_find_nothing(http: httpx.AsyncClient, ada: dict[str, str], path: str) -> None:
    reply = await http.get(path, headers=ada)

    assert reply.status_code == 404
    assert "errors" in reply.json()


async def test_an_order_is_created_shown_and_cancelled_by_its_owner(
    http: httpx.AsyncClient, ada: dict[str, str]
) -> None:
    created = (await http.post("/api/orders", json={"price": 2000}, headers=ada)).json()
    shown = (await http.get(f"/api/orders/{created['id']}", headers=ada)).json()
    cancelled = (await http.delete(f"/api/orders/{created['id']}", headers=ada)).json()

    assert shown == created
    assert (created["status"], cancelled["status"], cancelled["version"]) == ("created", "cancelled", 1)


@pytest.mark.parametrize("price", [b"2000.0", b"2e3", b"2000"])
async def test_a_whole_number_is_a_price_however_it_is_written(
    http: httpx.AsyncClient, ada: dict[str, str], price: bytes
) -> None:
    reply = await http.post("/api/orders", content=b'{"price": %b}' % price, headers=ada)

    assert (reply.status_code, reply.json()["ticket"]["price"]) == (201, 2000)


@pytest.mark.parametrize(
    "price", [b"2000.5", b"1e400", b"1e999999999", b"-0.0", b"1e-999999999", b"2000.00000000000001"]
)
async def test_a_fraction_or_a_monstrous_number_is_no_price(
    http: httpx.AsyncClient, ada: dict[str, str], price: bytes
) -> None:
    assert (await http.post("/api/orders", content=b'{"price": %b}' % price, headers=ada)).status_code == 400


@pytest.mark.parametrize("body", [{"price": 0}, {"price": 19.99}, {"price": True}, {"price": 100, "currency": "XXX"}])
async def test_an_order_with_a_price_that_makes_no_sense_is_400(
    http: httpx.AsyncClient, ada: dict[str, str], body: dict[str, Any]
) -> None:
    assert (await http.post("/api/orders", json=body, headers=ada)).status_code == 400


async def test_what_nobody_foresaw_is_a_500_that_tells_nothing(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def explode(**_: object) -> None:
        raise RuntimeError("mongodb://ada:secret@10.0.0.1")

    monkeypatch.setattr(lab.payments, "create_charge", explode)
    reply = await http.post("/api/payments", json={"orderId": order.id, "token": "tok_visa"}, headers=ada)

    assert reply.status_code == 500
    assert "secret" not in reply.text


async def test_health_and_readiness(lab: Lab, sessions: Sessions) -> None:
    async def engines_are_away() -> None:
        raise ConnectionError("MongoDB does not answer")

    app = create_app(sessions, payments=lab.payments, ready=engines_are_away)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
        statuses = [(await http.get(path)).status_code for path in ("/healthz", "/readyz")]

    assert statuses == [200, 503]
