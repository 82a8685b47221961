"""The local Stripe: answers requests as Stripe does, and remembers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from payments_lab.local_stripe import errors, idempotency, timers
from payments_lab.local_stripe.errors import StripeRefusal, invalid_request
from payments_lab.local_stripe.faults import Fault, Faults
from payments_lab.local_stripe.keys import PUBLISHABLE_KEYS, KeyRing
from payments_lab.local_stripe.ledger import Ledger, Origin, StripeObject
from payments_lab.local_stripe.objects.confirmation import authenticate
from payments_lab.local_stripe.records import (
    BalanceTransactionRecord,
    ChargeRecord,
    CustomerRecord,
    DisputeRecord,
    EventRecord,
    PaymentIntentRecord,
    RefundRecord,
)
from payments_lab.local_stripe.rendering import read_expand, render
from payments_lab.local_stripe.requests import Request, Response
from payments_lab.local_stripe.router import Route, find_route
from payments_lab.local_stripe.tables import encode
from payments_lab.local_stripe.versions import API_VERSION, check_version
from payments_lab.local_stripe.webhooks import Webhooks
from payments_lab.ports import Clock, Ids, LabClock, SequentialIds

if TYPE_CHECKING:
    import stripe

LONGEST_ID = 500
RECEIPT = "https://dashboard.stripe.com/test/workbench/logs?object="


@dataclass(frozen=True, slots=True)
class Challenge:
    """A payment that waits for its buyer at the bank's page. ``amount`` is in minor units."""

    amount: int
    currency: str
    return_url: str | None


class UnusedKeys:
    """An id port for idempotency keys that passes over those which are in use, as after a restored snapshot."""

    def __init__(self, ledger: Ledger, ids: Ids) -> None:
        self._ledger = ledger
        self._ids = ids

    def new(self, prefix: str) -> str:
        while (key := self._ids.new(prefix)) in self._ledger.keys:
            pass
        return key


