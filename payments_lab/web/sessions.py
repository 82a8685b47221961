"""Who asks: a signed token in an HTTP-only cookie.

The token is a JWT with the user's id, signed with HMAC-SHA256; no other algorithm is accepted, whatever the token says.
Sources: https://datatracker.ietf.org/doc/html/rfc7519, https://datatracker.ietf.org/doc/html/rfc8725
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

import jwt

from payments_lab.ports import Clock

COOKIE = "session"
ALGORITHM = "HS256"
LIFETIME = timedelta(hours=12)
LONGEST_TOKEN = 4096


class Sessions:
    """Issues and reads session tokens. Without a key it makes one, so that tokens die with the process."""

    def __init__(self, clock: Clock, key: str | None = None) -> None:
        self._clock = clock
        self._key = key or secrets.token_urlsafe(48)

    def issue(self, user_id: str) -> str:
        """A token for ``user_id`` that is good for twelve hours."""
        now = self._clock.now()
        claims = {"sub": user_id, "iat": _seconds(now), "exp": _seconds(now + LIFETIME)}
        return jwt.encode(claims, self._key, ALGORITHM)  # pyright: ignore[reportUnknownMemberType]

    def user(self, token: str | None) -> str | None:
        """The user whom a token names; None for a token that is missing, forged, altered or expired."""
        if not token or len(token) > LONGEST_TOKEN:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(  # pyright: ignore[reportUnknownMemberType]
                token,
                self._key,
                algorithms=[ALGORITHM],
                options={"require": ["sub", "exp"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            return None
        if not isinstance(claims["exp"], int) or claims["exp"] <= _seconds(self._clock.now()):
            return None
        return claims["sub"] or None


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
