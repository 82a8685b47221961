"""Arrays that grow at their end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def distinct(numbers: NDArray[Any]) -> NDArray[Any]:
    """Each of these small numbers once, the smallest first."""
    return np.flatnonzero(np.bincount(numbers))


def with_room(numbers: NDArray[Any], room: int) -> NDArray[Any]:
    """An array of so many rows, which begins with these."""
    made = np.empty((room, *numbers.shape[1:]), numbers.dtype)
    made[: len(numbers)] = numbers
    return made


class Growing:
    """Numbers of one type; ``array`` is what there is so far."""

    def __init__(self, dtype: DTypeLike) -> None:
        self._held: NDArray[Any] = np.zeros(64, dtype)
        self._size = 0
        self._appended: list[int] = []

    def __len__(self) -> int:
        return self._size + len(self._appended)

    @property
    def array(self) -> NDArray[Any]:
        if self._appended:
            appended, self._appended = self._appended, []
            self.extend(appended)
        return self._held[: self._size]

    def append(self, value: int) -> None:
        self._appended.append(value)

    def extend(self, more: Sequence[int] | NDArray[Any]) -> None:
        size = len(self.array) + len(more)
        self._make_room(size)
        self._held[self._size : size] = np.array(more, self._held.dtype)
        self._size = size

    def _make_room(self, size: int) -> None:
        if size > len(self._held):
            self._held = np.concatenate([self._held, np.zeros(size, self._held.dtype)])
