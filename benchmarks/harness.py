"""What every benchmark shares: a row of the table, and a fair way to time two things in one run."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Literal


@dataclass(frozen=True)
class Row:
    """One figure of ours beside its peer's, measured in the same run, in the same ``unit``.

    ``goal`` says in words what was aimed at; ``better`` says which way the figure should go.
    """

    name: str
    ours: float
    peer: float
    unit: str
    peer_name: str
    goal: str = ""
    better: Literal["higher", "lower"] = "higher"

    @property
    def ratio(self) -> float:
        """How many times as good as the peer: 2.0 is twice as fast, or half as slow."""
        good, other = (self.ours, self.peer) if self.better == "higher" else (self.peer, self.ours)
        return good / other if other else float("inf")


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds that one call of ``work`` takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def interleaved(ours: Callable[[], object], peer: Callable[[], object], *, rounds: int = 5) -> tuple[float, float]:
    """Median seconds of ``ours`` and of ``peer``, called in turn, so that a busy machine is unfair to neither.

    Each is called once more before the clock starts, to warm up.
    """
    ours()
    peer()
    return medians(lambda: seconds(ours), lambda: seconds(peer), rounds=rounds)


def medians(ours: Callable[[], float], peer: Callable[[], float], *, rounds: int) -> tuple[float, float]:
    """The median of what ``ours`` and of what ``peer`` says, asked in turn."""
    pairs = [(ours(), peer()) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)
