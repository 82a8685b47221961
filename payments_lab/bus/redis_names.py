"""How the Redis Streams bus names its keys and numbers its entries."""

from __future__ import annotations

BITS = 20
"""Room for the number within a millisecond: a million entries."""


class Names:
    """The keys of one namespace; the braces keep them on one node of a cluster, as the publishing script needs."""

    def __init__(self, namespace: str) -> None:
        self._prefix = f"{{{namespace}}}"
        self.subjects = f"{self._prefix}:subjects"
        self.consumers = f"{self._prefix}:consumers"
        self.dead = f"{self._prefix}:dead"

    def stream(self, subject: str) -> str:
        return f"{self._prefix}:stream:{subject}"

    def message(self, message_id: str) -> str:
        return f"{self._prefix}:id:{message_id}"

    def failures(self, durable: str) -> str:
        """A hash: why the last delivery of an entry failed."""
        return f"{self._prefix}:failures:{durable}"

    def later(self, durable: str) -> str:
        """A hash: until when (Unix milliseconds) an entry is not to be delivered."""
        return f"{self._prefix}:later:{durable}"


def as_number(entry: bytes | str) -> int:
    """An entry's id, ``milliseconds-number``, as one whole number that grows with the stream."""
    milliseconds, _, number = (entry.decode() if isinstance(entry, bytes) else entry).partition("-")
    return (int(milliseconds) << BITS) + int(number or 0)


def as_entry(number: int) -> str:
    """The id that :func:`as_number` was given."""
    return f"{number >> BITS}-{number & (1 << BITS) - 1}"
