"""Pages of objects, newest first. Source: https://docs.stripe.com/api/pagination"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from payments_lab.local_stripe.errors import invalid_request
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.parameters import Schema, integer, moments, read, text, texts

PAGE: Schema = {
    "limit": integer,
    "starting_after": text,
    "ending_before": text,
    "created": moments,
    "expand": texts,
}
DEFAULT_LIMIT = 10
LARGEST_LIMIT = 100


def page(ledger: Ledger, kind: str, url: str, params: dict[str, Any], filters: Schema | None = None) -> StripeObject:
    """One page of ``kind``; each of ``filters`` is a field that must equal what was asked for."""
    asked = read({**PAGE, **(filters or {})}, params)
    limit = asked.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= LARGEST_LIMIT:
        raise invalid_request(
            f"Invalid limit: must be between 1 and {LARGEST_LIMIT}", code="parameter_invalid_integer", param="limit"
        )
    wanted = _filter(asked, filters or {})
    found: list[StripeObject] = []
    for candidate in _walk(ledger, kind, asked):
        if not wanted(candidate):
            continue
        if len(found) == limit:
            return _page(found, url, True, asked)
        found.append(candidate)
    return _page(found, url, False, asked)


def _page(found: list[StripeObject], url: str, has_more: bool, asked: dict[str, Any]) -> StripeObject:
    if "ending_before" in asked:
        found.reverse()
    return {"object": "list", "data": found, "has_more": has_more, "url": url}


def _walk(ledger: Ledger, kind: str, asked: dict[str, Any]) -> Iterator[StripeObject]:
    """From the cursor away: older ones, or newer ones for ``ending_before``."""
    table = ledger.table(kind)
    for cursor in ("starting_after", "ending_before"):
        if cursor in asked:
            ledger.get(kind, asked[cursor], cursor)
    if "ending_before" in asked:
        return _after(iter(table.values()), asked["ending_before"])
    newest_first = iter(reversed(table.values()))
    return _after(newest_first, asked["starting_after"]) if "starting_after" in asked else newest_first


def _after(objects: Iterator[StripeObject], cursor: str) -> Iterator[StripeObject]:
    for candidate in objects:
        if candidate["id"] == cursor:
            return objects
    return objects


def _filter(asked: dict[str, Any], filters: Schema) -> Callable[[StripeObject], bool]:
    fields = {name: asked[name] for name in filters if name in asked}
    bounds = asked.get("created", {})

    def wanted(candidate: StripeObject) -> bool:
        created = candidate["created"]
        return (
            all(candidate.get(name) == value for name, value in fields.items())
            and created >= bounds.get("gte", created)
            and created <= bounds.get("lte", created)
            and created > bounds.get("gt", created - 1)
            and created < bounds.get("lt", created + 1)
        )

    return wanted
