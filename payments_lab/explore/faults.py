"""How much may go wrong in one story."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """Upper bounds for every story that is explored.

    ``crashes``: a service loses its memory at an await, and what it had not acknowledged comes again. ``duplicates``: an
    event is delivered once more. ``lost_replies``: a database or Stripe does as asked and the caller gets an error.
    ``retries``: a client that got no answer asks again with the same idempotency key. ``reorder``: events of one
    consumer may overtake each other.
    """

    crashes: int = 0
    duplicates: int = 0
    lost_replies: int = 0
    retries: int = 0
    reorder: bool = True

    def __post_init__(self) -> None:
        for name in ("crashes", "duplicates", "lost_replies", "retries"):
            if not 0 <= getattr(self, name) <= MOST:
                raise ValueError(f"{name} lies between 0 and {MOST}, not {getattr(self, name)!r}")


MOST = 7
