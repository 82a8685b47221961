"""What a misbehaving network does by itself, each with its probability."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BusFaults:
    """Probabilities from 0 to 1 for every delivery; ``longest_delay`` in seconds. Drawn from the bus's seed."""

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


NO_FAULTS = BusFaults()
