"""Idempotency keys: the first answer is kept for 24 hours and given again.

A refusal before execution began (a bad parameter, a bad key) is not kept, so it may be mended under the same key.
Source: https://docs.stripe.com/api/idempotent_requests
"""

from __future__ import annotations

import hashlib
import json

from payments_lab.local_stripe.errors import StripeRefusal
from payments_lab.local_stripe.ledger import Ledger
from payments_lab.local_stripe.requests import Request, Response

KEPT_SECONDS = 24 * 60 * 60
LONGEST_KEY = 255


def replay(ledger: Ledger, request: Request) -> Response | None:
    """The kept answer, None for a key that is new; a refusal when the key came with other parameters."""
    key = request.idempotency_key
    if key is None or not request.writes:
        return None
    if len(key) > LONGEST_KEY:
        raise StripeRefusal(
            400, "invalid_request_error", f"Idempotency keys can be at most {LONGEST_KEY} characters long."
        )
    kept = ledger.keys.get(key)
    if kept is None:
        return None
    if ledger.now() - kept["at"] >= KEPT_SECONDS:
        del ledger.keys[key]
        return None
    if kept["fingerprint"] != _fingerprint(request):
        raise StripeRefusal(
            400,
            "idempotency_error",
            f"Keys for idempotent requests can only be used with the same parameters they were first used with. Try "
            f"using a key other than '{key}' if you meant to execute a different request.",
        )
    return Response(kept["status"], kept["body"], {"Idempotent-Replayed": "true", "Stripe-Should-Retry": "false"})


def keep(ledger: Ledger, request: Request, response: Response) -> None:
    if request.idempotency_key is None or not request.writes:
        return
    ledger.keys[request.idempotency_key] = {
        "at": ledger.now(),
        "fingerprint": _fingerprint(request),
        "status": response.status,
        "body": response.body,
    }


def _fingerprint(request: Request) -> str:
    said = json.dumps([request.method, request.path, request.params], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]
