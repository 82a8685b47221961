"""A configuration of the whole shop as one whole number: fields side by side, each a small number of its own."""

from __future__ import annotations

from payments_lab.explore.coroutines import Refused


class Full(Exception):
    """A field needs more bits; the search begins anew with wider ones."""


class Crowded(Exception):
    """An ``engine`` has more parts than there is room for; the search begins anew with more."""

    def __init__(self, engine: str) -> None:
        super().__init__(f"{engine} has more parts than there is room for")
        self.engine = engine


class Field:
    """Some bits of a configuration."""

    __slots__ = ("mask", "name", "shift", "width")

    def __init__(self, name: str, shift: int, width: int) -> None:
        self.name = name
        self.shift = shift
        self.width = width
        self.mask = (1 << width) - 1

    def of(self, state: int) -> int:
        return (state >> self.shift) & self.mask

    def step(self, before: int, after: int) -> int:
        """What to add to a configuration to turn this field from ``before`` to ``after``."""
        if after > self.mask:
            raise Full(f"{self.name} has more than {self.mask + 1} values")
        return (after - before) << self.shift


def pieces(field: Field, width: int) -> list[Field]:
    """A field as several, each of so many of its bits."""
    return [Field(field.name, field.shift + bit, width) for bit in range(0, field.width, width)]


class Layout:
    """Hands out fields from the lowest bit up."""

    def __init__(self, width: int) -> None:
        if width > 40:
            raise Refused("endless", "the story never comes to an end: there is always something new to happen")
        self._width = width
        self._next = 0

    def field(self, name: str, width: int | None = None) -> Field:
        made = Field(name, self._next, width or self._width)
        self._next += made.width
        return made
