"""Parts that several objects share: addresses, billing details, shipping."""

from __future__ import annotations

from typing import Any

from payments_lab.local_stripe.parameters import nested, optional_text, text, unset_or

ADDRESS_FIELDS = ("city", "country", "line1", "line2", "postal_code", "state")
ADDRESS = nested(dict.fromkeys(ADDRESS_FIELDS, optional_text))
SHIPPING = nested(
    {"address": ADDRESS, "carrier": text, "name": text, "phone": text, "tracking_number": text},
    required=("address", "name"),
)
BILLING_DETAILS = nested(
    {
        "address": unset_or(ADDRESS),
        "email": optional_text,
        "name": optional_text,
        "phone": optional_text,
        "tax_id": optional_text,
    }
)


def address(given: dict[str, Any] | None = None) -> dict[str, Any]:
    """All six fields of an address, None where nothing was given."""
    return {name: (given or {}).get(name) for name in ADDRESS_FIELDS}


def billing_details(given: dict[str, Any] | None = None) -> dict[str, Any]:
    given = given or {}
    return {
        "address": address(given.get("address")),
        "email": given.get("email"),
        "name": given.get("name"),
        "phone": given.get("phone"),
        "tax_id": given.get("tax_id"),
    }


def shipping(given: dict[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    return {
        "address": address(given["address"]),
        "carrier": given.get("carrier"),
        "name": given["name"],
        "phone": given.get("phone"),
        "tracking_number": given.get("tracking_number"),
    }
