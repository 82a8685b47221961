"""Numbers for things, so that a search walks whole numbers."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Numbers(Generic[K]):
    """Gives every distinct value a number, counting from 0, and gives the value back."""

    __slots__ = ("_numbers", "values")

    def __init__(self, *first: K) -> None:
        self._numbers: dict[K, int] = {}
        self.values: list[K] = []
        for value in first:
            self.of(value)

    def of(self, value: K) -> int:
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = len(self.values)
            self.values.append(value)
        return number

    def __contains__(self, value: K) -> bool:
        return value in self._numbers

    def __len__(self) -> int:
        return len(self.values)
