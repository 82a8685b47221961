"""Finding stories that never come to an end: everything goes round, and nothing is ever done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from payments_lab.explore.search import Search

LARGEST = 100_000


def find_endless(search: Search) -> int | None:
    """A configuration from which no end can be reached; None when there is none, or when the space is too large to say.

    Every step is taken once more, so this costs about as much as the search. A step to a configuration that the search
    left out leads to the one that stood for it.
    """
    if len(search.parents) > LARGEST:
        return None
    before: dict[int, list[int]] = {}
    for state in search.parents:
        for target in search.follow(state):
            before.setdefault(search.stands_for(target), []).append(state)
    ending = set(search.ends)
    waiting = list(ending)
    while waiting:
        for state in before.get(waiting.pop(), ()):
            if state not in ending:
                ending.add(state)
                waiting.append(state)
    return next((state for state in search.parents if state not in ending), None)
