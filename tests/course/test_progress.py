"""The diary of a student: a small file that survives restarts and is never half written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from payments_lab.course.progress import (
    FIRST_NOTEBOOK,
    Diary,
    Progress,
    ProgressError,
    Record,
    as_plain,
    course_folder,
    progress_file,
)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """The notebooks' folder of a clone."""
    folder = tmp_path / "clone" / "notebooks"
    folder.mkdir(parents=True)
    (folder / FIRST_NOTEBOOK).write_text("{}")
    return folder


# The diary


def test_what_was_written_is_read_after_a_restart(tmp_path: Path) -> None:
    progress = Progress()
    progress.record("03.1-too-early").tries = 2
    progress.record("05.1-yen").prediction = 2000
    Diary(tmp_path / "progress.json").write(progress)

    assert Diary(tmp_path / "progress.json").read() == progress


def test_a_diary_without_a_file_begins_empty_and_makes_none(tmp_path: Path) -> None:
    assert Diary(tmp_path / "progress.json").read() == Progress()
    assert list(tmp_path.iterdir()) == []


def test_a_diary_without_a_place_remembers_while_it_lives() -> None:
    diary = Diary(None)
    progress = Progress()
    progress.record("03.1-too-early").solved = True

    diary.write(progress)

    assert diary.read().record("03.1-too-early").solved
    assert Diary(None).read() == Progress()


def test_the_file_is_json_by_exercise_with_names_in_camel_case(tmp_path: Path) -> None:
    place = tmp_path / "progress.json"
    Diary(place).write(Progress(exercises={"03.1-too-early": Record(tries=1, misconceptions={"by id alone": 1})}))

    kept = json.loads(place.read_text())

    assert kept["version"] == 1
    assert kept["exercises"]["03.1-too-early"]["misconceptions"] == {"by id alone": 1}


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"version": 2}',
        b'{"exercises": {"03.1-too-early": {"tries": -1}}}',
    ],
    ids=["empty", "cut off", "a list", "not text", "of a later version", "a negative count"],
)
def test_a_spoilt_file_is_named_and_left_as_it_is(spoilt: bytes, tmp_path: Path) -> None:
    place = tmp_path / "progress.json"
    place.write_bytes(spoilt)

    with pytest.raises(ProgressError, match="progress.json can't be read as progress; move it away to begin anew"):
        Diary(place).read()

    assert place.read_bytes() == spoilt


def test_a_write_that_fails_halfway_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "progress.json"
    Diary(place).write(Progress(exercises={"03.1-too-early": Record(solved=True)}))

    def full(source: object, target: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        Diary(place).write(Progress())

    assert [each.name for each in tmp_path.iterdir()] == ["progress.json"]
    assert Diary(place).read().record("03.1-too-early").solved


# A record


def test_a_record_is_made_when_it_is_first_asked_for_and_kept() -> None:
    progress = Progress()

    progress.record("03.1-too-early").hints += 1

    assert progress.record("03.1-too-early").hints == 1
    assert list(progress.exercises) == ["03.1-too-early"]


def test_a_record_takes_no_negative_count() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        Record().tries = -1


# Where the file is


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    assert progress_file({"PAYMENTS_LAB_PROGRESS": str(tmp_path / "mine.json")}) == tmp_path / "mine.json"


def test_an_empty_name_in_the_environment_keeps_no_file() -> None:
    assert progress_file({"PAYMENTS_LAB_PROGRESS": ""}) is None


def test_progress_is_kept_beside_the_notebooks(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAYMENTS_LAB_PROGRESS", raising=False)
    monkeypatch.chdir(course.parent)

    assert progress_file() == course / ".progress.json"


@pytest.mark.parametrize("within", [".", "notebooks", "notebooks/images", "docs/deep/down"])
def test_the_course_is_found_from_anywhere_in_the_clone(within: str, course: Path) -> None:
    start = course.parent / within
    start.mkdir(parents=True, exist_ok=True)

    assert course_folder(start) == course


def test_outside_a_clone_the_course_is_where_one_stands(tmp_path: Path) -> None:
    assert course_folder(tmp_path) == tmp_path
    assert progress_file({}, tmp_path) == tmp_path / ".progress.json"


# Predictions as JSON


@pytest.mark.parametrize("value", [True, 1, 2.5, "ada", None, [1, "two"], {"orders": 2}])
def test_a_prediction_that_json_can_hold_is_kept_as_it_is(value: Any) -> None:
    assert as_plain(value) == value


def test_a_prediction_that_json_can_not_hold_is_kept_as_json_or_as_its_text() -> None:
    round_about: list[Any] = []
    round_about.append(round_about)

    assert as_plain((1, 2)) == [1, 2]
    assert as_plain(ValueError("late")) == "ValueError('late')"
    assert as_plain(round_about) == "[[...]]"
