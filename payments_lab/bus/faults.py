"""What a misbehaving network does by itself, each with its probability."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BusFaults:
    """Probabilities from 0 to 1 for every delivery, drawn from the bus's seed; ValueError for any other number.

    ``duplicate``: it comes once more. ``reorder``: any pending message is next, not the first. ``delay``: it waits
    up to ``longest_delay`` seconds. ``lose_ack``: the bus never hears the answer. ``crash``: the consumer dies before
    its effect, after it, or after its acknowledgement.
    """

    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    lose_ack: float = 0.0
    crash: float = 0.0
    longest_delay: float = 30.0

    def __post_init__(self) -> None:
        for name in ("duplicate", "reorder", "delay", "lose_ack", "crash"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is a probability from 0 to 1, not {getattr(self, name)}")
        if self.longest_delay < 0:
            raise ValueError(f"longest_delay is {self.longest_delay:g} seconds; it must not be less than 0")


NO_FAULTS = BusFaults()
