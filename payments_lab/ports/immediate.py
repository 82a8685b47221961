"""Running a coroutine that never has to wait, from code that is not asynchronous."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def immediately(coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result, with no event loop; RuntimeError when it waits for something after all."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError(f"{coroutine.__qualname__} had to wait; only embedded engines answer at once")
