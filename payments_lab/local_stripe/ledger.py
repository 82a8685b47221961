"""Everything that the local Stripe remembers, as plain JSON values: it can be taken out, put back and compared."""

from __future__ import annotations

import json
from typing import Any

from payments_lab.local_stripe.errors import no_such
from payments_lab.ports import Clock

StripeObject = dict[str, Any]


class Ledger:
    """Tables of objects by id, in the order of their creation; counters for new ids; what idempotency keys hold."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._counters: dict[str, int] = {}
        self._tables: dict[str, dict[str, StripeObject]] = {}
        self.keys: dict[str, dict[str, Any]] = {}

    def now(self) -> int:
        """Unix seconds on the lab's clock."""
        return int(self.clock.now().timestamp())

    def new_id(self, prefix: str) -> str:
        self._counters[prefix] = self._counters.get(prefix, 0) + 1
        return f"{prefix}_{self._counters[prefix]}"

    def table(self, kind: str) -> dict[str, StripeObject]:
        return self._tables.setdefault(kind, {})

    def add(self, made: StripeObject) -> StripeObject:
        self.table(made["object"])[made["id"]] = made
        return made

    def get(self, kind: str, object_id: str, param: str = "id") -> StripeObject:
        found = self.table(kind).get(object_id)
        if found is None:
            raise no_such(kind, object_id, param)
        return found

    def snapshot(self) -> bytes:
        state = {"counters": self._counters, "tables": self._tables, "keys": self.keys}
        return json.dumps(state, sort_keys=True, separators=(",", ":")).encode()

    def restore(self, snapshot: bytes) -> None:
        state = json.loads(snapshot)
        self._counters = state["counters"]
        self.keys = state["keys"]
        self._tables = {kind: dict(sorted(table.items(), key=_age)) for kind, table in state["tables"].items()}


def _age(entry: tuple[str, StripeObject]) -> int:
    return int(entry[0].rpartition("_")[2])
