"""Events that are due: kept until the bus has acknowledged them, so that a crash cannot lose one.

A row is written before the fact that it announces is marked as done, and deleted after the bus has kept the message.
Publishing a row twice is harmless: its id is the message id, and every listener of ours takes duplicates.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from payments_lab.bus.headers import headers_of
from payments_lab.bus.protocol import Bus
from payments_lab.shop.events import Event
from payments_lab.stores.documents import Document
from payments_lab.telemetry.trace import current, kept


class Backlog(NamedTuple):
    """What has not been published yet: how many rows, and how many seconds ago the oldest was written."""

    rows: int
    oldest_seconds: float


def outbox_row(row_id: str, event: Event, at: datetime | None = None) -> Document:
    """One event that is due, with the id under which the bus recognises a repetition.

    A row that a request set off also keeps its trace, for whoever publishes it, and ``at``, when it was written.
    """
    row: Document = {"_id": row_id, "subject": event.subject, "data": event.model_dump_json(by_alias=True)}
    trace = current()
    return row if trace is None else {**row, "trace": trace.to_document(), "at": at}


async def publish_row(bus: Bus, row: dict[str, Any]) -> None:
    headers = headers_of(kept(row))
    await bus.publish(row["subject"], row["data"].encode(), message_id=row["_id"], headers=headers)


def backlog(rows: Iterable[Document], now: datetime) -> Backlog:
    """How far publishing lags behind; a row that does not know its age counts as new."""
    ages = [(now - at).total_seconds() if (at := row.get("at")) else 0.0 for row in rows]
    return Backlog(len(ages), max(ages, default=0.0))
