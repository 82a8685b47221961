"""Examples that are the same from tree to tree."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.local_stripe.examples import from_the_test_alone

CONSTANTS = tuple(range(1_000_003, 1_000_903, 9))


def drawn() -> list[int]:
    seen: list[int] = []

    @settings(max_examples=300, derandomize=True, database=None)
    @given(st.integers(1_000_000, 9_000_000))
    def draw(number: int) -> None:
        seen.append(number)

    draw()
    return seen


@pytest.fixture
def another_module(tmp_path: Path) -> Iterator[str]:
    """A module of constants that is not loaded yet, as if somebody had just written it."""
    name = f"another_{tmp_path.name}"
    source = tmp_path / "another.py"
    source.write_text(f"CONSTANTS = {CONSTANTS!r}")
    spec = spec_from_file_location(name, source)
    assert spec is not None
    sys.modules[name] = module_from_spec(spec)
    yield name
    del sys.modules[name]


def test_another_module_in_the_tree_changes_no_example(request: pytest.FixtureRequest) -> None:
    with from_the_test_alone():
        before = drawn()
        request.getfixturevalue("another_module")
        after = drawn()

    assert before == after
    assert not set(after) & set(CONSTANTS)
