"""How much may go wrong in one story."""

from __future__ import annotations

from dataclasses import dataclass, replace

MOST = 7


@dataclass(frozen=True, slots=True)
class Faults:
    """Upper bounds for every story that is explored.

    ``crashes``: a service loses its memory at any await; what it had not acknowledged comes again, and it recovers.
    ``duplicates``: an event is delivered once more. ``lost_replies``: an engine does as asked, or never hears of it,
    and the caller cannot tell which: its connection breaks, or a timeout of its own is over. ``retries``: how often
    each client that got no answer asks again with the same idempotency key. ``reorder``: events may overtake each
    other; without it a service hears them one at a time, in the order of their publication. With ``recovers_first`` a
    service that crashed recovers before it does anything else; otherwise it recovers while it serves. ``services`` are
    those that crash and whose engines lose replies.
    """

    crashes: int = 0
    duplicates: int = 0
    lost_replies: int = 0
    retries: int = 1
    reorder: bool = True
    recovers_first: bool = True
    services: tuple[str, ...] = ("payments",)

    def __post_init__(self) -> None:
        for name in ("crashes", "duplicates", "lost_replies", "retries"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
                raise ValueError(f"{name} is a whole number from 0 to {MOST}, not {value!r}")
        unknown = set(self.services) - set(SERVICES)
        if unknown:
            raise ValueError(f"there is no service {', '.join(sorted(unknown))}; the shop has {', '.join(SERVICES)}")

    def without(self, *names: str) -> Faults:
        """The same, with the named kinds at zero."""
        return replace(self, **dict.fromkeys(names, 0))

    def words(self) -> str:
        """``1 crash, 2 duplicates, reordering`` for people."""
        counts = [
            _count(self.crashes, "crash", "crashes"),
            _count(self.duplicates, "duplicate", "duplicates"),
            _count(self.lost_replies, "lost reply", "lost replies"),
            "reordering" if self.reorder else "",
        ]
        return ", ".join(part for part in counts if part) or "no faults"


SERVICES = ("orders", "payments", "expiration")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}" if number else ""
