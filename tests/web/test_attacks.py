"""Strangers at the door, beside those that the tests of each route have met already.

Whatever they send: no 5xx, nothing charged, nothing told that is not theirs, no line in the logs that is not ours.
"""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from payments_lab.lab import Lab
from payments_lab.shop.events import OrderCancelled, OrderCompleted, OrderCreated, PaymentCreated
from payments_lab.shop.orders import Order
from payments_lab.telemetry.logs import JsonLines
from payments_lab.web.bodies import LARGEST_BODY

pytestmark = pytest.mark.anyio

PAY = "/api/payments"
OPERATORS: list[Any] = [{"$ne": None}, {"$gt": ""}, {"$in": ["ord_1"]}, {"$where": "1"}, {"$regex": ".*"}, ["ord_1"]]


def nothing_taken(lab: Lab) -> bool:
    return lab.stripe.charges() == [] and lab.stripe.payment_intents() == []


@pytest.mark.parametrize("operator", OPERATORS, ids=json.dumps)
@pytest.mark.parametrize("field", ["orderId", "token", "paymentMethod"])
async def test_an_operator_is_no_name_in_a_payment(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str], field: str, operator: Any
) -> None:
    means = {} if field == "paymentMethod" else {"token": "tok_visa"}
    reply = await http.post(PAY, json={"orderId": order.id, **means, field: operator}, headers=ada)

    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, field)
    assert nothing_taken(lab)


@pytest.mark.parametrize("operator", OPERATORS, ids=json.dumps)
@pytest.mark.parametrize(
    ("event", "data"),
    [
        (OrderCreated, {"version": 0, "status": "created", "userId": "eve", "expiresAt": "2026-01-01T12:15:00Z"}),
        (OrderCancelled, {"version": 1, "ticket": {"id": "tkt_1"}}),
        (OrderCompleted, {"version": 1}),
    ],
)
async def test_an_operator_is_no_name_in_an_event_for_payments(
    lab: Lab, order: Order, event: Any, data: dict[str, Any], operator: Any
) -> None:
    before = await lab.payments.orders.find({}).to_list()
    payload = {"id": operator, "ticket": {"id": "tkt_1", "price": 1}, **data}

    await lab.bus.client("eve").publish(event.subject, json.dumps(payload).encode())
    await lab.settle()

    assert await lab.payments.orders.find({}).to_list() == before
    assert {"malformed" in letter.reason for letter in lab.bus.dead} == {True}


@pytest.mark.parametrize("operator", OPERATORS, ids=json.dumps)
@pytest.mark.parametrize("field", ["id", "orderId", "stripeId"])
async def test_an_operator_is_no_name_in_an_event_for_orders(lab: Lab, order: Order, field: str, operator: Any) -> None:
    payload = {"id": "pay_1", "orderId": order.id, "stripeId": "ch_1", field: operator}

    await lab.bus.client("eve").publish(PaymentCreated.subject, json.dumps(payload).encode())
    await lab.settle()

    assert (await lab.orders.get(order.id)) == order
    assert len(lab.bus.dead) == 1


@pytest.mark.parametrize("version", [{"$gt": -1}, "1", 1.5, True, -1, None])
async def test_a_version_in_an_event_is_a_whole_number(lab: Lab, order: Order, version: Any) -> None:
    payload = {"id": order.id, "version": version, "ticket": {"id": "tkt_1"}}

    await lab.bus.client("eve").publish(OrderCancelled.subject, json.dumps(payload).encode())
    await lab.settle()

    (replica,) = await lab.payments.orders.find({}).to_list()
    assert (replica["version"], replica["status"]) == (0, "created")
    assert len(lab.bus.dead) == 1


