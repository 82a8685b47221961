"""The clock port: the only source of time in the package."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

LAB_EPOCH = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class Clock(Protocol):
    """Tells the time; always timezone-aware, in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock, for shops that run for real."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class LabClock:
    """A clock that stands still until somebody advances it, so that every run repeats.

    ``instant`` is what :meth:`now` returns, to be read but never set: for loops that a call would slow down.
    """

    def __init__(self, start: datetime = LAB_EPOCH) -> None:
        if start.tzinfo is None:
            raise ValueError(f"a clock needs a time zone; {start!r} has none (try tzinfo=UTC)")
        self.instant = start.astimezone(UTC)

    def now(self) -> datetime:
        return self.instant

    def advance(self, by: timedelta | float) -> datetime:
        """Move forward by a timedelta or by seconds and return the new time; a clock never goes back (ValueError)."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if step < timedelta(0):
            raise ValueError(f"a clock cannot go back, and was asked to by {-step}")
        self.instant += step
        return self.instant

    def __repr__(self) -> str:
        return f"LabClock({self.instant:%Y-%m-%dT%H:%M:%SZ})"
