"""Signing webhooks as Stripe signs them. Source: https://docs.stripe.com/webhooks#verify-manually"""

from __future__ import annotations

import hashlib
import hmac


def signature_header(payload: bytes, secret: str, timestamp: int) -> str:
    """The ``Stripe-Signature`` header of a payload that is sent at ``timestamp`` (Unix seconds)."""
    signed = b"%d." % timestamp + payload
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
