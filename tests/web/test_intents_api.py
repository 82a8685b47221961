"""Payment intents over HTTP: statuses and bodies, the bank's page, and webhooks that tell the end of it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from payments_lab.lab import Lab
from payments_lab.shop.orders import Order
from payments_lab.shop.status import OrderStatus
from payments_lab.web import bank
from payments_lab.web.app import create_app
from payments_lab.web.sessions import Sessions
from payments_lab.web.webhooks import PATH
from tests.web.conftest import Mail

pytestmark = pytest.mark.anyio

ASKS = "pm_card_threeDSecure2Required"
PAY = "/api/payments"


async def ask(
    http: httpx.AsyncClient, order: Order, who: dict[str, str], method: str = ASKS, key: str = "click-1"
) -> httpx.Response:
    body = {"orderId": order.id, "paymentMethod": method}
    return await http.post(PAY, json=body, headers={**who, "Idempotency-Key": key})


def kept(lab: Lab) -> int:
    return sum(charge["amount"] - charge["amount_refunded"] for charge in lab.stripe.charges() if charge["paid"])


async def test_a_payment_method_is_answered_as_a_token_is(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str]
) -> None:
    reply = await ask(http, order, ada, "pm_card_visa")

    assert (reply.status_code, reply.json()) == (201, {"id": "pay_1"})
    assert lab.stripe.payment_intents()[0]["status"] == "succeeded"


async def test_a_decline_is_402_and_says_its_decline_code(
    http: httpx.AsyncClient, order: Order, ada: dict[str, str]
) -> None:
    reply = await ask(http, order, ada, "pm_card_chargeDeclinedInsufficientFunds")

    error = {"message": "Your card has insufficient funds.", "declineCode": "insufficient_funds"}
    assert (reply.status_code, reply.json()) == (402, {"errors": [error]})


async def test_a_bank_that_asks_is_202_with_what_the_buyer_needs(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str]
) -> None:
    reply = await ask(http, order, ada)

    intent = lab.stripe.payment_intents()[0]
    assert (reply.status_code, reply.json()) == (
        202,
        {
            "id": "pay_1",
            "status": "requires_action",
            "clientSecret": intent["client_secret"],
            "nextAction": intent["next_action"],
        },
    )
    assert (await http.get(f"{PAY}/pay_1", headers=ada)).json()["status"] == "waiting"


async def test_the_same_key_tells_the_same_until_the_buyer_has_answered(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str]
) -> None:
    waiting = [(await ask(http, order, ada)).json() for _ in range(2)]
    lab.stripe.authenticate(lab.stripe.payment_intents()[0]["id"])
    paid = await ask(http, order, ada)

    assert waiting[0] == waiting[1]
    assert (paid.status_code, paid.json()) == (201, {"id": "pay_1"})
    assert kept(lab) == 2000


async def test_a_webhook_completes_the_order_without_another_word_of_the_buyers(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str], mail: Mail
) -> None:
    await ask(http, order, ada)
    lab.stripe.authenticate(lab.stripe.payment_intents()[0]["id"])

    await mail.bring()
    await lab.settle()

    assert set(mail.statuses) == {200}
    assert (await lab.orders.get(order.id)).status is OrderStatus.COMPLETE
    assert (await http.get(f"{PAY}/pay_1", headers=ada)).json()["status"] == "paid"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"orderId": "ord_1"}, "token"),
        ({"orderId": "ord_1", "token": "tok_visa", "paymentMethod": "pm_card_visa"}, "paymentMethod"),
        ({"orderId": "ord_1", "paymentMethod": ""}, "paymentMethod"),
        ({"orderId": "ord_1", "paymentMethod": None}, "paymentMethod"),
        ({"orderId": "ord_1", "paymentMethod": {"$ne": None}}, "paymentMethod"),
        ({"orderId": {"$ne": None}, "paymentMethod": "pm_card_visa"}, "orderId"),
        ({"orderId": "ord_1", "paymentMethod": "pm_card_visa", "returnUrl": "https://evil.example"}, "returnUrl"),
    ],
)
async def test_a_body_names_one_means_of_payment_and_nothing_else(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str], body: dict[str, Any], says: str
) -> None:
    reply = await http.post(PAY, json=body, headers=ada)

    assert reply.status_code == 400
    assert reply.json()["errors"][0]["field"] == says
    assert lab.stripe.payment_intents() == []


async def test_nobody_else_pays_or_hears_of_the_challenge(
    http: httpx.AsyncClient, lab: Lab, order: Order, ada: dict[str, str], eve: dict[str, str]
) -> None:
    secret = (await ask(http, order, ada)).json()["clientSecret"]
    replies = [await ask(http, order, eve), await http.get(f"{PAY}/pay_1", headers=eve), await ask(http, order, {})]

    assert [reply.status_code for reply in replies] == [401, 404, 401]
    assert all(secret not in reply.text for reply in replies)


async def test_the_banks_page_of_an_embedded_stripe_leads_back_to_the_shop(
    lab: Lab, order: Order, sessions: Sessions, ada: dict[str, str]
) -> None:
    app = create_app(sessions, payments=lab.payments, public_url="http://shop")
    bank.install(app, lab.stripe, "http://shop")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http:
        page = (await ask(http, order, ada)).json()["nextAction"]["redirect_to_url"]["url"]
        question = await http.get(page)
        answer = await http.post(page, data={"outcome": "succeed"})
        nothing_left = await http.get(page)
        paid = await ask(http, order, ada)

    assert "Is payment pi_1 of 2000 usd yours?" in question.text
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "http://shop/")
    assert (nothing_left.status_code, paid.status_code) == (404, 201)


async def test_without_a_secret_there_is_no_endpoint_for_webhooks(lab: Lab, sessions: Sessions) -> None:
    app = create_app(sessions, payments=lab.payments)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http:
        assert (await http.post(PATH, content=b"{}")).status_code == 404
