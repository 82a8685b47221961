"""A set of many configurations at once: which of a whole batch are new, found without a loop over them.

A table of numbers with open addressing. Every round of a loop lets all that is still undecided look at one more place;
of several that want the same free place one gets it, and the others look at what stands there now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from payments_lab.explore.growing import with_room
from payments_lab.explore.packing import Place, Words

if TYPE_CHECKING:
    from payments_lab.explore.compiled import Walk

Ints = NDArray[np.int64]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
SMALLEST = 1 << 9
# Room that is not used yet is free until there are so many.
LARGE = 1 << 22


class Seen:
    """Configurations of some words each, numbered in the order in which they came.

    ``rows`` has them, and room for more; the words of one lie side by side, since what is looked up is met anywhere.
    """

    def __init__(self, words: int) -> None:
        self.size = 0
        self.rows: NDArray[np.uint64] = np.zeros((SMALLEST, words), np.uint64)
        self.table: NDArray[np.int32] = np.zeros(4 * SMALLEST, np.int32)
        self.walk: Walk | None = None

    def __getitem__(self, numbers: Ints) -> Words:
        rows = self.rows[numbers]
        return list(rows.T if self.walk is not None else np.ascontiguousarray(rows.T))

    def add(self, words: Words) -> tuple[Ints, Ints]:
        """The number of each; and which of them were new, the last of each kind, in the order of their numbers."""
        if self.walk is not None:
            return self.walk.add(self, words)
        count, base = len(words[0]), self.size
        self.reserve(count)
        np.stack(words, axis=1, out=self.rows[base : base + count])
        table, mask = self.table, np.int64(len(self.table) - 1)
        place = _scattered(words) & mask
        numbers = np.empty(count, np.int64)
        left, at, wanted = np.arange(count), place, words
        while len(left):
            held = table[at]
            free = np.flatnonzero(held == 0)
            table[at[free]] = base + left[free] + 1
            held[free] = table[at[free]]
            numbers[left] = held
            others = np.flatnonzero(~self._equal(held - 1, wanted))
            left, at, wanted = left[others], (at[others] + 1) & mask, [word[others] for word in wanted]
            place[left] = at
        numbers -= 1
        new = np.flatnonzero(numbers == base + np.arange(count))
        self.rows[base : base + len(new)] = self.rows[base + new]
        final = np.zeros(count, np.int64)
        final[new] = base + np.arange(len(new))
        table[place[new]] = final[new] + 1
        here = numbers >= base
        numbers[here] = final[numbers[here] - base]
        self.size += len(new)
        return numbers, new

    def find(self, words: Words) -> Ints:
        """The number of each, -1 for those that are not there."""
        if self.walk is not None:
            return self.walk.find(self, words)
        table, mask = self.table, np.int64(len(self.table) - 1)
        place = _scattered(words) & mask
        numbers = np.full(len(words[0]), -1, np.int64)
        left = np.arange(len(numbers))
        while len(left):
            held = table[place[left]].astype(np.int64) - 1
            there = held >= 0
            left, held = left[there], held[there]
            same = self._equal(held, [word[left] for word in words])
            numbers[left[same]] = held[same]
            left = left[~same]
            place[left] = (place[left] + 1) & mask
        return numbers

    def find_with(self, asked: Ints, add: int) -> Ints:
        """The same for those that are held under these numbers, with something added to the first word of each."""
        if self.walk is not None:
            return self.walk.find_with(self, asked, add)
        words = self[asked]
        words[0] += np.uint64(add)
        return self.find(words)

    def move(self, places: Sequence[tuple[Place, Place]], width: int) -> None:
        """Hold the same in other places: for each field where it was, and where it is to be. The numbers stay."""
        if self.walk is not None:
            rows = self.walk.moved(self, places, width)
        else:
            rows = np.zeros((self.size, width), np.uint64)
            for before, after in places:
                values = before.cut(self.rows[: self.size, before.word])
                rows[:, after.word] |= values << np.uint64(after.shift)
        self.rows = rows
        self._rebuild(len(self.table))

    def _equal(self, numbers: NDArray[np.integer[Any]], words: Words) -> NDArray[np.bool_]:
        same = np.ones(len(numbers), bool)
        for mine, theirs in zip(self.rows.T, words, strict=True):
            same &= mine[numbers] == theirs
        return same

    def reserve(self, count: int) -> None:
        """Room for so many more."""
        needed = self.size + count
        if needed > len(self.rows):
            more = 4 if len(self.rows) < LARGE else 2
            self.rows = with_room(self.rows[: self.size], max(needed, more * len(self.rows)))
        if 2 * needed > len(self.table):
            size = len(self.table)
            while 2 * needed > size:
                size *= 2
            self._rebuild(size)

    def _rebuild(self, size: int) -> None:
        self.table = table = np.zeros(size, np.int32)
        if self.walk is not None:
            self.walk.rebuild(self)
            return
        place = _scattered(list(self.rows[: self.size].T)) & np.int64(size - 1)
        left = np.arange(self.size)
        while len(left):
            at = place[left]
            free = table[at] == 0
            table[at[free]] = left[free] + 1
            left = left[table[at] != left + 1]
            place[left] = (place[left] + 1) & np.int64(size - 1)


def _scattered(words: Words) -> Ints:
    mixed = np.zeros(len(words[0]), np.uint64)
    for word in words:
        mixed ^= word
        mixed *= _FACTOR
        mixed ^= mixed >> _HALF
    return mixed.view(np.int64)
