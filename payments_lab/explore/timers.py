"""Sleeps and timeouts: which may be over next.

No time is measured, for an answer may take as long as it takes. But of two that began at the same moment the shorter
is over first, and one that began earlier and is no longer is over before the other.
"""

from __future__ import annotations

from collections.abc import Callable


class Timer:
    """What happens after ``delay`` seconds, unless it is cancelled before; ``began`` counts moments.

    One whose delay is not a number comes neither before nor after any other.
    """

    def __init__(self, timers: Timers, delay: float, ring: Callable[[], object]) -> None:
        self.delay = delay
        self.began = timers.now
        self._timers = timers
        self._ring = ring
        timers.running.append(self)

    @property
    def times(self) -> tuple[int, float]:
        return self.began, self.delay

    def ring(self) -> None:
        """The time is over."""
        self.cancel()
        self._ring()

    def cancel(self) -> None:
        self._timers.forget(self)

    def precedes(self, other: Timer) -> bool:
        """Whether this one is over before ``other``, however long each await takes."""
        return self.began <= other.began and self.delay <= other.delay and self.times != other.times

    def stands(self) -> tuple[float, int]:
        """What matters of it: how long it is, and as the how-manieth it began."""
        return self.delay, self._timers.moments().index(self.began)


class Sleep(Timer):
    """At its end somebody wakes."""


class Timeout(Timer):
    """At its end somebody waits no longer; so does everybody else whose timeout is over at the same time."""

    def ring(self) -> None:
        for each in self._timers.running:
            if isinstance(each, Timeout) and each.times == self.times:
                Timer.ring(each)


class Timers:
    """Those that are ``running``. ``now`` is the moment: it passes whenever something is awaited."""

    def __init__(self) -> None:
        self.now = 0
        self.running: list[Timer] = []

    def forget(self, timer: Timer) -> None:
        self.running = [each for each in self.running if each is not timer]

    def due(self) -> list[Timer]:
        """Those that may be over next."""
        running = self.running
        return [each for each in running if not any(other.precedes(each) for other in running)]

    def timeouts(self) -> list[Timeout]:
        """Those of them that are no sleeps; one where several are over at the same time."""
        return list({each.times: each for each in self.due() if isinstance(each, Timeout)}.values())

    def moments(self) -> list[int]:
        """The moments at which those that run began."""
        return sorted({each.began for each in self.running})
