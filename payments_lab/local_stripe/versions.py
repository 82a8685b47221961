"""API versions. This Stripe speaks one, and knows which parameters older ones still had.

Source: https://docs.stripe.com/api/versioning, https://docs.stripe.com/changelog
"""

from __future__ import annotations

import re

from payments_lab.local_stripe.errors import invalid_request

API_VERSION = "2026-10-28.endive"
_FORM = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9](\.[a-z_]+)?( *; *[a-z0-9_=]+)*", re.ASCII)


def check_version(version: str | None) -> str:
    """The version asked for, this one where none is; a refusal for what is no version."""
    if version is None:
        return API_VERSION
    if not _FORM.fullmatch(version):
        raise invalid_request(f"Invalid Stripe API version: {version[:50]}")
    return version


def before(version: str, date: str) -> bool:
    """Whether ``version`` is older than that of ``date`` (YYYY-MM-DD)."""
    return version[:10] < date
