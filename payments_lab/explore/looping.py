"""Finding stories that never come to an end: everything goes round, and nothing is ever done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

LARGEST = 100_000


class Steps:
    """What follows each configuration of a search, as long as there are at most LARGEST of them."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, Sequence[int]]] | None = []

    def note(self, state: int, targets: Sequence[int]) -> None:
        if self._kept is None:
            return
        if len(self._kept) == LARGEST:
            self.forget()
            return
        self._kept.append((state, targets))

    def forget(self) -> None:
        """Keep nothing any more."""
        self._kept = None

    def find_endless(
        self, ends: Iterable[int], rank: Callable[[int], int], stands_for: Callable[[int], int]
    ) -> int | None:
        """A configuration from which none of the ``ends`` can be reached; None without one, or if there were too many.

        No fault need ever happen, so an end that takes one more, by ``rank``, is none. ``stands_for`` names the
        configuration that was kept in the place of another. Most steps lead to one that was followed up later, so a
        walk from the last to the first has hardly anything left to find when it is done again.
        """
        if self._kept is None:
            return None
        ending = set(ends)
        known = 0
        while known != (known := len(ending)):
            for state, targets in reversed(self._kept):
                if state in ending:
                    continue
                here = rank(state)
                if any(rank(target) == here and stands_for(target) in ending for target in targets):
                    ending.add(state)
        return next((state for state, _ in self._kept if state not in ending), None)
