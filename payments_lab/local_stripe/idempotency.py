"""Idempotency keys: the first answer is kept for 24 hours and given again.

A refusal before execution began (a bad parameter, a bad key, no such object) is not kept, so that it may be mended
under the same key. Sources: https://docs.stripe.com/api/idempotent_requests, https://docs.stripe.com/error-low-level
"""

from __future__ import annotations

import json
from hashlib import blake2b

from payments_lab.local_stripe.errors import StripeRefusal, invalid_request
from payments_lab.local_stripe.ledger import Kept, Ledger
from payments_lab.local_stripe.requests import Headers, Request, Response

KEPT_SECONDS = 24 * 60 * 60
LONGEST_KEY = 255


def key_of(request: Request) -> str | None:
    """The key that counts: only a POST has one."""
    return request.idempotency_key if request.method == "POST" else None


def fingerprint(request: Request) -> str:
    """What must be the same when a key comes again."""
    said = json.dumps([request.path, request.params], sort_keys=True)
    return blake2b(said.encode(), digest_size=8).hexdigest()


def replay(ledger: Ledger, key: str, mark: str) -> Response | None:
    """The kept answer, None for a key that is new; a refusal when the key came with other parameters."""
    if len(key) > LONGEST_KEY:
        raise invalid_request(f"Idempotency keys can be at most {LONGEST_KEY} characters long.")
    kept = ledger.keys.get(key)
    if kept is None:
        return None
    if ledger.now() - kept.at >= KEPT_SECONDS:
        del ledger.keys[key]
        return None
    if kept.fingerprint != mark:
        raise StripeRefusal(
            400,
            "idempotency_error",
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try "
            f"using a key other than '{key}' if you meant to execute a different request.",
        )
    headers = Headers({
        "Idempotent-Replayed": "true",
        "Original-Request": kept.request_id,
        "Stripe-Should-Retry": "false",
    })  # fmt: skip
    return Response(kept.status, kept.body, headers)


def keep(ledger: Ledger, key: str, mark: str, response: Response, request_id: str) -> None:
    """Remember the answer under its key, and forget those whose time is over."""
    now = ledger.now()
    while ledger.keys and now - next(iter(ledger.keys.values())).at >= KEPT_SECONDS:
        del ledger.keys[next(iter(ledger.keys))]
    ledger.keys.pop(key, None)
    ledger.keys[key] = Kept(now, mark, response.status, response.body, request_id)
