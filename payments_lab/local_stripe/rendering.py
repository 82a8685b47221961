"""Objects as JSON text, with the ids that were asked for expanded to objects.

Source: https://docs.stripe.com/api/expanding_objects
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from payments_lab.local_stripe.errors import StripeRefusal, invalid_request
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.objects import balance, event_list, refunds, sources
from payments_lab.local_stripe.parameters import texts
from payments_lab.local_stripe.tables import encode

DEEPEST = 4

# The kinds of object that a field may hold the id of; several where it depends on the object.
EXPANDABLE: dict[str, dict[str, tuple[str, ...]]] = {
    "balance_transaction": {"source": ("charge", "refund", "dispute")},
    "charge": {
        "application": (),
        "application_fee": (),
        "balance_transaction": ("balance_transaction",),
        "customer": ("customer",),
        "failure_balance_transaction": ("balance_transaction",),
        "on_behalf_of": (),
        "payment_intent": ("payment_intent",),
        "review": (),
        "source_transfer": (),
    },
    "card": {"customer": ("customer",)},
    "customer": {
        "default_source": ("card",),
        "invoice_settings.default_payment_method": ("payment_method",),
        "test_clock": (),
    },
    "dispute": {"charge": ("charge",), "payment_intent": ("payment_intent",)},
    "payment_intent": {
        "application": (),
        "customer": ("customer",),
        "latest_charge": ("charge",),
        "on_behalf_of": (),
        "payment_method": ("payment_method",),
        "review": (),
        "source": (),
    },
    "payment_method": {"customer": ("customer",)},
    "refund": {
        "balance_transaction": ("balance_transaction",),
        "charge": ("charge",),
        "customer": ("customer",),
        "failure_balance_transaction": ("balance_transaction",),
        "payment_intent": ("payment_intent",),
        "payment_method": ("payment_method",),
        "source_transfer_reversal": (),
        "transfer_reversal": (),
    },
}
STORED = frozenset({
    "charge", "customer", "dispute", "payment_intent", "payment_method", "refund", "token", "webhook_endpoint",
})  # fmt: skip


def render(ledger: Ledger, result: StripeObject, paths: list[list[str]] | None = None) -> str:
    """The answer's body; ``paths`` are those of :func:`read_expand`."""
    return encode(expanded(ledger, result, paths)) if paths else _plain(ledger, result)


def read_expand(expand: Any, kind: str, *, lists: bool) -> list[list[str]]:
    """The paths to expand in an answer of ``kind``; a refusal for any that leads nowhere, before anything is done."""
    paths = [path.split(".") for path in texts(expand, "expand")]
    for path in paths:
        if len(path) > DEEPEST:
            raise invalid_request(f"You cannot expand more than {DEEPEST} levels of a property.", param="expand")
        _check(kind, path, lists=lists)
    return paths


def _check(kind: str, path: list[str], *, lists: bool) -> None:
    whole = ".".join(path)
    if lists:
        if path[0] != "data":
            raise _not_expandable(path[0], whole)
        path = path[1:]
    while path:
        if (kind, path[0]) in _INCLUDED:
            kind = _INCLUDED_KINDS[path[0]]
            path = path[2:] if path[1:2] == ["data"] else path[1:]
            continue
        fields = EXPANDABLE.get(kind, {})
        steps = 2 if ".".join(path[:2]) in fields and len(path) > 1 else 1
        kinds = fields.get(".".join(path[:steps]))
        if kinds is None:
            raise _not_expandable(path[0], whole)
        path = path[steps:]
        if path:
            kind = next((each for each in kinds if _leads(each, path[0])), kinds[0] if kinds else "")


def _leads(kind: str, name: str) -> bool:
    return (kind, name) in _INCLUDED or any(field.split(".")[0] == name for field in EXPANDABLE.get(kind, {}))


def _not_expandable(name: str, path: str) -> StripeRefusal:
    return invalid_request(f"This property cannot be expanded ({name[:100]}).", param=f"expand[{path[:100]}]")


def expanded(ledger: Ledger, shown: StripeObject, paths: Iterable[list[str]]) -> StripeObject:
    """A copy in which each path leads to an object instead of an id."""
    copy = dict(_now(ledger, shown))
    groups: dict[str, list[list[str]]] = {}
    for path in paths:
        groups.setdefault(path[0], []).append(path[1:])
    for name, rest in groups.items():
        _expand(ledger, copy, name, rest)
    return copy


def _expand(ledger: Ledger, copy: StripeObject, name: str, rest: list[list[str]]) -> None:
    kind = copy.get("object", "")
    deeper = [path for path in rest if path]
    if kind in ("list", "search_result") and name == "data":
        copy["data"] = [expanded(ledger, item, deeper) for item in copy["data"]]
        return
    if (kind, name) in _INCLUDED:
        copy[name] = expanded(ledger, _INCLUDED[kind, name](ledger, {}, copy["id"]), deeper)
        return
    nested = {path[0] for path in deeper if f"{name}.{path[0]}" in EXPANDABLE.get(kind, {})}
    if nested:
        copy[name] = dict(copy[name])
        for part in nested:
            further = [path[1:] for path in deeper if path[0] == part and path[1:]]
            copy[name][part] = _look_up(ledger, EXPANDABLE[kind][f"{name}.{part}"], copy[name][part], further)
        return
    # A path may lead on in one kind of object and not in another, as a balance transaction's source does.
    kinds = EXPANDABLE.get(kind, {}).get(name)
    if kinds is not None and name in copy:
        copy[name] = _look_up(ledger, kinds, copy[name], deeper)


def _look_up(ledger: Ledger, kinds: tuple[str, ...], value: Any, deeper: list[list[str]]) -> Any:
    if isinstance(value, dict):
        return expanded(ledger, cast("StripeObject", value), deeper)
    if value is None:
        return None
    for kind in kinds:
        found = ledger.table(kind).find(value)
        if found is not None:
            return expanded(ledger, found, deeper)
    # A card that was charged and not kept has an id and no object.
    return value


# Lists that an object shows only when they are expanded, and the calls that give them.
_INCLUDED_KINDS = {"refunds": "refund", "sources": "card"}
_INCLUDED = {("charge", "refunds"): refunds.listing_of_charge, ("customer", "sources"): sources.listing}


def _plain(ledger: Ledger, result: StripeObject) -> str:
    kind = result["object"]
    if kind in ("list", "search_result"):
        return _list(ledger, result)
    if kind in STORED and ledger.table(kind).find(result.get("id", "")) is result:
        return ledger.text(result)
    return encode(_now(ledger, result))


def _list(ledger: Ledger, result: StripeObject) -> str:
    items = ",".join(_plain(ledger, item) for item in result["data"])
    rest = encode({name: value for name, value in result.items() if name not in ("object", "data")})
    return f'{{"object":"{result["object"]}","data":[{items}],{rest[1:]}'


def _now(ledger: Ledger, shown: StripeObject) -> StripeObject:
    """What an object says changes with time alone in two cases."""
    kind = shown.get("object")
    if kind == "balance_transaction":
        return balance.as_of(ledger, shown)
    if kind == "event":
        return event_list.as_of(ledger, shown)
    return shown
