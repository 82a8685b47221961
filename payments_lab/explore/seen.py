"""A set of many configurations at once: which of a whole batch are new, found without a loop over them.

A table of numbers with open addressing. Every round of a loop lets all that is still undecided look at one more place;
of several that want the same free place one gets it, and the others look at what stands there now.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from payments_lab.explore.packing import Words

Ints = NDArray[np.int64]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
SMALLEST = 1 << 12


class Seen:
    """Configurations of some words each, numbered in the order in which they came."""

    def __init__(self, words: int) -> None:
        self.size = 0
        self.words: Words = [np.zeros(SMALLEST, np.uint64) for _ in range(words)]
        self._table: NDArray[np.int32] = np.zeros(4 * SMALLEST, np.int32)

    def __getitem__(self, numbers: Ints) -> Words:
        return [word[numbers] for word in self.words]

    def add(self, words: Words) -> tuple[Ints, Ints]:
        """The number of each; and which of them were new, one of each kind, in the order of their numbers."""
        count, base = len(words[0]), self.size
        self._reserve(count)
        for mine, theirs in zip(self.words, words, strict=True):
            mine[base : base + count] = theirs
        table, mask = self._table, np.int64(len(self._table) - 1)
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
        for mine in self.words:
            mine[base : base + len(new)] = mine[base + new]
        final = np.zeros(count, np.int64)
        final[new] = base + np.arange(len(new))
        table[place[new]] = final[new] + 1
        here = numbers >= base
        numbers[here] = final[numbers[here] - base]
        self.size += len(new)
        return numbers, new

    def find(self, words: Words) -> Ints:
        """The number of each, -1 for those that are not there."""
        table, mask = self._table, np.int64(len(self._table) - 1)
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

    def renew(self, words: Words) -> None:
        """Hold these, all different, instead; the numbers stay."""
        self.words = [np.concatenate([word, np.zeros(SMALLEST, np.uint64)]) for word in words]
        self._rebuild(len(self._table))

    def _equal(self, numbers: NDArray[np.integer[Any]], words: Words) -> NDArray[np.bool_]:
        same = np.ones(len(numbers), bool)
        for mine, theirs in zip(self.words, words, strict=True):
            same &= mine[numbers] == theirs
        return same

    def _reserve(self, count: int) -> None:
        needed = self.size + count
        if needed > len(self.words[0]):
            room = max(needed, 3 * len(self.words[0]) // 2)
            self.words = [np.concatenate([word, np.zeros(room - len(word), np.uint64)]) for word in self.words]
        if 2 * needed > len(self._table):
            size = len(self._table)
            while 2 * needed > size:
                size *= 2
            self._rebuild(size)

    def _rebuild(self, size: int) -> None:
        self._table = table = np.zeros(size, np.int32)
        place = _scattered([word[: self.size] for word in self.words]) & np.int64(size - 1)
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
