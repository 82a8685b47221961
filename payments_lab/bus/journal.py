"""The simulator's memory, written on every delivery and read now and then.

What is written is five values in one flat list; records are made of them when somebody asks. A record for each step
would cost more than the step itself: the garbage collector visits every object that stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from payments_lab.bus.consumers import Consumer
from payments_lab.bus.records import NO_HEADERS, Happening, Message, Record, unnamed

RawMessage: TypeAlias = tuple[int, str, bytes, str | None, Mapping[str, str] | None, str, datetime, int]
"""The fields of a Message in a plain tuple, which the garbage collector soon leaves alone."""

Row: TypeAlias = tuple[Happening, datetime, Consumer | str, int, int]
"""What happened, when, to which consumer (or by which publisher), the message's sequence and the attempt."""

WIDTH = 5


class Journal:
    """Kept messages in ``kept``; ``rows`` of happening, time, consumer (or publisher), sequence, attempt."""

    def __init__(self) -> None:
        self.kept: list[RawMessage] = []
        self.rows: list[Any] = []
        self.details: dict[int, str] = {}
        self._messages: list[Message] = []
        self._records: list[Record] = []
        self._told = 0
        self._position = 0

    def note(
        self, happening: Happening, at: datetime, who: Consumer | str, sequence: int, attempt: int = 0, detail: str = ""
    ) -> None:
        if detail:
            self.details[len(self.rows)] = detail
        self.rows += (happening, at, who, sequence, attempt)

    def messages(self) -> list[Message]:
        """Every message that the stream keeps."""
        for raw in self.kept[len(self._messages) :]:
            self._messages.append(Message(*raw[:3], raw[3] or unnamed(raw[0]), raw[4] or NO_HEADERS, *raw[5:]))
        return self._messages

    def records(self) -> list[Record]:
        """Everything that happened, in order."""
        for sequence, subject, data, message_id, _, sender, at, position in self.kept[self._told :]:
            self._tell_rows(position)
            self._records.append(
                Record(
                    Happening.PUBLISHED,
                    at,
                    subject,
                    sequence,
                    sender,
                    0,
                    "",
                    sender,
                    message_id or unnamed(sequence),
                    "",
                    data,
                )
            )
        self._told = len(self.kept)
        self._tell_rows(len(self.rows))
        return self._records

    def _tell_rows(self, end: int) -> None:
        for start in range(self._position, end, WIDTH):
            row: Row = tuple(self.rows[start : start + WIDTH])
            happening, at, who, sequence, attempt = row
            _, subject, data, message_id, _, sender, _, _ = self.kept[sequence - 1]
            party, durable = (who.queue, who.durable) if isinstance(who, Consumer) else (who, "")
            detail = self.details.get(start, "")
            self._records.append(
                Record(
                    happening,
                    at,
                    subject,
                    sequence,
                    party,
                    attempt,
                    detail,
                    sender,
                    message_id or unnamed(sequence),
                    durable,
                    data,
                )
            )
        self._position = max(self._position, end)
