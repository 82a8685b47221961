"""``POST /webhooks/stripe`` under attack: forged, stale, altered, replayed, reordered, malformed, hostile."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from typing import Any

import httpx
import pytest

from payments_lab.lab import Lab
from payments_lab.local_stripe.signatures import signature_header
from payments_lab.shop.orders import Order
from payments_lab.shop.status import OrderStatus
from payments_lab.web.webhooks import LARGEST_EVENT, PATH
from tests.web.conftest import Mail

pytestmark = pytest.mark.anyio

SUCCEEDED = "payment_intent.succeeded"


def now(lab: Lab) -> int:
    return int(lab.clock.now().timestamp())


@pytest.fixture
async def waiting(lab: Lab, order: Order) -> str:
    """The intent of a payment that waits for Ada at her bank."""
    await lab.payments.create_intent(
        order_id=order.id, payment_method="pm_card_threeDSecure2Required", user_id="ada", idempotency_key="click-1"
    )
    return lab.stripe.payment_intents()[0]["id"]


async def a_lie(lab: Lab, waiting: str) -> bytes:
    """An event that would make the payment paid, if anybody believed it."""
    (payment,) = await lab.payments.payments.find({}).to_list()
    ours = {"orderId": payment["orderId"], "attempt": payment["attempt"]["id"]}
    intent = {"id": waiting, "status": "succeeded", "latest_charge": "ch_lie", "metadata": ours}
    return json.dumps({"id": "evt_lie", "object": "event", "type": SUCCEEDED, "data": {"object": intent}}).encode()


async def send(http: httpx.AsyncClient, body: bytes, signature: str | bytes | None) -> httpx.Response:
    headers: dict[bytes, bytes] = {}
    if signature is not None:
        headers[b"Stripe-Signature"] = signature if isinstance(signature, bytes) else signature.encode()
    return await http.post(PATH, content=body, headers=list(headers.items()))


async def status_of_payment(lab: Lab) -> str:
    (payment,) = await lab.payments.payments.find({}).to_list()
    return payment["status"]


def kept(lab: Lab) -> int:
    return sum(charge["amount"] - charge["amount_refunded"] for charge in lab.stripe.charges() if charge["paid"])


async def test_stripes_own_event_is_believed(
    http: httpx.AsyncClient, lab: Lab, order: Order, waiting: str, mail: Mail
) -> None:
    lab.stripe.authenticate(waiting)

    await mail.bring()
    await lab.settle()

    assert (await lab.orders.get(order.id)).status is OrderStatus.COMPLETE


def digest(body: bytes, secret: str, moment: int) -> str:
    return hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()


FORGERIES = {
    "no header": lambda body, secret, at: None,
    "an empty header": lambda body, secret, at: "",
    "nonsense": lambda body, secret, at: "nonsense",
    "no signature": lambda body, secret, at: f"t={at}",
    "an empty signature": lambda body, secret, at: f"t={at},v1=",
    "no moment": lambda body, secret, at: f"v1={digest(body, secret, at)}",
    "another secret": lambda body, secret, at: signature_header(body, "whsec_of_a_forger", at),
    "an empty secret": lambda body, secret, at: signature_header(body, "", at),
    "the old scheme alone": lambda body, secret, at: f"t={at},v0={digest(body, secret, at)}",
    "another body": lambda body, secret, at: signature_header(body + b" ", secret, at),
    "another moment": lambda body, secret, at: f"t={at},v1={digest(body, secret, at - 1)}",
    "a moment that is no number": lambda body, secret, at: f"t=now,v1={digest(body, secret, at)}",
    "a monstrous moment": lambda body, secret, at: f"t={'9' * 5000},v1={digest(body, secret, at)}",
    "a negative moment": lambda body, secret, at: f"t=-{at},v1={digest(body, secret, at)}",
    "letters that are not ASCII": lambda body, secret, at: f"t={at},v1=é".encode("latin-1"),
    "digits that are not ASCII": lambda body, secret, at: f"t=１２,v1={digest(body, secret, at)}".encode(),
    "a stale one": lambda body, secret, at: signature_header(body, secret, at - 301),
    "one from the future": lambda body, secret, at: signature_header(body, secret, at + 301),
    "a stale one made to look new": lambda body, secret, at: f"t={at},{signature_header(body, secret, at - 301)}",
    "a stale one with a new moment behind it": lambda body, secret, at: (
        f"{signature_header(body, secret, at - 301)},t={at}"
    ),
    "a new one that names a second moment": lambda body, secret, at: f"{signature_header(body, secret, at)},t={at}",
    "a moment with something behind it": lambda body, secret, at: f"t={at}=1,v1={digest(body, secret, at)}",
    "a million parts": lambda body, secret, at: ",".join(["v1=0"] * 2000),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_stripe_did_not_sign_now_is_refused_and_changes_nothing(
    http: httpx.AsyncClient, lab: Lab, waiting: str, secret: str, forgery: str
) -> None:
    body = await a_lie(lab, waiting)

    reply = await send(http, body, FORGERIES[forgery](body, secret, now(lab)))

    assert reply.status_code == 400
    assert secret not in reply.text
    assert (await status_of_payment(lab), kept(lab)) == ("waiting", 0)
    assert await lab.inbox.inbox.count_documents({}) == 0


async def test_an_altered_body_is_refused(
    http: httpx.AsyncClient, lab: Lab, waiting: str, secret: str, mail: Mail
) -> None:
    lab.stripe.authenticate(waiting)
    await mail.bring()
    genuine = next(request for request in mail.sent if SUCCEEDED.encode() in request.body)

    for altered in (genuine.body.replace(b"2000", b"2001"), genuine.body + b"\n", genuine.body[:-1], b""):
        reply = await http.post(PATH, content=altered, headers=genuine.headers)
        assert reply.status_code == 400


async def test_a_signature_within_the_tolerance_is_good_and_one_while_secrets_change_too(
    http: httpx.AsyncClient, lab: Lab, waiting: str, secret: str
) -> None:
    body = json.dumps({"id": "evt_1", "type": "customer.created", "data": {"object": {}}}).encode()
    at = now(lab) - 300
    both = f"t={at},v1={digest(body, 'whsec_the_one_before', at)},v1={digest(body, secret, at)}"

    assert [(await send(http, body, each)).status_code for each in (signature_header(body, secret, at), both)] == [
        200,
        200,
    ]


async def test_a_genuine_event_replayed_within_the_tolerance_has_its_effect_once(
    http: httpx.AsyncClient, lab: Lab, waiting: str, mail: Mail
) -> None:
    lab.stripe.authenticate(waiting)
    await mail.bring()

    for request in [*mail.sent, *reversed(mail.sent)]:
        assert (await http.post(PATH, content=request.body, headers=request.headers)).status_code == 200
    await lab.settle()

    assert kept(lab) == 2000
    assert lab.published().count("payment:created") == 1


async def test_a_genuine_event_replayed_later_is_refused(
    http: httpx.AsyncClient, lab: Lab, waiting: str, mail: Mail
) -> None:
    lab.stripe.authenticate(waiting)
    await mail.bring()
    lab.clock.advance(301)

    replies = [await http.post(PATH, content=each.body, headers=each.headers) for each in mail.sent]

    assert {reply.status_code for reply in replies} == {400}


async def test_events_in_the_opposite_order_lead_to_the_same_end(
    http: httpx.AsyncClient, lab: Lab, order: Order, waiting: str, mail: Mail
) -> None:
    lab.stripe.authenticate(waiting)

    for delivery in reversed(lab.stripe.webhooks.due()):
        assert await mail.post(lab.stripe.webhooks.request(delivery)) == 200
    await lab.settle()

    assert (await lab.orders.get(order.id)).status is OrderStatus.COMPLETE
    assert kept(lab) == 2000


async def test_a_failure_held_back_until_after_the_success_changes_nothing(
    http: httpx.AsyncClient, lab: Lab, waiting: str, mail: Mail
) -> None:
    webhooks = lab.stripe.webhooks
    lab.stripe.authenticate(waiting, succeed=False)
    (failure,) = [each for each in webhooks.pending() if each.type == "payment_intent.payment_failed"]
    webhooks.hold(failure, 60)
    await lab.stripe.client().v1.payment_intents.confirm_async(waiting, {"payment_method": "pm_card_visa"})
    await mail.bring()
    lab.clock.advance(60)

    await mail.bring()

    assert json.loads(mail.sent[-1].body)["type"] == "payment_intent.payment_failed"
    assert (await status_of_payment(lab), kept(lab)) == ("paid", 2000)


async def test_an_event_that_stripe_sends_anew_has_its_effect_once(
    http: httpx.AsyncClient, lab: Lab, waiting: str, mail: Mail
) -> None:
    lab.stripe.authenticate(waiting)
    await mail.bring()
    (event,) = [each for each in lab.stripe.events() if each["type"] == SUCCEEDED]
    lab.clock.advance(3600)
    lab.stripe.webhooks.resend(event["id"])

    await mail.bring()

    assert set(mail.statuses) == {200}
    assert lab.published().count("payment:created") == 1


async def test_an_event_that_could_not_be_handled_is_5xx_and_comes_again(
    http: httpx.AsyncClient, lab: Lab, waiting: str, mail: Mail
) -> None:
    lab.stripe.authenticate(waiting, succeed=False)
    lab.stripe.faults.connection_refused()
    await mail.bring()
    assert mail.statuses.count(503) == 1
    assert (await status_of_payment(lab)) == "waiting"

    lab.clock.advance(300)
    await mail.bring()

    assert (await status_of_payment(lab)) == "failed"
    assert lab.stripe.webhooks.pending() == lab.stripe.webhooks.failed() == []


async def test_what_nobody_foresaw_is_a_500_that_tells_nothing_and_comes_again(
    http: httpx.AsyncClient, lab: Lab, waiting: str, mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def explode(_: object) -> None:
        raise RuntimeError("mongodb://ada:secret@10.0.0.1")

    lab.stripe.authenticate(waiting)
    with monkeypatch.context() as broken:
        broken.setattr(lab.inbox.inbox, "insert_one", explode)
        await mail.bring()
    assert 500 in mail.statuses

    lab.clock.advance(300)
    await mail.bring()

    assert mail.statuses[-1] == 200
    assert (await status_of_payment(lab), kept(lab)) == ("paid", 2000)


async def test_an_unknown_kind_of_event_is_acknowledged(http: httpx.AsyncClient, lab: Lab, secret: str) -> None:
    body = json.dumps({"id": "evt_1", "type": "quote.accepted", "data": {"object": {"id": "qt_1"}}}).encode()

    reply = await send(http, body, signature_header(body, secret, now(lab)))

    assert (reply.status_code, reply.json()) == (200, {"received": True})


OPERATOR = {"$ne": None}
OURS = {"orderId": "ord_1", "attempt": "att_1"}
INTENT = {"id": "pi_1", "latest_charge": "ch_1", "metadata": OURS}
CHARGE = {"id": "ch_1", "amount": 2000, "amount_refunded": 2000, "metadata": OURS}
DISPUTE = {"id": "dp_1", "charge": "ch_1", "amount": 2000, "reason": "fraudulent", "status": "lost"}


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (SUCCEEDED, {**INTENT, "metadata": {"orderId": OPERATOR, "attempt": "att_1"}}),
        (SUCCEEDED, {**INTENT, "metadata": {"orderId": "ord_1", "attempt": {"$gt": ""}}}),
        (SUCCEEDED, {**INTENT, "metadata": [OPERATOR]}),
        (SUCCEEDED, {**INTENT, "metadata": None}),
        (SUCCEEDED, {**INTENT, "latest_charge": OPERATOR}),
        (SUCCEEDED, {**INTENT, "id": OPERATOR}),
        ("payment_intent.payment_failed", {**INTENT, "metadata": {"orderId": OPERATOR, "attempt": OPERATOR}}),
        ("charge.refunded", {**CHARGE, "id": OPERATOR}),
        ("charge.refunded", {**CHARGE, "metadata": {"orderId": OPERATOR}}),
        ("charge.refunded", {**CHARGE, "amount_refunded": {"$max": 1}}),
        ("charge.refunded", {**CHARGE, "amount_refunded": -1}),
        ("charge.refunded", {**CHARGE, "amount_refunded": 1.5}),
        ("charge.dispute.created", {**DISPUTE, "charge": OPERATOR}),
        ("charge.dispute.created", {**DISPUTE, "status": OPERATOR}),
        ("charge.dispute.closed", {**DISPUTE, "reason": {"$where": "sleep(1000)"}}),
    ],
)
async def test_an_operator_where_a_name_belongs_is_refused_even_if_it_is_signed(
    http: httpx.AsyncClient, lab: Lab, order: Order, secret: str, kind: str, facts: dict[str, Any]
) -> None:
    await lab.payments.create_charge(order_id=order.id, token="tok_visa", user_id="ada")
    before = await lab.payments.payments.find({}).to_list()
    body = json.dumps({"id": "evt_1", "type": kind, "data": {"object": facts}}).encode()

    reply = await send(http, body, signature_header(body, secret, now(lab)))

    assert reply.status_code == 400
    assert await lab.payments.payments.find({}).to_list() == before
    assert lab.stripe.refunds() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'"evt_1"', 400),
        (b'{"id": "evt_1", "id": "evt_2", "type": "x", "data": {"object": {}}}', 400),
        (b"[" * 100_000, 400),
        (b"\xff\xfe", 400),
        (b" " * (LARGEST_EVENT + 1), 413),
    ],
)
async def test_a_malformed_body_is_refused_even_if_it_is_signed(
    http: httpx.AsyncClient, lab: Lab, secret: str, body: bytes, status: int
) -> None:
    reply = await send(http, body, signature_header(body, secret, now(lab)))

    assert reply.status_code == status
    assert "errors" in reply.json()


async def test_an_event_can_begin_no_line_in_the_logs(
    http: httpx.AsyncClient, lab: Lab, order: Order, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    from payments_lab.telemetry.logs import JsonLines

    evil = '\nERROR paid by eve {"level": "ERROR"}\r\n'
    facts = {**DISPUTE, "charge": f"ch_1{evil}", "reason": evil}
    body = json.dumps({"id": f"evt_1{evil}", "type": "charge.dispute.created", "data": {"object": facts}}).encode()
    with caplog.at_level(logging.INFO):
        await send(http, body, signature_header(body, secret, now(lab)))

    lines = [JsonLines("payments").format(record) for record in caplog.records]
    assert any("disputed" in line for line in lines)
    assert all("\n" not in line and "\r" not in line and json.loads(line) for line in lines)
