"""Stripe's error object and statuses. Source: https://docs.stripe.com/api/errors"""

from __future__ import annotations

from typing import Any

DOCS = "https://docs.stripe.com/error-codes/"


class StripeRefusal(Exception):
    """An answer that is no success: an HTTP status, and Stripe's error object under ``error``."""

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"type": kind, "message": message}
        if code:
            self.error |= {"code": code, "doc_url": DOCS + code.replace("_", "-")}
        if param:
            self.error["param"] = param
        self.error |= {name: value for name, value in details.items() if value is not None}

    @property
    def began(self) -> bool:
        """Whether execution had begun: only such answers are kept under an idempotency key."""
        return self.status == 402 or self.status >= 500


def invalid_request(message: str, *, code: str | None = None, param: str | None = None) -> StripeRefusal:
    return StripeRefusal(400, "invalid_request_error", message, code=code, param=param)


def no_such(kind: str, object_id: str, param: str = "id") -> StripeRefusal:
    """404 when the object is the address itself (``param`` is ``id``), 400 when it is a parameter."""
    status = 404 if param == "id" else 400
    return StripeRefusal(
        status, "invalid_request_error", f"No such {kind}: '{object_id}'", code="resource_missing", param=param
    )


def unrecognized(method: str, path: str) -> StripeRefusal:
    return StripeRefusal(
        404,
        "invalid_request_error",
        f"Unrecognized request URL ({method}: {path}). Please see https://docs.stripe.com/.",
    )


def unauthorized(message: str) -> StripeRefusal:
    return StripeRefusal(401, "invalid_request_error", message)
