"""Configurations in a few machine words, so that many of them are worked on at once.

A field has as many bits here as its values need so far, and some to spare; when they no longer suffice, everything is
packed anew. What is not a thread stands in the first words, to be cut out in one stroke.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from payments_lab.explore.fields import Field
from payments_lab.explore.machine import Machine

Words = list[NDArray[np.uint64]]

WORD = 64
# Of so many bits it is remembered what they stand for.
PIECE = 16
_PIECE = (1 << PIECE) - 1


class Narrow(Exception):
    """A field has more values than its bits can tell apart: pack anew."""


class Place(NamedTuple):
    """Where a field stands: in which word, from which bit on, and the mask of its values."""

    word: int
    shift: int
    mask: int

    def cut(self, word: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The values that stand here, in many of its words."""
        return (word >> np.uint64(self.shift)) & np.uint64(self.mask)


class Packing:
    """The places of all fields of a machine, as far as they are known now.

    ``surroundings`` is how many of the words hold what is no thread, which are the first ``around`` of the fields.
    """

    def __init__(self, machine: Machine) -> None:
        surroundings = machine.surrounding_fields()
        self.fields: list[Field] = [*surroundings, *machine.slots]
        self.around = len(surroundings)
        held: list[list[tuple[Field, int]]] = []
        for field in surroundings:
            _put(held, field, machine.count_values(field))
        self.surroundings = len(held)
        for slot in machine.slots:
            _put(held, slot, machine.count_values(slot))
        self.words = len(held)
        self._places = {
            field.shift: place for number, word in enumerate(held) for field, place in _spread(number, word)
        }
        self._pieces: list[dict[int, int]] = [{} for _ in range(self.words * WORD // PIECE)]
        self._at = {field.shift + bit: field for field in self.fields for bit in range(field.width)}
        self._masks: dict[int, list[int]] = {}
        self._around = sum(field.mask << field.shift for field in surroundings)
        self._outside = ~sum(field.mask << field.shift for field in self.fields)

    def of(self, field: Field) -> Place:
        """Narrow for a field that was not there when this was made."""
        place = self._places.get(field.shift)
        if place is None:
            raise Narrow(field.name)
        return place

    def get(self, words: Words, field: Field) -> NDArray[np.intp]:
        """The values of a field in many configurations."""
        place = self.of(field)
        return place.cut(words[place.word]).astype(np.intp)

    def pack(self, states: Iterable[int]) -> Words:
        packed: list[list[int]] = [[] for _ in range(self.words)]
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
        state = 0
        for number, word in enumerate(words):
            for piece in range(WORD // PIECE):
                bits = word >> piece * PIECE & _PIECE
                if bits:
                    known = self._pieces[number * WORD // PIECE + piece]
                    state |= known.get(bits) or self._unpack(number, bits << piece * PIECE, known, bits)
        return state

    def _unpack(self, number: int, word: int, known: dict[int, int], bits: int) -> int:
        """What a word stands for that has bits in one piece only."""
        places = ((field, self._places[field.shift]) for field in self.fields)
        found = sum((word >> at.shift & at.mask) << field.shift for field, at in places if at.word == number)
        known[bits] = found
        return found

    def changes(self, before: int, after: int) -> list[tuple[int, int]]:
        """Which fields differ in two configurations of the machine, by where they begin in them, and by how much."""
        found: list[tuple[int, int]] = []
        changed = before ^ after
        while changed:
            field = self._at.get((changed & -changed).bit_length() - 1)
            if field is None:
                raise Narrow("a slot that was not there when this was made")
            changed &= ~(field.mask << field.shift)
            value = field.of(after)
            self.check(self.of(field), value)
            found.append((field.shift, value - field.of(before)))
        return found

    def at(self, shift: int) -> Place:
        """Where the field stands that begins at this bit in the machine's configurations."""
        return self._places[shift]

    def mask(self, bits: int) -> list[int]:
        """The same bits of the surroundings in the first words as those in ``bits`` of the machine's.

        A part that is new has no bits here, and is in no configuration that is packed: with it all is packed anew.
        """
        bits &= self._around
        known = self._masks.get(bits)
        if known is None:
            known = self._masks[bits] = [0] * self.surroundings
            for field in self.fields[: self.around]:
                place = self.of(field)
                known[place.word] |= (bits >> field.shift & field.mask & place.mask) << place.shift
        return known

    def check(self, place: Place, value: int) -> None:
        if value > place.mask:
            raise Narrow(f"{value} needs more than {place.mask.bit_length()} bits")

    def places_from(self, other: Packing) -> list[tuple[Place, Place]]:
        """Where each field stands in ``other``, and where it stands here; first those of what is no thread."""
        return [(other.of(field), self.of(field)) for field in other.fields]


def _put(words: list[list[tuple[Field, int]]], field: Field, count: int) -> None:
    """Put a field with so many values into the first word that has room for twice as many."""
    width = min(max(2, (2 * count - 1).bit_length()), field.width)
    word = next((word for word in words if sum(each for _, each in word) + width <= WORD), None)
    if word is None:
        words.append(word := [])
    word.append((field, width))


def _spread(number: int, word: list[tuple[Field, int]]) -> Iterator[tuple[Field, Place]]:
    """The places of the fields in a word; the bits that are left go to all of them, the first ones first."""
    left = WORD - sum(width for _, width in word)
    shift = 0
    for place, (field, width) in enumerate(word):
        more, some = divmod(left, len(word))
        width = min(width + more + (place < some), field.width)
        yield field, Place(number, shift, (1 << width) - 1)
        shift += width
