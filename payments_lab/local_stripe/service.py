"""The local Stripe: answers requests as Stripe does, and remembers."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from payments_lab.local_stripe import charges, idempotency, refunds
from payments_lab.local_stripe.errors import StripeRefusal, unauthorized, unrecognized
from payments_lab.local_stripe.faults import Faults, Kind
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.requests import Request, Response
from payments_lab.ports import Clock, Ids, LabClock

if TYPE_CHECKING:
    import stripe

API_VERSION = "2026-10-28.endive"
LIVE_KEYS = ("sk_live_", "rk_live_")
TEST_KEYS = ("sk_test_", "rk_test_")

SERVER_ERROR = {"type": "api_error", "message": "An unknown error occurred. It is on our side, and asked for."}
RATE_LIMITED = {
    "type": "invalid_request_error",
    "code": "rate_limit",
    "message": "Request rate limit exceeded. You can learn more about rate limits here: https://docs.stripe.com/rate-limits.",
    "doc_url": "https://docs.stripe.com/error-codes/rate-limit",
}

Endpoint = Callable[..., StripeObject]

ROUTES: dict[tuple[str, str], Endpoint] = {
    ("POST", "/v1/charges"): charges.create,
    ("GET", "/v1/charges"): charges.listing,
    ("GET", "/v1/charges/*"): charges.retrieve,
    ("POST", "/v1/charges/*"): charges.update,
    ("POST", "/v1/charges/*/capture"): charges.capture,
    ("POST", "/v1/refunds"): refunds.create,
    ("GET", "/v1/refunds"): refunds.listing,
    ("GET", "/v1/refunds/*"): refunds.retrieve,
}


class LocalStripe:
    """A stateful Stripe in this process; a resource whose state is its whole ledger.

    ``clock`` dates its objects and ages its idempotency keys. ``client()`` gives the real ``stripe`` library talking to
    it; ``respond()`` is the door underneath. Live keys are refused.
    """

    name = "stripe"

    def __init__(self, clock: Clock | None = None) -> None:
        self._ledger = Ledger(clock or LabClock())
        self.faults = Faults()
        self.observers: list[Callable[[Request, Response | None], None]] = []

    def client(self, api_key: str = "sk_test_local", *, ids: Ids | None = None, **options: Any) -> stripe.StripeClient:
        """``stripe.StripeClient`` over the in-process transport; ``options`` are its own.

        ``ids`` makes the idempotency keys that the library would otherwise draw at random.
        """
        from payments_lab.local_stripe.transport import in_process_client

        return in_process_client(self, api_key, ids, options)

    def exchange(self, request: Request) -> Response | None:
        """Answer one request over a line that has ``faults``; None when no answer comes back."""
        fault = self.faults.take(request)
        response = self._exchange(request, fault)
        for observe in self.observers:
            observe(request, response)
        return response

    def respond(self, request: Request) -> Response:
        """Answer one request; raises nothing but what Stripe itself would answer with."""
        try:
            response = self._answer(request)
        except StripeRefusal as refusal:
            response = _response(refusal.status, {"error": refusal.error})
        return _with_headers(response, request)

    def charges(self) -> list[StripeObject]:
        """Every charge, oldest first, for a person who looks from outside."""
        return copy.deepcopy(list(self._ledger.table("charge").values()))

    def refunds(self) -> list[StripeObject]:
        """Every refund, oldest first."""
        return copy.deepcopy(list(self._ledger.table("refund").values()))

    def balance_transactions(self) -> list[StripeObject]:
        """Every movement of money on the account, oldest first."""
        return copy.deepcopy(list(self._ledger.table("balance_transaction").values()))

    def snapshot(self) -> bytes:
        return self._ledger.snapshot()

    def restore(self, snapshot: bytes) -> None:
        self._ledger.restore(snapshot)

    def _exchange(self, request: Request, fault: Kind | None) -> Response | None:
        if fault == "connection refused":
            return None
        if fault == "error before":
            return _with_headers(_response(500, {"error": SERVER_ERROR}), request)
        if fault == "rate limit":
            return _with_headers(_response(429, {"error": RATE_LIMITED}), request)
        response = self.respond(request)
        if fault == "reply lost":
            return None
        if fault == "error after" and response.status == 200:
            response = _with_headers(_response(500, {"error": SERVER_ERROR}), request)
            idempotency.keep(self._ledger, request, response)
        return response

    def _answer(self, request: Request) -> Response:
        _check_key(request.api_key)
        kept = idempotency.replay(self._ledger, request)
        if kept is not None:
            return kept
        try:
            response = _response(200, self._perform(request))
        except StripeRefusal as refusal:
            if not refusal.began:
                raise
            response = _response(refusal.status, {"error": refusal.error})
        idempotency.keep(self._ledger, request, response)
        return response

    def _perform(self, request: Request) -> StripeObject:
        endpoint, arguments = _route(request.method, request.path)
        return endpoint(self._ledger, request.params, *arguments)


def _route(method: str, path: str) -> tuple[Endpoint, list[str]]:
    exact = ROUTES.get((method, path))
    if exact is not None:
        return exact, []
    version, _, rest = path[1:].partition("/")
    kind, *more = rest.split("/")
    if not more:
        raise unrecognized(method, path)
    object_id, *verb = more
    endpoint = ROUTES.get((method, "/".join(["", version, kind, "*", *verb])))
    if endpoint is None:
        raise unrecognized(method, path)
    return endpoint, [object_id]


def _check_key(api_key: str | None) -> None:
    if not api_key:
        raise unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if api_key.startswith(LIVE_KEYS):
        raise unauthorized("This is a local Stripe for tests: it never takes a live key. Use a test key (sk_test_...).")
    if not api_key.startswith(TEST_KEYS):
        raise unauthorized(f"Invalid API Key provided: {api_key[:4]}{'*' * 8}")


def _response(status: int, body: Any) -> Response:
    return Response(status, json.dumps(body))


def _with_headers(response: Response, request: Request) -> Response:
    headers = {
        "Content-Type": "application/json",
        "Request-Id": _request_id(request),
        "Stripe-Version": request.version or API_VERSION,
        **response.headers,
    }
    if request.idempotency_key:
        headers["Idempotency-Key"] = request.idempotency_key
        headers["Original-Request"] = headers["Request-Id"]
    return Response(response.status, response.body, headers)


def _request_id(request: Request) -> str:
    """Named after what was asked, so that it needs no state and repeats from run to run."""
    said = json.dumps([request.method, request.path, request.params, request.idempotency_key], sort_keys=True)
    return f"req_{hashlib.sha256(said.encode()).hexdigest()[:14]}"
