"""The account as Stripe's dashboard would show it: charges, refunds, intents, the balance, events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from payments_lab.diagrams import Table
from payments_lab.views.controls import page, scrolling, toolkit
from payments_lab.views.view import View

if TYPE_CHECKING:
    from payments_lab.local_stripe import LocalStripe

Row = Mapping[str, Any]

MOST = 50


class StripeDashboard(View):
    """What the local Stripe remembers, and follows while it changes. Amounts are in minor units.

    Without a kernel it is the balance and the charges.
    """

    def __init__(self, stripe: LocalStripe) -> None:
        super().__init__(stripe)
        self.stripe = stripe

    def tables(self) -> dict[str, Table]:
        """One table a tab."""
        stripe = self.stripe
        return {
            "Charges": _table(stripe.charges(), _CHARGE),
            "Refunds": _table(stripe.refunds(), _REFUND),
            "Payment intents": _table(stripe.payment_intents(), _INTENT),
            "Balance": Table(("currency", "net"), sorted(stripe.balance().items())),
            "Events": _table(stripe.events(), _EVENT),
        }

    def picture(self) -> dict[str, str]:
        tables = [table for title, table in self._titled().items() if title in ("Charges", "Balance") or table.rows]
        return {
            "text/plain": "\n\n".join(table.text() for table in tables),
            "text/html": "".join(table.html() for table in tables),
        }

    def build(self) -> Any:
        self.pages = {name: page() for name in self.tables()}
        tabs = toolkit().Tab(children=list(self.pages.values()), titles=list(self.pages))
        self.refresh()
        return tabs

    def _titled(self) -> dict[str, Table]:
        return {name: replace(each, title=name) for name, each in self.tables().items()}

    def refresh(self) -> None:
        for name, table in self.tables().items():
            self.pages[name].value = scrolling(table.html())


Column = Callable[[Row], object]


def _field(name: str) -> Column:
    return lambda row: row[name]


def _made(row: Row) -> object:
    return datetime.fromtimestamp(row["created"], UTC)


def _why(row: Row) -> object:
    outcome: Row = row.get("outcome") or {}
    return row.get("failure_message") and (outcome.get("reason") or row.get("failure_code"))


def _order(row: Row) -> object:
    return row["metadata"].get("orderId")


def _about(row: Row) -> object:
    return row["data"]["object"]["id"]


_CHARGE: dict[str, Column] = {
    "charge": _field("id"),
    "amount": _field("amount"),
    "currency": _field("currency"),
    "status": _field("status"),
    "declined because": _why,
    "refunded": _field("amount_refunded"),
    "order": _order,
    "at": _made,
}
_REFUND: dict[str, Column] = {
    "refund": _field("id"),
    "charge": _field("charge"),
    "amount": _field("amount"),
    "currency": _field("currency"),
    "status": _field("status"),
    "at": _made,
}
_INTENT: dict[str, Column] = {
    "intent": _field("id"),
    "amount": _field("amount"),
    "currency": _field("currency"),
    "status": _field("status"),
    "order": _order,
    "at": _made,
}
_EVENT: dict[str, Column] = {"event": _field("id"), "type": _field("type"), "about": _about, "at": _made}


def _table(records: Sequence[object], columns: Mapping[str, Column]) -> Table:
    """The youngest first, and not more than anybody reads."""
    rows = [tuple(column(cast("Row", record)) for column in columns.values()) for record in records[: -MOST - 1 : -1]]
    return Table(
        tuple(columns), rows, caption=f"the youngest {MOST} of {len(records):,}" if len(records) > MOST else ""
    )
