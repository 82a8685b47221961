"""Events that are due: kept until the bus has acknowledged them, so that a crash cannot lose one.

A row is written before the fact that it announces is marked as done, and deleted after the bus has kept the message.
Publishing a row twice is harmless: its id is the message id, and every listener of ours takes duplicates.
"""

from __future__ import annotations

from typing import Any

from payments_lab.bus.protocol import Bus
from payments_lab.shop.events import Event
from payments_lab.stores.documents import Document


def outbox_row(row_id: str, event: Event) -> Document:
    """One event that is due, with the id under which the bus recognises a repetition."""
    return {"_id": row_id, "subject": event.subject, "data": event.model_dump_json(by_alias=True)}


async def publish_row(bus: Bus, row: dict[str, Any]) -> None:
    await bus.publish(row["subject"], row["data"].encode(), message_id=row["_id"])
