"""A request as it comes over any wire: method, address, headers and form."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from payments_lab.local_stripe.errors import StripeRefusal
from payments_lab.local_stripe.parameters import parse_form
from payments_lab.local_stripe.requests import Request


def read_request(
    method: str, path: str, form: str, headers: Mapping[str, str], request_id: str | None = None
) -> Request:
    """The request; ``headers`` are asked for by their usual names. A form that makes no sense becomes ``malformed``."""
    malformed = None
    try:
        params = parse_form(form)
    except StripeRefusal as refusal:
        params, malformed = {}, refusal
    return Request(
        method,
        path,
        params,
        _api_key(headers.get("Authorization", "")),
        headers.get("Idempotency-Key"),
        headers.get("Stripe-Version"),
        request_id,
        malformed,
    )


def _api_key(authorization: str) -> str | None:
    """The key of a bearer token, or the user's name of basic authentication, as ``curl -u sk_test_x:`` sends it."""
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0] or None
    except (binascii.Error, UnicodeDecodeError):
        return None
