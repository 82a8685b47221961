"""Everything that the local Stripe remembers, as plain JSON values: it can be taken out, put back and compared.

Objects keep their fields in one fixed order and metadata sorted by name, so equal states are equal bytes.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from payments_lab.local_stripe.errors import no_such
from payments_lab.local_stripe.tables import StripeObject, Table, encode
from payments_lab.ports import Clock, Ids

__all__ = ["Kept", "Ledger", "Origin", "StripeObject"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that is being carried out, as events tell of it."""

    request_id: str | None = None
    idempotency_key: str | None = None
    version: str = ""
    publishable: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """The first answer under an idempotency key."""

    at: int
    fingerprint: str
    status: int
    body: str
    request_id: str


Timer = tuple[int, int, str, str]


@dataclass(slots=True)
class State:
    """What a snapshot holds beside the objects. ``backstage`` is what Stripe knows of an object and never shows."""

    counters: dict[str, int] = field(default_factory=dict[str, int])
    backstage: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    timers: list[Timer] = field(default_factory=list[Timer])
    deliveries: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    faults: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


class Ledger:
    """Tables of objects by kind; counters for new ids; timers; idempotency keys; webhooks under way.

    ``origin`` is the request under way, ``on_event`` hears the id and type of each new event, and ``derived`` holds
    what can be worked out again from the objects.
    """

    def __init__(self, clock: Clock, ids: Ids | None = None) -> None:
        self.clock = clock
        self.origin = Origin()
        self.state = State()
        self.keys: dict[str, Kept] = {}
        self.on_event: Callable[[str, str], None] | None = None
        self.derived: dict[str, Any] = {}
        self.challenge_page = "https://hooks.stripe.com/3d-secure"
        self._ids = ids
        self._tables: dict[str, Table] = {}

    def now(self) -> int:
        """Unix seconds on the lab's clock."""
        return int(self.clock.now().timestamp())

    def new_id(self, prefix: str) -> str:
        if self._ids is not None:
            return self._ids.new(prefix)
        return f"{prefix}_{self.count(prefix)}"

    def count(self, name: str) -> int:
        """The next whole number under ``name``, from 1."""
        number = self.state.counters.get(name, 0) + 1
        self.state.counters[name] = number
        return number

    def next_request_id(self) -> str:
        """The id of the request under way: the next write's number, so that reading changes nothing."""
        return f"req_{self.state.counters.get('req', 0) + 1}"

    def table(self, kind: str) -> Table:
        table = self._tables.get(kind)
        if table is None:
            table = self._tables[kind] = Table()
        return table

    def add(self, made: StripeObject) -> StripeObject:
        self.table(made["object"]).add(made)
        return made

    def get(self, kind: str, object_id: str, param: str = "id") -> StripeObject:
        """The object itself; whoever changes it calls :meth:`save`. A refusal when there is none."""
        found = self.table(kind).find(object_id)
        if found is None:
            raise no_such(kind, object_id, param)
        return found

    def save(self, changed: StripeObject) -> StripeObject:
        self.table(changed["object"]).changed(changed)
        return changed

    def text(self, shown: StripeObject) -> str:
        """The object as JSON text."""
        return self.table(shown["object"]).text(shown["id"])

    def backstage(self, object_id: str) -> dict[str, Any]:
        """What is known of an object and not shown; change it with :meth:`note`."""
        return self.state.backstage.get(object_id, {})

    def note(self, object_id: str, **facts: Any) -> None:
        self.state.backstage[object_id] = {**self.backstage(object_id), **facts}

    def schedule(self, seconds: int, action: str, object_id: str) -> None:
        """Have ``action`` done to the object when so many seconds have passed."""
        heapq.heappush(self.state.timers, (self.now() + seconds, self.count("timer"), action, object_id))

    def due(self) -> bool:
        """Whether a timer has run out."""
        timers = self.state.timers
        return bool(timers) and timers[0][0] <= self.now()

    def pop_due(self) -> Iterator[tuple[str, str]]:
        """Action and object of every timer that has run out, oldest first."""
        while self.due():
            _, _, action, object_id = heapq.heappop(self.state.timers)
            yield action, object_id

    def snapshot(self) -> bytes:
        """One line of JSON for what is not an object, then one for each key and each object."""
        state = self.state
        beside = {
            "backstage": state.backstage,
            "counters": state.counters,
            "deliveries": list(state.deliveries.values()),
            "faults": state.faults,
            "timers": sorted(state.timers),
        }
        lines = [json.dumps(beside, sort_keys=True, separators=(",", ":"))]
        lines += (_key_line(key, kept) for key, kept in self.keys.items())
        for kind in sorted(self._tables):
            lines += (f"O{kind}\t{text}" for text in self._tables[kind].texts())
        return "\n".join(lines).encode()

    def restore(self, snapshot: bytes) -> None:
        first, *lines = snapshot.decode().split("\n")
        beside = json.loads(first)
        timers = [cast("Timer", tuple(timer)) for timer in beside["timers"]]
        deliveries = {delivery["id"]: delivery for delivery in beside["deliveries"]}
        self.state = State(beside["counters"], beside["backstage"], timers, deliveries, beside["faults"])
        self.keys = dict(_read_key(line) for line in lines if line.startswith("K"))
        self._tables = _read_tables(line for line in lines if line.startswith("O"))
        self.derived = {}


def _key_line(key: str, kept: Kept) -> str:
    return f"K{encode([key, kept.at, kept.fingerprint, kept.status, kept.request_id])}\t{kept.body}"


def _read_key(line: str) -> tuple[str, Kept]:
    head, _, body = line[1:].partition("\t")
    key, at, fingerprint, status, request_id = json.loads(head)
    return key, Kept(at, fingerprint, status, body, request_id)


def _read_tables(lines: Iterable[str]) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for line in lines:
        kind, _, text = line[1:].partition("\t")
        tables.setdefault(kind, Table()).put_back(text)
    return tables
