"""What the simulator remembers: one record for everything that happened, in order."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Happening(StrEnum):
    """The kinds of records."""

    PUBLISHED = "published"
    DUPLICATE = "duplicate"  # the stream recognised the message id and kept nothing new
    DELIVERED = "delivered"
    ACKED = "acked"
    ACK_LOST = "ack lost"
    NAKED = "naked"
    FAILED = "failed"  # the handler raised
    UNACKED = "unacked"  # the handler returned without an answer
    CRASHED = "crashed"
    HELD = "held"
    RELEASED = "released"
    DEAD = "dead"


class Record(NamedTuple):
    """One thing that happened to one message. ``party`` is the publisher's name or the queue group's."""

    happening: Happening
    at: datetime
    subject: str
    sequence: int
    party: str
    attempt: int = 0
    detail: str = ""