PATHS = [
    "/api/payments/../orders/{order}",
    "/api/payments/%2e%2e/orders/{order}",
    "/api/payments/..%2forders%2f{order}",
    "/api/payments//{payment}",
    "/api//payments/{payment}",
    "//api/payments/{payment}",
    "/API/payments/{payment}",
    "/api/payments/{payment}%00",
    "/api/payments/{payment}%0d%0aSet-Cookie:%20session=x",
    "/api/payments/{payment};v=1",
    "/api/payments/{payment}%20",
    "/api/payments/%7b%22$ne%22:null%7d",
    "/api/payments/[$ne]",
    "/api/payments/" + "a" * 20_000,
    "/api/payments/%ff%fe",
    "/checkout.js/../../../../etc/passwd",
    "/checkout.js%00.html",
    "/checkout/index.html",
    "/../index.html",
    "/3d-secure/pi_1",
    "/_local",
    "/v1/charges",
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:60])
async def test_a_trick_with_a_path_finds_nothing_of_somebody_elses(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str], eve: dict[str, str], path: str
) -> None:
    payment = (await http.post(PAY, json={"orderId": order.id, "token": "tok_visa"}, headers=ada)).json()["id"]
    raw = path.format(order=order.id, payment=payment) if "{" in path else path

    reply = await http.get(httpx.URL("http://shop").copy_with(raw_path=raw.encode("latin-1")), headers=eve)

    assert reply.status_code in (401, 404)
    assert set(reply.headers) & {"set-cookie", "location"} == set()
    assert payment not in reply.text or payment in raw
    assert "2000" not in reply.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Idempotency-Key": "a\tb"},
        {"Idempotency-Key": "ключ".encode().decode("latin-1")},
        {"Idempotency-Key": '{"$ne": null}'},
        {"Idempotency-Key": "../../etc/passwd"},
        {"traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-00"},
        {"traceparent": 'evil"} {"level": "error'},
        {"traceparent": "x" * 5000},
        {"X-Forwarded-Host": "evil.example", "Host": "evil.example"},
        {"X-HTTP-Method-Override": "DELETE"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "text/plain; charset=utf-7"},
        {"Content-Encoding": "gzip"},
        {"Accept": "../../etc/passwd"},
        {"Authorization": "Bearer nonsense"},
        {"Stripe-Signature": "t=1,v1=x"},
    ],
    ids=str,
)
async def test_a_header_changes_nothing_that_is_not_its_business(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str], headers: dict[str, str]
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in {**ada, **headers}.items()]
    body = json.dumps({"orderId": order.id, "paymentMethod": "pm_card_threeDSecure2Required"})

    reply = await http.post(PAY, content=body, headers=raw)
    repeated = await http.post(PAY, content=body, headers=raw)

    assert reply.status_code == repeated.status_code == 202
    assert "evil" not in reply.text
    assert all("evil" not in f"{name}{value}" for name, value in reply.headers.items())
    assert lab.stripe.charges() == []


@pytest.mark.parametrize(
    "evil",
    [
        "\nERROR paid by eve",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "\x1b[2J\x1b[31m",
        '"}\n{"level": "error"}',
        "\u2028\u2029\x85",
    ],
    ids=repr,
)
async def test_nothing_that_a_client_sends_begins_a_line_in_the_logs(
    http: httpx.AsyncClient,
    lab: Lab,
    order: Order,
    ada: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    evil: str,
) -> None:
    with caplog.at_level(logging.DEBUG, "payments_lab"):
        await http.post(PAY, json={"orderId": order.id, "token": f"tok{evil}"}, headers=ada)
        await http.post(PAY, json={"orderId": order.id, "paymentMethod": f"pm{evil}"}, headers=ada)
        await http.post(PAY, json={"orderId": f"ord{evil}", "token": "tok_visa"}, headers=ada)
        await http.get(f"/api/orders/{order.id}{quote(evil)}", headers=ada)
        await http.get("/api/payments/pay_1", params={"x": evil})

    lines = [JsonLines("payments").format(record) for record in caplog.records]
    assert lines
    for line in lines:
        assert line.isascii()
        assert line.isprintable()
        assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "OPTIONS", "HEAD", "PROPFIND"])
@pytest.mark.parametrize("path", [PAY, "/api/orders/ord_1", "/webhooks/stripe", "/api/session"])
async def test_a_method_that_a_route_does_not_have_is_405(
    http: httpx.AsyncClient, order: Order, ada: dict[str, str], path: str, method: str
) -> None:
    reply = await http.request(method, path, headers=ada)

    assert reply.status_code == 405
    assert reply.headers["Allow"]


@pytest.mark.parametrize("path", [PAY, "/api/orders", "/api/session", "/webhooks/stripe"])
async def test_an_endless_body_is_cut_off(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str], path: str
) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 100 * LARGEST_BODY:
            sent += 4096
            yield b" " * 4096

    reply = await http.post(path, content=endless(), headers=ada)

    assert reply.status_code == 413
    assert nothing_taken(lab)


async def test_guessing_ids_tells_an_order_of_somebody_elses_from_none_and_nothing_more(
    http: httpx.AsyncClient, lab: Lab, order: Order, eve: dict[str, str]
) -> None:
    for number in range(50):
        for means in ({"token": "tok_visa"}, {"paymentMethod": "pm_card_visa"}):
            reply = await http.post(PAY, json={"orderId": f"ord_{number}", **means}, headers=eve)
            assert reply.status_code in (401, 404)
            assert "ada" not in reply.text
            assert "2000" not in reply.text

    assert nothing_taken(lab)


async def test_a_price_is_the_orders_whatever_the_client_says(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str]
) -> None:
    for extra in ({"amount": 1}, {"price": 1}, {"currency": "jpy"}, {"userId": "eve"}, {"confirm": False}):
        body = {"orderId": order.id, "paymentMethod": "pm_card_visa", **extra}
        assert (await http.post(PAY, json=body, headers=ada)).status_code == 400

    assert nothing_taken(lab)
