"""From one request's traceparent through every event that it sets off, and into what is logged."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from payments_lab.bus.headers import CAUSATION_ID, TRACE_ID
from payments_lab.lab import Lab
from payments_lab.shop.expiration import JOBS
from payments_lab.telemetry.logs import write_logs
from payments_lab.web.app import create_app
from payments_lab.web.sessions import COOKIE, Sessions
from payments_lab.web.tracing import Traced

pytestmark = pytest.mark.anyio

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
async def http(lab: Lab) -> AsyncIterator[httpx.AsyncClient]:
    sessions = Sessions(lab.clock, "a key of the tests that is long enough")
    app = create_app(sessions, payments=lab.payments, orders=lab.orders)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://shop", cookies={COOKIE: sessions.issue("ada")}
    ) as client:
        yield client


@pytest.fixture
def sink() -> Iterator[io.StringIO]:
    sink = io.StringIO()
    levels = [(logger, logger.level) for logger in (logging.getLogger(), logging.getLogger("payments_lab"))]
    handler = write_logs("all", sink=sink)
    yield sink
    logging.getLogger().removeHandler(handler)
    for logger, level in levels:
        logger.setLevel(level)


async def order(http: httpx.AsyncClient, lab: Lab) -> str:
    reply = await http.post("/api/orders", json={"price": 2000}, headers=PARENT)
    await lab.settle()
    return reply.json()["id"]


async def pay(http: httpx.AsyncClient, order_id: str) -> httpx.Response:
    return await http.post("/api/payments", json={"orderId": order_id, "token": "tok_visa"}, headers=PARENT)


async def test_a_payments_trace_is_in_what_payments_orders_and_expiration_log(
    http: httpx.AsyncClient, lab: Lab, sink: io.StringIO
) -> None:
    await pay(http, await order(http, lab))
    await lab.settle()

    lines: list[dict[str, Any]] = [json.loads(line) for line in sink.getvalue().splitlines()]
    assert {line["trace_id"] for line in lines} == {TRACE}
    assert [(line.get("listener"), line["message"]) for line in lines] == [
        (None, "POST /api/orders"),
        ("payments-service", "handled order:created"),
        ("expiration-service", "handled order:created"),
        (None, "POST /api/payments"),
        ("orders-service", "handled payment:created"),
        ("payments-service", "handled order:completed"),
    ]
    assert lines[-1]["caused_by"] == "ord_1:1"


async def test_every_event_names_its_trace_and_its_cause(http: httpx.AsyncClient, lab: Lab) -> None:
    await pay(http, await order(http, lab))
    await lab.settle()

    headers = [(each.subject, each.headers.get(TRACE_ID), each.headers.get(CAUSATION_ID)) for each in lab.bus.messages]
    assert headers == [
        ("order:created", TRACE, None),
        ("payment:created", TRACE, None),
        ("order:completed", TRACE, "pay_1"),
    ]


async def test_the_trace_goes_on_when_the_time_to_pay_is_over(
    http: httpx.AsyncClient, lab: Lab, sink: io.StringIO
) -> None:
    order_id = await order(http, lab)
    assert [member for member, _ in lab.redis.jobs(JOBS)] == [f"{order_id} {TRACE}"]
    await lab.advance(timedelta(minutes=15))

    assert [each.headers.get(TRACE_ID) for each in lab.bus.messages] == [TRACE] * 3
    assert (await lab.orders.get(order_id)).status == "cancelled"
    assert lab.redis.jobs(JOBS) == []
    assert f"the time to pay order {order_id} is over" in sink.getvalue()


async def test_a_row_that_a_crash_left_keeps_its_trace_for_the_relay(
    http: httpx.AsyncClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object, **__: object) -> None:
        raise ConnectionError("the bus is away")

    order_id = await order(http, lab)
    with monkeypatch.context() as away:
        away.setattr(lab.payments.bus, "publish", crash)
        assert (await pay(http, order_id)).status_code == 503
    waiting = await lab.payments.backlog()
    lab.clock.advance(timedelta(seconds=40))
    later = await lab.payments.backlog()
    await lab.recover()

    assert (waiting, later) == ((1, 0.0), (1, 40.0))
    assert [each.headers.get(TRACE_ID) for each in lab.bus.messages if each.subject == "payment:created"] == [TRACE]


async def test_a_payment_whose_outcome_was_unknown_is_finished_within_its_trace(
    http: httpx.AsyncClient, lab: Lab
) -> None:
    order_id = await order(http, lab)
    lab.stripe.faults.lose_reply()
    assert (await pay(http, order_id)).status_code == 503
    await lab.recover()

    assert [each.headers.get(TRACE_ID) for each in lab.bus.messages if each.subject == "payment:created"] == [TRACE]


async def test_what_no_request_set_off_belongs_to_no_trace(lab: Lab) -> None:
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()

    assert [dict(each.headers) for each in lab.bus.messages] == [{}]
    assert [member for member, _ in lab.redis.jobs(JOBS)] == ["ord_1"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": "00-nonsense"},
        [("traceparent", PARENT["traceparent"]), ("traceparent", PARENT["traceparent"])],
    ],
)
async def test_a_request_without_a_sensible_traceparent_begins_a_trace_that_the_reply_names(
    http: httpx.AsyncClient, lab: Lab, headers: Any
) -> None:
    reply = await http.post("/api/orders", json={"price": 2000}, headers=headers)

    assert len(reply.headers["Trace-Id"]) == 32
    assert reply.headers["Trace-Id"] != TRACE
    assert [each.headers[TRACE_ID] for each in lab.bus.messages] == [reply.headers["Trace-Id"]]


async def test_a_path_cannot_forge_a_line_or_smuggle_a_card_into_the_log(
    http: httpx.AsyncClient, sink: io.StringIO
) -> None:
    await http.get("/api/orders/x%0a%7b%22level%22:%22info%22%7d/4242424242424242%1b[2J")

    (line,) = sink.getvalue().splitlines()
    assert json.loads(line)["status"] == 404
    assert "4242" not in line
    assert line.isprintable()


async def test_neither_the_token_nor_the_session_is_logged_when_a_payment_fails(
    http: httpx.AsyncClient, lab: Lab, sink: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await order(http, lab)

    async def explode(**asked: object) -> None:
        raise RuntimeError(f"cannot pay {asked} with {http.cookies[COOKIE]}")

    monkeypatch.setattr(lab.payments, "create_charge", explode)
    reply = await pay(http, order_id)

    assert (reply.status_code, reply.headers["Trace-Id"]) == (500, TRACE)
    (failure,) = [line for line in map(json.loads, sink.getvalue().splitlines()) if "error" in line]
    assert failure["trace_id"] == TRACE
    assert "cannot pay" in failure["error"]
    assert "tok_visa" not in sink.getvalue()
    assert http.cookies[COOKIE] not in sink.getvalue()


async def test_health_probes_are_not_logged(http: httpx.AsyncClient, sink: io.StringIO) -> None:
    await http.get("/healthz")
    await http.get("/readyz")

    assert sink.getvalue() == ""


async def test_a_reply_that_breaks_off_is_logged_and_not_answered_twice(sink: io.StringIO) -> None:
    async def breaks_off(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        raise RuntimeError("in the middle")

    scope: Any = {"type": "http", "method": "GET", "path": "/", "headers": []}
    receive: Any = None
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    with pytest.raises(RuntimeError, match="in the middle"):
        await Traced(breaks_off)(scope, receive, send)

    assert sent == ["http.response.start"]
    assert "in the middle" in sink.getvalue()
