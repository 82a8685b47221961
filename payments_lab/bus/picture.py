"""The simulator as people see it: what is pending, in flight, waiting, held, blocked or dead, as one table."""

from __future__ import annotations

from typing import Any

from payments_lab.diagrams import Table

COLUMNS = ("where", "event", "to", "attempt", "more")


def picture(overview: dict[str, list[dict[str, Any]]]) -> Table:
    """A row for everything in :meth:`payments_lab.bus.simulator.SimulatedBus.overview`."""
    rows = [_row(place, facts) for place, items in overview.items() for facts in items]
    return Table(COLUMNS, tuple(rows), title="the bus" if rows else "the bus: nothing is under way")


def summary(overview: dict[str, list[dict[str, Any]]]) -> str:
    """``2 pending, 1 dead``, or ``nothing under way``."""
    return ", ".join(f"{len(items)} {place}" for place, items in overview.items() if items) or "nothing under way"


def _row(place: str, facts: dict[str, Any]) -> tuple[str, str, str, int, str]:
    event = f"{facts['subject']} #{facts['sequence']}"
    if place == "dead":
        return place, event, facts["durable"], facts["attempts"], facts["reason"]
    due = facts["due"]
    return place, event, facts["queue"], facts["attempt"], f"again at {due:%H:%M:%S}" if due else ""
