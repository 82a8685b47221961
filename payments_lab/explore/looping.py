"""Finding stories that never come to an end: everything goes round, and nothing is ever done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, groupby
from operator import itemgetter

LARGEST = 100_000


class Steps:
    """What follows each configuration of a search, as long as there are at most LARGEST of them."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, int, Sequence[int]]] | None = []

    def note(self, rank: int, state: int, targets: Sequence[int]) -> None:
        """``rank`` is how many faults have happened; it never falls from one note to the next."""
        if self._kept is None:
            return
        if len(self._kept) == LARGEST:
            self.forget()
            return
        self._kept.append((rank, state, targets))

    def forget(self) -> None:
        """Keep nothing any more."""
        self._kept = None

    def find_endless(
        self, ends: Iterable[int], rank: Callable[[int], int], stands_for: Callable[[int], int]
    ) -> int | None:
        """A configuration from which none of the ``ends`` can be reached; None without one, or if there were too many.

        No fault need ever happen, so an end that takes one more, by ``rank``, is none. ``stands_for`` names the
        configuration that was kept in the place of another; it has seen fewer faults. Other steps lead to one that was
        followed up later, mostly. So a walk with few faults first, and the last to be followed up first among those,
        has hardly anything left to find when it is done again.
        """
        if self._kept is None:
            return None
        ending = set(ends)
        layers = [list(layer)[::-1] for _, layer in groupby(self._kept, itemgetter(0))]
        known = 0
        while known != (known := len(ending)):
            for here, state, targets in chain.from_iterable(layers):
                if state not in ending and any(
                    rank(target) == here and (target in ending or stands_for(target) in ending) for target in targets
                ):
                    ending.add(state)
        return next((state for _, state, _ in self._kept if state not in ending), None)
