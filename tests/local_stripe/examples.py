"""Hypothesis without what it finds in the tree around it.

It takes constants out of every module of the project that is loaded, and draws some of its numbers and texts from them.
So examples that are derandomised are still other ones after a change anywhere, or when other tests ran before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis.internal.conjecture import providers


@contextmanager
def from_the_test_alone() -> Iterator[None]:
    """Within this, derandomised examples depend on their test and on Hypothesis' version alone."""
    cache = type(providers.CONSTANTS_CACHE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(providers, "_get_local_constants", providers.Constants)
        patch.setattr(providers, "CONSTANTS_CACHE", cache(1024))
        yield
