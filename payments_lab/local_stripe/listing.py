"""Pages of objects, newest first, found in time that does not grow with their number.

Source: https://docs.stripe.com/api/pagination
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from payments_lab.local_stripe.errors import invalid_request
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.parameters import Form, Reader, form, integer, moments, text
from payments_lab.local_stripe.tables import Table

DEFAULT_LIMIT = 10
LARGEST_LIMIT = 100
PAGE: dict[str, Reader] = {"limit": integer, "starting_after": text, "ending_before": text, "created": moments}


def listing_form(filters: Mapping[str, Reader], *, elsewhere: str = "", dated: bool = True) -> Form:
    """What a list takes: the page, and fields that must equal what was asked for."""
    own = PAGE if dated else {name: reader for name, reader in PAGE.items() if name != "created"}
    return form({**own, **filters}, elsewhere=elsewhere)


def page(
    ledger: Ledger,
    kind: str,
    url: str,
    asked: dict[str, Any],
    *,
    keep: Callable[[StripeObject], bool] | None = None,
) -> StripeObject:
    """One page of ``kind``; whatever of ``asked`` is not about the page is a field that must have that value."""
    table = ledger.table(kind)
    limit = read_limit(asked)
    for cursor in ("starting_after", "ending_before"):
        if cursor in asked:
            ledger.get(kind, asked[cursor], cursor)
    wanted = {name: value for name, value in asked.items() if name not in PAGE}
    candidates = _walk(table, _candidates(table, wanted), asked)
    found: list[StripeObject] = []
    for candidate in candidates:
        if keep is not None and not keep(candidate):
            continue
        if any(candidate.get(name) != value for name, value in wanted.items()):
            continue
        if len(found) == limit:
            return _page(found, url, True, asked)
        found.append(candidate)
    return _page(found, url, False, asked)


def whole(found: Iterable[StripeObject], url: str) -> StripeObject:
    """A list that is short enough to be shown whole."""
    return {"object": "list", "data": list(found), "has_more": False, "url": url}


def read_limit(asked: Mapping[str, Any]) -> int:
    limit = asked.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= LARGEST_LIMIT:
        raise invalid_request(
            f"Invalid integer: limit must be between 1 and {LARGEST_LIMIT}",
            code="parameter_invalid_integer",
            param="limit",
        )
    return limit


def _page(found: list[StripeObject], url: str, has_more: bool, asked: dict[str, Any]) -> StripeObject:
    if "ending_before" in asked:
        found.reverse()
    return {"object": "list", "data": found, "has_more": has_more, "url": url}


def _candidates(table: Table, wanted: Mapping[str, Any]) -> Sequence[int]:
    """The fewest positions that hold everything with the wanted fields."""
    found = [table.where(name, value) for name, value in wanted.items()]
    return min(found, key=len) if found else table.positions()


def _walk(table: Table, positions: Sequence[int], asked: Mapping[str, Any]) -> Iterator[StripeObject]:
    """Objects from the cursor away: older ones, or newer ones for ``ending_before``; only those in time."""
    low, high = _in_time(table, positions, asked.get("created", {}))
    if "starting_after" in asked:
        high = min(high, bisect_left(positions, table.position(asked["starting_after"]) or 0))
    if "ending_before" in asked:
        low = max(low, bisect_right(positions, table.position(asked["ending_before"]) or 0))
        order: Iterable[int] = range(low, high)
    else:
        order = range(high - 1, low - 1, -1)
    return (table.at(positions[place]) for place in order if table.exists(positions[place]))


def _in_time(table: Table, positions: Sequence[int], bounds: Mapping[str, int]) -> tuple[int, int]:
    """The slice of ``positions`` whose objects were created within the bounds."""
    created = table.created
    low, high = 0, len(positions)
    if "gte" in bounds:
        low = max(low, bisect_left(positions, bounds["gte"], key=created))
    if "gt" in bounds:
        low = max(low, bisect_right(positions, bounds["gt"], key=created))
    if "lte" in bounds:
        high = min(high, bisect_right(positions, bounds["lte"], key=created))
    if "lt" in bounds:
        high = min(high, bisect_left(positions, bounds["lt"], key=created))
    return low, high
