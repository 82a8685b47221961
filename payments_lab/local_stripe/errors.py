"""Stripe's error object and statuses.

Sources: https://docs.stripe.com/api/errors, https://docs.stripe.com/error-codes
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

DOCS = "https://docs.stripe.com/error-codes/"


class StripeRefusal(Exception):
    """An answer that is no success: an HTTP status, and Stripe's error object under ``error``.

    ``began`` says that execution had begun: such answers are kept under an idempotency key, others are not.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        began: bool = False,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.began = began or status == 402 or status >= 500
        self.error: dict[str, Any] = {}
        if code:
            self.error |= {"code": code, "doc_url": DOCS + code.replace("_", "-")}
        self.error |= {"message": message}
        if param:
            self.error["param"] = param
        self.error |= {name: value for name, value in details.items() if value is not None}
        self.error["type"] = kind


def invalid_request(message: str, *, code: str | None = None, param: str | None = None) -> StripeRefusal:
    """400: a parameter is wrong, and nothing has happened."""
    return StripeRefusal(400, "invalid_request_error", message, code=code, param=param)


def conflict(message: str, *, code: str | None = None, param: str | None = None, **details: Any) -> StripeRefusal:
    """400: the parameters are right, but the object is in the wrong state."""
    return StripeRefusal(400, "invalid_request_error", message, code=code, param=param, began=True, **details)


def no_such(kind: str, object_id: str, param: str = "id") -> StripeRefusal:
    """404 when the object is the address itself (``param`` is ``id``), 400 when it is a parameter."""
    status, param = (404, NAMED_IN_ADDRESS.get(kind, "id")) if param == "id" else (400, param)
    return StripeRefusal(
        status,
        "invalid_request_error",
        f"No such {SPOKEN.get(kind, kind)}: '{object_id[:200]}'",
        code="resource_missing",
        param=param,
    )


# How messages speak of a kind of object, and the name that its id has in an address.
SPOKEN = {"payment_method": "PaymentMethod", "webhook_endpoint": "webhook endpoint", "card": "source"}
NAMED_IN_ADDRESS = {
    "payment_intent": "intent",
    "payment_method": "payment_method",
    "webhook_endpoint": "webhook_endpoint",
}


def unrecognized(method: str, path: str, resources: Collection[str]) -> StripeRefusal:
    """404: there is no such address. ``resources`` are those that there are, named where the path has another one."""
    known = path.startswith("/v1/") and path.split("/")[2] in resources
    here = (
        "" if known else f" The local Stripe has {', '.join(sorted(resources))} (/v1/…), and nothing else of Stripe's."
    )
    hint = (
        "If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an object, make "
        "sure you passed a valid (non-empty) identifier in your code. "
        if path.endswith("/")
        else ""
    )
    return StripeRefusal(
        404,
        "invalid_request_error",
        f"Unrecognized request URL ({method}: {path[:200]}). {hint}Please see https://docs.stripe.com/.{here}",
    )


def unauthorized(message: str, code: str | None = None) -> StripeRefusal:
    """401: no key, or one that is not taken."""
    return StripeRefusal(401, "invalid_request_error", message, code=code)


def forbidden(message: str) -> StripeRefusal:
    """403: the key is good, but not for this."""
    return StripeRefusal(403, "invalid_request_error", message)


def rate_limited() -> StripeRefusal:
    """429: too many requests; nothing has happened."""
    return StripeRefusal(
        429,
        "invalid_request_error",
        "Request rate limit exceeded. You can learn more about rate limits here: https://docs.stripe.com/rate-limits.",
        code="rate_limit",
    )


def in_use(key: str) -> StripeRefusal:
    """409: a request with this idempotency key is still in flight."""
    return StripeRefusal(
        409,
        "idempotency_error",
        f"There is currently another in-progress request using this Idempotency-Key: {key}. This can happen when a "
        "request is sent again before the first one is answered. Please try again later.",
        code="idempotency_key_in_use",
    )


def server_error() -> StripeRefusal:
    """500, as somebody asked for it."""
    return StripeRefusal(500, "api_error", "An unknown error occurred. It is on our side, and was asked for.")
