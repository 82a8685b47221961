"""What the simulator remembers: the messages that its stream keeps, and a record of everything that happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def unnamed(sequence: int) -> str:
    """What a message is called that was published without a message id."""
    return f"msg_{sequence}"


class Happening(StrEnum):
    """The kinds of records."""

    PUBLISHED = "published"
    DUPLICATE = "duplicate"  # the stream recognised the message id and kept nothing new
    DELIVERED = "delivered"
    ACKED = "acked"
    ACK_LOST = "ack lost"
    NAKED = "naked"  # the handler asked for it again
    IN_PROGRESS = "in progress"
    FAILED = "failed"  # the handler raised
    TIMED_OUT = "timed out"  # the ack wait went by without an answer
    CRASHED = "crashed"
    DELAYED = "delayed"
    HELD = "held"
    RELEASED = "released"
    DEAD = "dead"


class Record(NamedTuple):
    """One thing that happened to one message.

    ``party`` is who did it: the publisher, or the queue group of the durable consumer ``durable``. ``detail`` is a
    handler's exception, the reason of a dead letter, the moment of a crash, the delay of a nak.
    """

    happening: Happening
    at: datetime
    subject: str
    sequence: int
    party: str
    attempt: int = 0
    detail: str = ""
    sender: str = ""
    message_id: str = ""
    durable: str = ""
    data: bytes = b""


class Message(NamedTuple):
    """One message as the stream keeps it. ``position``: how many things had happened to deliveries before it came."""

    sequence: int
    subject: str
    data: bytes
    message_id: str
    headers: Mapping[str, str]
    sender: str
    at: datetime
    position: int = 0
