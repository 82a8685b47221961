"""What the shop says of itself in its OpenAPI document is so: requests made from it, sensible or not, prove it.

Every route that the app has at run time takes part.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import schemathesis
from hypothesis import settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from payments_lab.lab import Lab
from payments_lab.shop.orders import Order
from payments_lab.web.app import create_app
from payments_lab.web.sessions import COOKIE, Sessions

EXAMPLES = int(os.environ.get("PAYMENTS_LAB_OPENAPI_EXAMPLES", "30"))

LAB = Lab()
SESSIONS = Sessions(LAB.clock, "a key of the tests that is long enough")
APP = create_app(SESSIONS, payments=LAB.payments, orders=LAB.orders)
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", APP)
SIGNED_IN = schemathesis.openapi.from_asgi("/openapi.json", APP)
SIGNED_IN.config.generation.update(with_security_parameters=False)
SENSIBLE = schemathesis.openapi.from_asgi("/openapi.json", APP)
SENSIBLE.config.generation.update(with_security_parameters=False, modes=[schemathesis.GenerationMode.POSITIVE])
for schema in (SCHEMA, SIGNED_IN, SENSIBLE):
    # What is too long for its field may be too long for any body.
    schema.config.checks.negative_data_rejection.expected_statuses.append("413")
BOUNDED = settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
ADA = {COOKIE: SESSIONS.issue("ada")}


@SIGNED_IN.parametrize()
@BOUNDED
def test_with_a_session(case: schemathesis.Case) -> None:
    case.call_and_validate(cookies=ADA)


@SCHEMA.parametrize()
@BOUNDED
def test_without_a_session(case: schemathesis.Case) -> None:
    case.call_and_validate()


@SENSIBLE.given(data=st.data())
@SENSIBLE.parametrize()
@BOUNDED
def test_about_orders_and_payments_that_exist(case: schemathesis.Case, data: st.DataObject) -> None:
    order = asyncio.run(_order(data.draw(st.sampled_from(["open", "paid", "cancelled", "somebody else's"]))))
    known = {"order_id": order.id, "orderId": order.id, "payment_id": f"pay_{len(LAB.stripe.charges())}"}
    token = data.draw(st.sampled_from(["tok_visa", "tok_chargeDeclined", "tok_unknown"]))
    cards = ["pm_card_visa", "pm_card_chargeDeclined", "pm_card_threeDSecure2Required", "pm_card_unknown"]
    known |= {"token": token, "paymentMethod": data.draw(st.sampled_from(cards))}
    for part in (case.path_parameters, case.body):
        _fill_in(part, known)

    # An order that is cancelled already, or a token that Stripe does not know, is no mistake of the schema.
    case.call_and_validate(cookies=ADA, excluded_checks=[positive_data_acceptance])


def test_the_document_names_every_path_of_the_app() -> None:
    described = {operation.ok().label for operation in SCHEMA.get_all_operations()}

    assert {"POST /api/payments", "DELETE /api/orders/{order_id}", "GET /readyz"} <= described


async def _order(state: str) -> Order:
    order = await LAB.orders.create(user_id="eve" if state == "somebody else's" else "ada", price=2000)
    await LAB.settle()
    if state == "paid":
        await LAB.payments.create_charge(order_id=order.id, token="tok_visa", user_id="ada")
    if state == "cancelled":
        await LAB.orders.cancel(order.id)
    await LAB.settle()
    return order


def _fill_in(part: Any, known: dict[str, str]) -> None:
    if isinstance(part, dict):
        part.update({name: value for name, value in known.items() if name in part})
