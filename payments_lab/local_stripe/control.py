"""``/_local/…``: what a person in charge of the lab does over HTTP, and Stripe itself has no address for.

| call | what it does |
|---|---|
| ``GET /_local`` | what there is |
| ``POST /_local/faults`` ``kind=lose_reply&times=1&path=/v1/charges`` | the next matching requests go wrong |
| ``DELETE /_local/faults`` | nothing goes wrong any more, and slow replies come at once |
| ``POST /_local/authenticate`` ``payment_intent=pi_1&succeed=true`` | be the buyer at the bank's page |
| ``POST /_local/advance`` ``seconds=86400`` | let time pass |
| ``POST /_local/resend`` ``event=evt_1`` | send an event's webhooks once more |
| ``POST /_local/keys`` ``key=rk_test_x&to[]=charges:read`` | a restricted key may do only what is named |
| ``GET /_local/webhooks`` | what is on its way |
| ``POST /_local/reset`` | forget everything |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, cast

from payments_lab.local_stripe.errors import StripeRefusal, invalid_request
from payments_lab.local_stripe.faults import KINDS, Kind
from payments_lab.local_stripe.parameters import (
    Form,
    boolean,
    form,
    integer,
    one_of,
    parse_form,
    positive,
    read,
    text,
    texts,
)
from payments_lab.local_stripe.requests import Headers, Response
from payments_lab.local_stripe.service import LocalStripe
from payments_lab.local_stripe.tables import encode

FAULT_NAMES = {
    "connection_refused": "connection refused",
    "error_after": "error after",
    "error_before": "error before",
    "in_flight": "in flight",
    "lose_reply": "reply lost",
    "rate_limit": "rate limit",
    "slow": "slow reply",
}
FAULT = form(
    {
        "kind": one_of(*FAULT_NAMES, *KINDS),
        "times": positive,
        "path": text,
        "method": one_of("GET", "POST", "DELETE"),
        "after": integer,
        "seconds": positive,
    },
    required=("kind",),
)
AUTHENTICATE = form({"payment_intent": text, "succeed": boolean}, required=("payment_intent",))
ADVANCE = form({"seconds": positive}, required=("seconds",))
RESEND = form({"event": text, "endpoint": text}, required=("event",))
RESTRICT = form({"key": text, "to": texts}, required=("key",))
NONE = form({})


def control(stripe: LocalStripe, method: str, path: str, query: str, body: str) -> Response:
    """Do it, and say what came of it as JSON."""
    known = CALLS.get((method, path.rstrip("/")))
    if known is None:
        return _json(404, {"error": {"message": f"There is no {method} {path[:200]} here; GET /_local lists all."}})
    expected, act = known
    try:
        return _json(200, act(stripe, read(expected, parse_form(body or query))))
    except StripeRefusal as refusal:
        return _json(refusal.status, {"error": refusal.error})


def _overview(stripe: LocalStripe, asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "calls": [f"{method} {path}" for method, path in CALLS],
        "charges": len(stripe.charges()),
        "now": stripe.clock.now().isoformat(),
    }


def _faults(stripe: LocalStripe, asked: dict[str, Any]) -> dict[str, Any]:
    return {"faults": stripe.faults.pending()}


def _add_fault(stripe: LocalStripe, asked: dict[str, Any]) -> dict[str, Any]:
    kind = cast("Kind", FAULT_NAMES.get(asked.pop("kind"), ""))
    if asked.get("after", 0) < 0:
        raise invalid_request("This value must be greater than or equal to 0.", param="after")
    stripe.faults.script(kind, **asked)
    return _faults(stripe, {})


def _clear_faults(stripe: LocalStripe, asked: dict[str, Any]) -> dict[str, Any]:
    stripe.faults.clear()
    return _faults(stripe, {})


def _authenticate(stripe: LocalStripe, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(stripe.authenticate(asked["payment_intent"], succeed=asked.get("succeed", True)))
    except (KeyError, ValueError) as error:
        raise invalid_request(str(error.args[0]), param="payment_intent") from None


def _advance(stripe: LocalStripe, asked: dict[str, Any]) -> dict[str, Any]:
    advance: Callable[[int], object] | None = getattr(stripe.clock, "advance", None)
    if advance is None:
        raise invalid_request("This Stripe runs on a clock that nobody can move.")
    advance(asked["seconds"])
    stripe.settle()
    stripe.webhooks.nudge()
    return {"now": stripe.clock.now().isoformat()}


def _resend(stripe: LocalStripe, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        sent = stripe.webhooks.resend(asked["event"], asked.get("endpoint"))
    except KeyError as error:
        raise invalid_request(str(error.args[0]), param="event") from None
    return {"deliveries": [asdict(delivery) for delivery in sent]}


def _restrict(stripe: LocalStripe, asked: dict[str, Any]) -> dict[str, Any]:
    key, allowed = asked["key"], sorted(asked.get("to", []))
    try:
        stripe.keys.restrict(key, to=allowed)
    except ValueError as error:
        raise invalid_request(str(error), param="key") from None
    return {"key": key, "to": allowed}


def _webhooks(stripe: LocalStripe, asked: dict[str, Any]) -> dict[str, Any]:
    return {"deliveries": [asdict(each) for each in (*stripe.webhooks.pending(), *stripe.webhooks.failed())]}


def _reset(stripe: LocalStripe, asked: dict[str, Any]) -> dict[str, Any]:
    stripe.reset()
    return {"charges": 0}


CALLS: dict[tuple[str, str], tuple[Form, Callable[[LocalStripe, dict[str, Any]], dict[str, Any]]]] = {
    ("GET", "/_local"): (NONE, _overview),
    ("GET", "/_local/faults"): (NONE, _faults),
    ("POST", "/_local/faults"): (FAULT, _add_fault),
    ("DELETE", "/_local/faults"): (NONE, _clear_faults),
    ("POST", "/_local/authenticate"): (AUTHENTICATE, _authenticate),
    ("POST", "/_local/advance"): (ADVANCE, _advance),
    ("POST", "/_local/resend"): (RESEND, _resend),
    ("POST", "/_local/keys"): (RESTRICT, _restrict),
    ("GET", "/_local/webhooks"): (NONE, _webhooks),
    ("POST", "/_local/reset"): (NONE, _reset),
}


def _json(status: int, body: Any) -> Response:
    return Response(status, encode(body), Headers({"Content-Type": "application/json"}))
