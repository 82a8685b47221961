"""Search by field and metadata, in Stripe's query language.

``metadata["order"]:"7" AND status:"succeeded"``, ``amount>1000``, ``-currency:"usd"``, ``email~"ada"``; AND and OR are
not mixed. What is found is found at once here; Stripe itself takes up to a minute.
Source: https://docs.stripe.com/search
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from payments_lab.local_stripe.errors import invalid_request
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.listing import read_limit
from payments_lab.local_stripe.parameters import form, integer, text

SEARCH = form({"query": text, "limit": integer, "page": text}, required=("query",))
NUMBERS = frozenset({"amount", "created"})
FIELDS = {
    "charge": frozenset(
        {
            "amount",
            "billing_details.address.postal_code",
            "created",
            "currency",
            "customer",
            "disputed",
            "metadata",
            "payment_method_details.card.brand",
            "payment_method_details.card.exp_month",
            "payment_method_details.card.exp_year",
            "payment_method_details.card.fingerprint",
            "payment_method_details.card.last4",
            "refunded",
            "status",
        }
    ),
    "payment_intent": frozenset({"amount", "created", "currency", "customer", "metadata", "status"}),
}
_TERM = re.compile(
    r"""\s*(?P<minus>-)?(?P<field>[a-z_][a-z_0-9.]*)(\[("(?P<key>[^"]*)"|'(?P<key2>[^']*)')\])?\s*(?P<sign>>=|<=|[:~<>])\s*"""
    r"""("(?P<double>(\\.|[^"\\])*)"|'(?P<single>(\\.|[^'\\])*)'|(?P<bare>[A-Za-z0-9_.+-]+))"""
)
_JOINT = re.compile(r"\s+(AND|OR|and|or)\s+|\s+")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition of a query."""

    field: str
    key: str | None
    sign: str
    value: str
    negated: bool

    def holds(self, candidate: StripeObject) -> bool:
        return self._compare(self._actual(candidate)) is not self.negated

    @property
    def indexed(self) -> tuple[str, str] | None:
        """Index and value, where equality alone is asked for; a tilde stands for any letter case."""
        if self.sign != ":" or self.negated or "." in self.field or self.field in NUMBERS or self.value == "null":
            return None
        if self.field in ("disputed", "refunded"):
            return None
        return (f"~metadata.{self.key}" if self.key is not None else f"~{self.field}"), self.value.lower()

    def _actual(self, candidate: StripeObject) -> Any:
        value: Any = candidate
        for step in self.field.split("."):
            value = value.get(step) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return value.get(self.key) if self.key is not None else value  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]

    def _compare(self, actual: Any) -> bool:
        if self.sign == ":" and self.value == "null":
            return actual is None
        if actual is None:
            return False
        if self.field in NUMBERS:
            return _SIGNS[self.sign](actual, int(self.value))
        said = str(actual).lower()
        return self.value.lower() in said if self.sign == "~" else said == self.value.lower()


_SIGNS: dict[str, Callable[[int, int], bool]] = {
    ":": lambda left, right: left == right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
}


def search(ledger: Ledger, kind: str, url: str, asked: dict[str, Any]) -> StripeObject:
    """A page of what the query finds, newest first; ``next_page`` asks for the one after it."""
    terms, every = parse(kind, asked["query"])
    table = ledger.table(kind)
    positions: Sequence[int] = table.positions()
    known = [term.indexed for term in terms if term.indexed is not None]
    if every and known:
        positions = min((table.where(*pair) for pair in known), key=len)
    limit = read_limit(asked)
    start = _start(asked.get("page"))
    found: list[StripeObject] = []
    last = None
    for position in _before(positions, start):
        if not table.exists(position):
            continue
        candidate = table.at(position)
        if not (all if every else any)(term.holds(candidate) for term in terms):
            continue
        if len(found) == limit:
            return _page(found, url, f"before_{last}")
        found.append(candidate)
        last = position
    return _page(found, url, None)


def parse(kind: str, query: str) -> tuple[list[Term], bool]:
    """The terms of a query, and whether all of them must hold (else any)."""
    terms: list[Term] = []
    joints: set[str] = set()
    place = 0
    while True:
        match = _TERM.match(query, place)
        if match is None:
            raise _wrong(query)
        terms.append(_term(kind, match))
        place = match.end()
        if not query[place:].strip():
            break
        joint = _JOINT.match(query, place)
        if joint is None:
            raise _wrong(query)
        joints.add((joint.group(1) or "AND").upper())
        place = joint.end()
    if len(joints) > 1 or len(terms) > 10:
        raise _wrong(query)
    return terms, joints != {"OR"}


def _term(kind: str, match: re.Match[str]) -> Term:
    field, sign = match["field"], match["sign"]
    key = match["key"] if match["key"] is not None else match["key2"]
    if field not in FIELDS[kind]:
        raise invalid_request(f"Field `{field[:50]}` is an unsupported search field for {kind}s.", param="query")
    if (key is None) is (field == "metadata"):
        raise _wrong(match.group(0))
    quoted = match["double"] if match["double"] is not None else match["single"]
    value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else match["bare"]
    if field in NUMBERS and not (value.isascii() and value.isdigit() and len(value) < 16):
        raise invalid_request(f"Invalid value for field `{field}`: {value[:50]} is no number.", param="query")
    if sign == "~" if field in NUMBERS else sign not in (":", "~"):
        raise invalid_request(f"Field `{field}` can't be compared with `{sign}`.", param="query")
    return Term(field, key, sign, value, match["minus"] is not None)


def _wrong(query: str) -> Exception:
    return invalid_request(
        f"We were unable to parse your search query: {query[:200]}. Try using the format "
        '`metadata["key"]:"value"` to query for metadata or key:"value" to query for other fields.',
        param="query",
    )


def _start(page: str | None) -> int | None:
    if page is None:
        return None
    number = page.removeprefix("before_")
    if number == page or not (number.isascii() and number.isdigit() and len(number) < 16):
        raise invalid_request(f"Invalid page: {page[:50]}", param="page")
    return int(number)


def _before(positions: Sequence[int], start: int | None) -> Iterator[int]:
    return (position for position in reversed(positions) if start is None or position < start)


def _page(found: list[StripeObject], url: str, next_page: str | None) -> StripeObject:
    return {
        "object": "search_result",
        "data": found,
        "has_more": next_page is not None,
        "next_page": next_page,
        "url": url,
    }