class LocalStripe:
    """A stateful Stripe in this process; a resource whose state is everything that it remembers.

    ``clock`` dates its objects, ages its idempotency keys and runs its timers. ``ids`` names its objects; without it
    they are counted (``ch_1``), and the counters are part of the state. ``client()`` gives the real ``stripe`` library
    talking to it; ``respond()`` is the door underneath. Live keys are refused.
    """

    name = "stripe"

    def __init__(self, clock: Clock | None = None, ids: Ids | None = None) -> None:
        self.clock = clock or LabClock()
        self._ledger = Ledger(self.clock, ids)
        self._keys_of_clients = UnusedKeys(self._ledger, ids or SequentialIds())
        self._busy: set[str] = set()
        self.faults = Faults(self._ledger)
        self.keys = KeyRing()
        self.webhooks = Webhooks(self._ledger)
        self.observers: list[Callable[[Request, Response | None], None]] = []

    def client(
        self, api_key: str = "sk_test_local", *, ids: Ids | None = None, patience: float = 80.0, **options: Any
    ) -> stripe.StripeClient:
        """``stripe.StripeClient`` over the in-process transport; ``options`` are its own.

        ``ids`` makes the idempotency keys that the library would otherwise draw at random, one for every call that
        names none. ``patience`` is the seconds after which a slow reply is a timeout.
        """
        from payments_lab.local_stripe.transport import in_process_client

        return in_process_client(self, api_key, ids or self._keys_of_clients, patience, options)

    def exchange(self, request: Request) -> Response | None:
        """Answer one request over a line that has ``faults``; None when no answer comes back."""
        fault = self.faults.take(request)
        response = self._exchange(request, fault)
        for observe in self.observers:
            observe(request, response)
        return response

    def respond(self, request: Request) -> Response:
        """Answer one request; raises nothing, for a refusal is an answer."""
        request_id = request.id or self._ledger.next_request_id()
        timers.run_due(self._ledger)
        try:
            response = self._answer(request, request_id)
        except StripeRefusal as refusal:
            response = _refused(refusal, request_id)
        timers.run_due(self._ledger)
        return _with_headers(response, request, request_id)

    def reset(self) -> None:
        """Forget everything, faults and restricted keys too; the clock stays."""
        self.keys.clear()
        self._ledger.restore(Ledger(self.clock).snapshot())

    def next_timer(self) -> int | None:
        """When something happens by itself next, in Unix seconds."""
        timers = self._ledger.state.timers
        return timers[0][0] if timers else None

    def challenge(self, payment_intent: str) -> Challenge | None:
        """What the bank's page shows of a payment that waits there; None when none waits."""
        intent = self._ledger.table("payment_intent").find(payment_intent)
        if intent is None or intent["status"] != "requires_action":
            return None
        redirect: dict[str, Any] = intent["next_action"].get("redirect_to_url") or {}
        return Challenge(intent["amount"], intent["currency"], redirect.get("return_url"))

    @property
    def challenge_page(self) -> str:
        """The address of the bank's page of 3-D Secure, to which an intent's id is added."""
        return self._ledger.challenge_page

    @challenge_page.setter
    def challenge_page(self, address: str) -> None:
        self._ledger.challenge_page = address

    def settle(self) -> None:
        """Do what is due: late captures, debits, disputes, refunds. Every request does so first."""
        timers.run_due(self._ledger)

    def writes_by_itself(self) -> bool:
        """Whether something is due, so that even a reading request will change the state."""
        return self._ledger.due()

    def authenticate(self, payment_intent: str, *, succeed: bool = True) -> PaymentIntentRecord:
        """Be the buyer at the bank's 3-D Secure page. KeyError when there is no such intent, ValueError when it waits
        for no authentication.
        """
        timers.run_due(self._ledger)
        intent = self._ledger.table("payment_intent").find(payment_intent)
        if intent is None:
            raise KeyError(f"there is no payment intent {payment_intent!r}")
        try:
            authenticate(self._ledger, intent, succeed=succeed)
        except StripeRefusal as refusal:
            raise ValueError(str(refusal)) from None
        timers.run_due(self._ledger)
        return cast("PaymentIntentRecord", json.loads(self._ledger.text(intent)))

    def charges(self) -> list[ChargeRecord]:
        """Every charge, oldest first, for a person who looks from outside; a copy."""
        return cast("list[ChargeRecord]", self._copies("charge"))

    def refunds(self) -> list[RefundRecord]:
        """Every refund, oldest first."""
        return cast("list[RefundRecord]", self._copies("refund"))

    def payment_intents(self) -> list[PaymentIntentRecord]:
        """Every payment intent, oldest first."""
        return cast("list[PaymentIntentRecord]", self._copies("payment_intent"))

    def customers(self) -> list[CustomerRecord]:
        """Every customer that is not deleted, oldest first."""
        return cast("list[CustomerRecord]", self._copies("customer"))

    def disputes(self) -> list[DisputeRecord]:
        """Every dispute, oldest first."""
        return cast("list[DisputeRecord]", self._copies("dispute"))

    def events(self) -> list[EventRecord]:
        """Every event, oldest first."""
        return cast("list[EventRecord]", self._copies("event"))

    def balance_transactions(self) -> list[BalanceTransactionRecord]:
        """Every movement of money on the account, oldest first."""
        return cast("list[BalanceTransactionRecord]", self._copies("balance_transaction"))

    def balance(self) -> dict[str, int]:
        """What the account owns by currency, available or pending, in minor units."""
        totals: dict[str, int] = {}
        for transaction in self._ledger.table("balance_transaction"):
            totals[transaction["currency"]] = totals.get(transaction["currency"], 0) + transaction["net"]
        return totals

    def snapshot(self) -> bytes:
        return self._ledger.snapshot()

    def restore(self, snapshot: bytes) -> None:
        self._ledger.restore(snapshot)

    def hold_key(self, key: str | None) -> None:
        """Count a request as in flight under this idempotency key until :meth:`release_key`; another one meets 409."""
        if key is not None:
            self._busy.add(key)

    def release_key(self, key: str | None) -> None:
        self._busy.discard(key or "")

    def _copies(self, kind: str) -> list[StripeObject]:
        return [json.loads(text) for text in self._ledger.table(kind).texts()]

    def _exchange(self, request: Request, fault: Fault | None) -> Response | None:
        if fault is None:
            return self.respond(request)
        match fault.kind:
            case "connection refused":
                return None
            case "error before":
                return self._refuse(request, errors.server_error())
            case "rate limit":
                return self._refuse(request, errors.rate_limited())
            case "in flight":
                return self._refuse(request, errors.in_use(request.idempotency_key or ""))
            case "reply lost":
                self.respond(request)
                return None
            case "error after":
                return self._fail_after(request)
            case "slow reply":
                response = self.respond(request)
                return Response(response.status, response.body, response.headers, fault.seconds)

    def _refuse(self, request: Request, refusal: StripeRefusal) -> Response:
        request_id = request.id or self._ledger.next_request_id()
        response = _with_headers(_refused(refusal, request_id), request, request_id)
        if refusal.status == 429:
            response.headers["Stripe-Rate-Limited-Reason"] = "global-rate"
        return response

    def _fail_after(self, request: Request) -> Response:
        """Do it, and say 500; what was refused stays refused."""
        request_id = request.id or self._ledger.next_request_id()
        done = self.respond(request)
        if done.status != 200 or "Idempotent-Replayed" in done.headers:
            return done
        response = _with_headers(_refused(errors.server_error(), request_id), request, request_id)
        key = idempotency.key_of(request)
        if key is not None:
            idempotency.keep(self._ledger, key, idempotency.fingerprint(request), response, request_id)
        return response

    def _answer(self, request: Request, request_id: str) -> Response:
        route, ids = self._admit(request)
        version = check_version(request.version)
        key = idempotency.key_of(request)
        mark = ""
        if key is not None:
            mark = idempotency.fingerprint(request)
            if key in self._busy:
                raise errors.in_use(key)
            kept = idempotency.replay(self._ledger, key, mark)
            if kept is not None:
                return kept
        browser = (request.api_key or "").startswith(PUBLISHABLE_KEYS)
        self._ledger.origin = Origin(request_id, key, version, browser)
        try:
            response = Response(200, self._perform(route, ids, request))
        except StripeRefusal as refusal:
            if not refusal.began:
                raise
            response = _refused(refusal, request_id)
        finally:
            self._ledger.origin = Origin()
        if request.writes:
            self._ledger.count("req")
        if key is not None:
            idempotency.keep(self._ledger, key, mark, response, request_id)
        return response

    def _admit(self, request: Request) -> tuple[Route, list[str]]:
        """The route, once the key is good for it; a bad key hears nothing of routes."""
        self.keys.check(request.api_key, None, writes=request.writes)
        route, ids = find_route(request.method, request.path)
        self.keys.check(request.api_key, route, writes=request.writes)
        if request.malformed is not None:
            raise request.malformed
        return route, ids

    def _perform(self, route: Route, ids: list[str], request: Request) -> str:
        if any(len(object_id) > LONGEST_ID for object_id in ids):
            raise invalid_request("Invalid id: it is too long", param="id")
        params, paths = request.params, None
        if "expand" in params:
            params = {name: value for name, value in params.items() if name != "expand"}
            paths = read_expand(request.params["expand"], route.kind, lists=route.lists)
        return render(self._ledger, route.endpoint(self._ledger, params, *ids), paths)


def _refused(refusal: StripeRefusal, request_id: str) -> Response:
    error = dict(refusal.error)
    kind = error.pop("type")
    if refusal.status != 401:
        error["request_log_url"] = RECEIPT + request_id
    return Response(refusal.status, encode({"error": {**error, "type": kind}}))


def _with_headers(response: Response, request: Request, request_id: str) -> Response:
    headers = response.headers
    headers["Content-Type"] = "application/json"
    headers["Request-Id"] = request_id
    headers["Stripe-Version"] = request.version or API_VERSION
    if request.idempotency_key:
        headers["Idempotency-Key"] = request.idempotency_key
        if "Original-Request" not in headers:
            headers["Original-Request"] = request_id
    return response
