"""Ten thousand requests that nobody meant: no 5xx, no malformed answer, and no effect of what was refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.requests import Response
from payments_lab.local_stripe.router import ROUTES
from payments_lab.local_stripe.wire import read_request
from tests.local_stripe.conformance import problems
from tests.local_stripe.test_parameters import FORMS

pytestmark = pytest.mark.usefixtures("the_same_examples_everywhere")

SESSIONS = 400
REQUESTS = 25

IDS = ("1", "2", "3", "nobody", "")
PREFIXES = {
    "balance_transactions": "txn",
    "charges": "ch",
    "customers": "cus",
    "disputes": "du",
    "events": "evt",
    "payment_intents": "pi",
    "payment_methods": "pm",
    "refunds": "re",
    "sources": "card",
    "tokens": "tok",
    "webhook_endpoints": "we",
}
NAMES = sorted({name for form in FORMS.values() for name in form.fields} | {"expand", "surprise", "constructor"})
SOURCES = ("tok_visa", "tok_visa", "tok_chargeDeclined", "tok_createDispute", "tok_refundFail", "tok_1")
METHODS = (
    "pm_card_visa",
    "pm_card_authenticationRequired",
    "pm_card_chargeDeclined",
    "pm_usBankAccount_success",
    "pm_1",
)
NO_REDIRECTS = {
    "automatic_payment_methods[enabled]": ("true",),
    "automatic_payment_methods[allow_redirects]": ("never",),
}
AMOUNT = {"amount": ("2000", "500"), "currency": ("usd", "jpy", "kwd")}
LIST = {
    "limit": ("1", "100", "0"),
    "expand[]": ("data.customer", "data.payment_intent", "nothing"),
    "created[gte]": ("0",),
}
# What a request to each address plausibly says; each field is there or not, the first ones always.
PLAUSIBLE: dict[str, dict[str, tuple[str, ...]]] = {
    "POST /v1/charges": {**AMOUNT, "source": SOURCES, "capture": ("false",), "metadata[order]": ("7",)},
    "POST /v1/payment_intents": {
        **AMOUNT,
        "confirm": ("true", "false"),
        "payment_method": METHODS,
        **NO_REDIRECTS,
        "capture_method": ("manual", "automatic"),
        "off_session": ("true",),
        "allowed_payment_method_types[]": ("us_bank_account", "card"),
        "mandate_data[customer_acceptance][type]": ("offline",),
        "customer": ("cus_1",),
        "setup_future_usage": ("off_session",),
    },
    "POST /v1/payment_intents/*/confirm": {
        "payment_method": METHODS,
        "return_url": ("https://shop.test",),
        "capture_method": ("manual",),
    },
    "POST /v1/payment_intents/*/capture": {"amount_to_capture": ("100", "5000")},
    "POST /v1/payment_intents/*": {"amount": ("700", "1"), "payment_method": METHODS, "metadata[order]": ("7", "")},
    "POST /v1/payment_intents/*/cancel": {"cancellation_reason": ("duplicate", "boredom")},
    "POST /v1/refunds": {"charge": ("ch_1", "ch_2", "ch_3"), "amount": ("100", "5000"), "payment_intent": ("pi_1",)},
    "POST /v1/customers": {"email": ("ada@shop.test", "nobody"), "source": SOURCES, "payment_method": METHODS},
    "POST /v1/customers/*": {"source": SOURCES, "name": ("Ada", ""), "default_source": ("card_1",)},
    "POST /v1/customers/*/sources": {"source": SOURCES},
    "POST /v1/tokens": {
        "card[number]": ("4242424242424242", "4242424242424241", "4000000000000002"),
        "card[exp_month]": ("12", "13"),
        "card[exp_year]": ("2034", "34", "1999"),
        "card[cvc]": ("123", "1"),
    },
    "POST /v1/payment_methods": {"type": ("card", "link", "us_bank_account"), "card[token]": SOURCES},
    "POST /v1/payment_methods/*/attach": {"customer": ("cus_1", "cus_2")},
    "POST /v1/payment_methods/*": {"metadata[a]": ("b",), "card[exp_year]": ("2040",)},
    "POST /v1/webhook_endpoints": {"url": ("https://shop.test/hook", "shop"), "enabled_events[]": ("*", "all")},
    "POST /v1/disputes/*": {"evidence[uncategorized_text]": ("winning_evidence", "losing_evidence", "x")},
    "GET /v1/charges": {**LIST, "customer": ("cus_1",)},
    "GET /v1/payment_intents": {**LIST, "starting_after": ("pi_1",)},
    "GET /v1/refunds": {**LIST, "charge": ("ch_1",)},
    "GET /v1/charges/search": {"query": ('metadata["order"]:"7"', "amount>100 OR status:'failed'", "(")},
    "GET /v1/events": {"type": ("charge.*", "charge.succeeded"), "limit": ("5",)},
}

strange = st.one_of(
    st.text(max_size=20),
    st.integers().map(str),
    st.sampled_from(["", "0", "-1", "1e5", "NaN", "true", "null", "[]", "٣", "\x00", "9" * 50, "a" * 6000, "💳"]),
    st.sampled_from(["ch_1", "pi_1", "cus_1", "pm_1", "tok_1", "evt_1", "we_1"]),
)
tails = st.sampled_from(["", "[]", "[a]", "[0]", "[0][a]", "[a][b][c]", "[", "]"])
strange_pair = st.tuples(st.tuples(st.sampled_from(NAMES), tails).map("".join), strange)


@st.composite
def plausible(draw: st.DrawFn) -> tuple[tuple[str, str], list[tuple[str, str]]]:
    """A request that makes sense, or nearly so."""
    route = draw(st.sampled_from(sorted(PLAUSIBLE) * 2 + [" ".join(route) for route in sorted(ROUTES)]))
    method, template = route.split(" ")
    fields = PLAUSIBLE.get(route, {})
    pairs = [
        (name, draw(st.sampled_from(values)))
        for place, (name, values) in enumerate(fields.items())
        if place < 2 or draw(st.sampled_from([True, True, False]))
    ]
    if draw(st.sampled_from([False, False, False, False, True])):
        pairs += draw(st.lists(strange_pair, min_size=1, max_size=2))
    return (method, draw(filled(template))), pairs


@st.composite
def filled(draw: st.DrawFn, template: str) -> str:
    """An address whose ids are perhaps there."""
    parts = template.split("/")
    for place, part in enumerate(parts):
        if part == "*":
            number = draw(st.sampled_from(("1", "1", *IDS)))
            parts[place] = f"{PREFIXES[parts[place - 1]]}_{number}" if number else ""
    return "/".join(parts)


wild_path = st.text(max_size=20).map(lambda text: f"/v1/{text}")
wild = st.tuples(
    st.tuples(st.sampled_from(["GET", "POST", "DELETE", "PUT"]), wild_path), st.lists(strange_pair, max_size=3)
)
request = st.tuples(
    st.one_of(*[plausible()] * 9, wild),
    st.sampled_from([None] * 4 + ["k1", "k2", "k" * 300]),
    st.sampled_from(["sk_test_x"] * 16 + ["pk_test_x", "sk_live_x", ""]),
    st.sampled_from([None] * 9 + ["2020-08-27", "yesterday"]),
)

counted = {"requests": 0, "good": 0}


def send(local: LocalStripe, asked: Any) -> Response:
    ((method, path), pairs), key, api_key, version = asked
    headers = {"Authorization": f"Bearer {api_key}"}
    if key is not None:
        headers["Idempotency-Key"] = key
    if version is not None:
        headers["Stripe-Version"] = version
    return local.respond(read_request(method, path, urlencode(pairs, errors="surrogatepass"), headers))


def begin(local: LocalStripe) -> None:
    """A customer, a payment method, three charges and an intent, so that there is something to get wrong."""
    v1 = local.client().v1
    owner = v1.customers.create({"source": "tok_visa"}).id
    v1.payment_methods.attach("pm_card_visa", {"customer": owner})
    v1.charges.create({"amount": 2000, "currency": "usd", "customer": owner})
    v1.charges.create({"amount": 2000, "currency": "usd", "source": "tok_createDispute"})
    v1.charges.create({"amount": 2000, "currency": "usd", "source": "tok_visa", "capture": False})
    v1.refunds.create({"charge": "ch_1", "amount": 500})
    v1.payment_intents.create({"amount": 2000, "currency": "usd", "capture_method": "manual"})


def remembered(local: LocalStripe) -> list[bytes]:
    """Every object that is stored, without counters and keys."""
    return [line for line in local.snapshot().split(b"\n") if line.startswith(b"O")]


@settings(
    max_examples=SESSIONS,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(request, min_size=REQUESTS, max_size=REQUESTS))
def hold_against_anything(asked: list[Any]) -> None:
    local = LocalStripe()
    begin(local)
    before = remembered(local)
    for each in asked:
        response = send(local, each)
        counted["requests"] += 1
        counted["good"] += response.status == 200
        assert response.status < 500
        assert problems(response.json) == []
        after = remembered(local)
        if response.status not in (200, 402):
            assert after == before
        before = after


@pytest.mark.no_cover
def test_ten_thousand_requests_that_nobody_meant_are_answered_as_stripe_would() -> None:
    hold_against_anything()

    assert counted["requests"] >= 10_000
    assert counted["good"] > 1_500
