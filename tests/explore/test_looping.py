"""Looking for stories without an end among the steps of a small search."""

from __future__ import annotations

import pytest

from payments_lab.explore.looping import Steps


def endless(steps: list[tuple[int, list[int]]], ends: list[int]) -> int | None:
    """Tens are the rank of a configuration, and every one was kept."""
    kept = Steps()
    for state, targets in steps:
        kept.note(state // 10, state, targets)
    return kept.find_endless(ends, rank=lambda state: state // 10, stands_for=lambda state: state)


def test_one_that_only_comes_back_to_itself_is_endless() -> None:
    assert endless([(0, [1, 2]), (1, [0]), (2, [])], ends=[2]) is None
    assert endless([(0, [1]), (1, [2]), (2, [1])], ends=[]) == 0
    assert endless([(0, [1, 2]), (1, [1]), (2, [])], ends=[2]) == 1


def test_an_end_that_takes_a_fault_is_none() -> None:
    assert endless([(0, [1]), (1, [0, 10]), (10, [])], ends=[10]) == 0


def test_an_end_may_stand_before_a_fault_or_for_what_comes_after_one() -> None:
    kept = Steps()
    for state, targets in [(0, [1, 10]), (1, [0, 2]), (2, []), (10, [11]), (11, [10, 12])]:
        kept.note(state // 10, state, targets)

    def find(places: dict[int, int]) -> int | None:
        return kept.find_endless([2], rank=lambda state: state // 10, stands_for=lambda state: places.get(state, state))

    assert find({12: 2}) is None
    assert find({}) == 10


def test_of_too_many_steps_none_are_kept_and_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments_lab.explore.looping.LARGEST", 2)

    assert endless([(0, [1]), (1, [0])], ends=[]) == 0
    assert endless([(0, [1]), (1, [2]), (2, [3]), (3, [0])], ends=[]) is None
