"""Python's collector while much is made that stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

import payments_lab
from payments_lab.garbage import loading, without_garbage_collection


@pytest.fixture
def collections() -> Iterator[list[int]]:
    """The generations of the collections that happen meanwhile. Nothing is frozen: whoever loads the course freezes."""
    found: list[int] = []
    gc.unfreeze()

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            found.append(info["generation"])

    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)


def test_nothing_is_collected_while_modules_are_loaded_and_what_was_loaded_is_old_afterwards(
    collections: list[int],
) -> None:
    young = gc.get_threshold()[0]
    with loading():
        kept: list[list[int]] = [[] for _ in range(10 * young)]
    held = len(gc.get_objects(generation=0))

    assert collections == []
    assert len(kept) == 10 * young
    assert held < young
    assert gc.get_freeze_count() == 0
    assert gc.isenabled()


def test_what_somebody_has_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with loading():
            pass
        assert gc.get_freeze_count() >= frozen > 0
    finally:
        gc.unfreeze()


def test_one_inside_another_leaves_the_collector_off() -> None:
    with without_garbage_collection():
        with loading():
            pass
        assert not gc.isenabled()

    assert gc.isenabled()


def test_an_error_brings_the_collector_back() -> None:
    with pytest.raises(LookupError), loading():
        raise LookupError

    assert gc.isenabled()


def test_a_name_of_the_package_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = payments_lab.Lab
    monkeypatch.delattr(payments_lab, "__getattr__")

    assert payments_lab.Lab is first
    assert len(dir(payments_lab)) == len(set(dir(payments_lab)))
