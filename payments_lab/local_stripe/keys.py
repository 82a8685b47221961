"""API keys: who may ask for what. Every test key is good, a live one never is.

Source: https://docs.stripe.com/keys
"""

from __future__ import annotations

from collections.abc import Collection

from payments_lab.local_stripe.errors import forbidden, unauthorized
from payments_lab.local_stripe.router import Route

LIVE_KEYS = ("sk_live_", "rk_live_", "pk_live_")
SECRET_KEYS = "sk_test_"
RESTRICTED_KEYS = "rk_test_"
PUBLISHABLE_KEYS = "pk_test_"


class KeyRing:
    """What restricted keys may do. One that was never restricted may do everything."""

    def __init__(self) -> None:
        self._allowed: dict[str, frozenset[str]] = {}

    def restrict(self, key: str, *, to: Collection[str]) -> None:
        """Let ``key`` (``rk_test_…``) do only what is named: ``"charges:read"``, ``"refunds:write"``."""
        if not key.startswith(RESTRICTED_KEYS):
            raise ValueError(f"only a restricted key can be restricted; it starts with {RESTRICTED_KEYS}")
        self._allowed[key] = frozenset(to)

    def clear(self) -> None:
        """Restrict no key any more."""
        self._allowed.clear()

    def check(self, key: str | None, route: Route | None, *, writes: bool) -> None:
        """A refusal unless the key is good, and good for this route."""
        _check_test_key(key)
        if route is None or key is None:
            return
        if key.startswith(PUBLISHABLE_KEYS) and not route.publishable:
            raise unauthorized(
                "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a "
                "list of your API keys at https://dashboard.stripe.com/account/apikeys.",
                code="secret_key_required",
            )
        allowed = self._allowed.get(key)
        needed = f"{route.resource}:{'write' if writes else 'read'}"
        if allowed is not None and needed not in allowed and (writes or f"{route.resource}:write" not in allowed):
            raise forbidden(
                f"The provided key '{_masked(key)}' does not have the required permissions for this endpoint on "
                f"account 'acct_local'. Having the '{needed}' permission would allow this request to continue."
            )


def _check_test_key(key: str | None) -> None:
    if not key:
        raise unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
            "https://docs.stripe.com/api#authentication for details."
        )
    if key.startswith(LIVE_KEYS):
        raise unauthorized("This is a local Stripe for tests: it never takes a live key. Use a test key (sk_test_...).")
    if not key.startswith((SECRET_KEYS, RESTRICTED_KEYS, PUBLISHABLE_KEYS)):
        raise unauthorized(f"Invalid API Key provided: {key[:4]}{'*' * 8}")


def _masked(key: str) -> str:
    return f"{key[:8]}{'*' * 12}{key[-4:]}"
