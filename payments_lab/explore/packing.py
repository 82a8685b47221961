"""Configurations in a few machine words, so that many of them are worked on at once.

A field has as many bits here as its values need so far, and some to spare; when they no longer suffice, everything is
packed anew. What is not a thread stands in the first words, to be cut out in one stroke.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from payments_lab.explore.fields import Field
from payments_lab.explore.machine import Machine

Words = list[NDArray[np.uint64]]

WORD = 64


class Narrow(Exception):
    """A field has more values than its bits can tell apart: pack anew."""


class Place(NamedTuple):
    """Where a field stands: in which word, from which bit on, and the mask of its values."""

    word: int
    shift: int
    mask: int


# A place, and from which bit on the machine has what stands there.
_Span = tuple[int, int, int, int]


class Packing:
    """The places of all fields of a machine, as far as they are known now.

    ``surroundings`` is how many of the words hold what is no thread.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._places: dict[int, Place] = {}
        self._free: list[int] = []
        self.fields: list[Field] = []
        for field in machine.surrounding_fields():
            self._add(field, machine.count_values(field))
        self.surroundings = self.words
        self._around = self._spans()
        for slot in machine.slots:
            self._add(slot, machine.count_values(slot))
        self._everywhere = self._spans()
        self._at = {field.shift + bit: field for field in self.fields for bit in range(field.width)}
        self._outside = ~sum(field.mask << field.shift for field in self.fields)

    @property
    def words(self) -> int:
        return len(self._free)

    def of(self, field: Field) -> Place:
        """Narrow for a field that was not there when this was made."""
        place = self._places.get(field.shift)
        if place is None:
            raise Narrow(field.name)
        return place

    def get(self, words: Words, field: Field) -> NDArray[np.intp]:
        """The values of a field in many configurations."""
        place = self.of(field)
        return ((words[place.word] >> np.uint64(place.shift)) & np.uint64(place.mask)).astype(np.intp)

    def pack(self, states: Iterable[int]) -> Words:
        packed: list[list[int]] = [[] for _ in self._free]
        for state in states:
            for word, value in zip(packed, self.pack_one(state), strict=True):
                word.append(value)
        return [np.array(word, np.uint64) for word in packed]

    def pack_one(self, state: int) -> list[int]:
        """Narrow when there is something in a slot that was not there when this was made."""
        if state & self._outside:
            raise Narrow("a slot that was not there when this was made")
        found = [0] * self.words
        for field in self.fields:
            value = field.of(state)
            if value:
                place = self.of(field)
                self.check(place, value)
                found[place.word] |= value << place.shift
        return found

    def unpack(self, words: Iterable[int]) -> int:
        """One configuration as the machine knows it."""
        return _unpacked(words, self._everywhere)

    def surroundings_of(self, words: Iterable[int]) -> int:
        """What is no thread in a configuration whose first words these are, as the machine knows it."""
        return _unpacked(words, self._around)

    def difference(self, before: int, after: int) -> list[int]:
        """What to add to each word, modulo 2**64, to turn one configuration of the machine into another."""
        found = [0] * self.words
        changed = before ^ after
        while changed:
            field = self._at.get((changed & -changed).bit_length() - 1)
            if field is None:
                raise Narrow("a slot that was not there when this was made")
            changed &= ~(field.mask << field.shift)
            place = self.of(field)
            value = field.of(after)
            self.check(place, value)
            found[place.word] += (value - field.of(before)) << place.shift
        return [each % (1 << WORD) for each in found]

    def mask(self, bits: int) -> list[int]:
        """The same bits of the surroundings in the first words as those in ``bits`` of the machine's."""
        found = [0] * self.surroundings
        for field in self._machine.surrounding_fields():
            place = self.of(field)
            found[place.word] |= (bits >> field.shift & field.mask & place.mask) << place.shift
        return found

    def check(self, place: Place, value: int) -> None:
        if value > place.mask:
            raise Narrow(f"{value} needs more than {place.mask.bit_length()} bits")

    def moved_from(self, other: Packing, words: Words) -> Words:
        """What ``other`` has packed, in the places of this one."""
        made = [np.zeros(len(words[0]), np.uint64) for _ in self._free]
        for field in other.fields:
            place = self.of(field)
            made[place.word] |= other.get(words, field).astype(np.uint64) << np.uint64(place.shift)
        return made

    def _spans(self) -> list[_Span]:
        places = ((field, self._places[field.shift]) for field in self.fields)
        return [(place.word, place.shift, place.mask, field.shift) for field, place in places]

    def _add(self, field: Field, count: int) -> None:
        width = min(max(2, (2 * count - 1).bit_length()), field.width)
        word = next((number for number, free in enumerate(self._free) if free >= width), len(self._free))
        if word == len(self._free):
            self._free.append(WORD)
        self._places[field.shift] = Place(word, WORD - self._free[word], (1 << width) - 1)
        self._free[word] -= width
        self.fields.append(field)


def _unpacked(words: Iterable[int], spans: Iterable[_Span]) -> int:
    held = list(words)
    state = 0
    for word, shift, mask, to in spans:
        state |= (held[word] >> shift & mask) << to
    return state
