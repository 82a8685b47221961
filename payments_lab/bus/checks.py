"""What every bus refuses at publish, in the same words."""

from __future__ import annotations

from collections.abc import Mapping

from payments_lab.bus.protocol import BusError

MAX_PAYLOAD = 1024 * 1024
"""Bytes that a message may have; the default of a NATS server."""

DUPLICATE_WINDOW = 120.0
"""Seconds for which a stream recognises a message id; the default of JetStream."""


def check_payload(subject: str, data: bytes, limit: int = MAX_PAYLOAD) -> None:
    """BusError unless ``data`` are bytes, and not too many."""
    if not isinstance(data, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise BusError(f"a message on {subject} needs bytes, not {type(data).__name__}; encode it first")
    if len(data) > limit:
        raise BusError(
            f"{len(data)} bytes on {subject} are more than the {limit} that a message may have; "
            "store the data elsewhere and publish a reference"
        )


def check_headers(headers: Mapping[str, str] | None) -> None:
    """BusError unless names and values fit into one line each, and names have no colon."""
    for name, value in (headers or {}).items():
        if not name.isascii() or not name.isprintable() or ":" in name or not name.strip():
            raise BusError(f"{name!r} is no name of a header: printable ASCII without a colon")
        if not value.isprintable():
            raise BusError(f"the header {name} has a line break or a control character; values are one printable line")


def check_message_id(message_id: str | None) -> None:
    """BusError unless the id, if there is one, fits into a header."""
    if message_id is not None and not (message_id and message_id.isprintable()):
        raise BusError(f"{message_id!r} is no message id: one printable line that names what is announced")
