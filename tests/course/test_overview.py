"""The table of what is solved: a row for every exercise, whatever was touched."""

from __future__ import annotations

import pytest

from payments_lab.course.exercises import every
from payments_lab.course.overview import COLUMNS, overview, state
from payments_lab.course.progress import Progress, Record


def row(progress: Progress, exercise: str) -> dict[str, object]:
    (found,) = (each for each in overview(progress).rows if each[0] == exercise)
    return dict(zip(COLUMNS, found, strict=True))


def test_there_is_a_row_for_every_exercise_in_the_order_of_the_course() -> None:
    assert [each[0] for each in overview(Progress()).rows] == [each.id for each in every()]


def test_the_title_counts_what_is_solved() -> None:
    progress = Progress(exercises={"03.1-too-early": Record(tries=1, solved=True), "05.1-yen": Record(tries=1)})

    assert overview(progress).title == f"1 of {len(list(every()))} solved"


def test_an_exercise_that_the_course_no_longer_has_is_not_counted() -> None:
    progress = Progress(exercises={"03.9-long-gone": Record(tries=1, solved=True)})

    assert overview(progress).title == f"0 of {len(list(every()))} solved"


def test_a_row_says_how_it_went() -> None:
    progress = Progress(exercises={"03.1-too-early": Record(tries=3, hints=2, solved=True)})

    assert row(progress, "03.1-too-early") == {
        "exercise": "03.1-too-early",
        "kind": "write code",
        "state": "solved",
        "tries": 3,
        "hints": 2,
    }


def test_looking_at_the_overview_writes_nothing_down() -> None:
    progress = Progress()

    overview(progress)

    assert progress == Progress()


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (Record(), "not begun"),
        (Record(hints=1), "not begun"),
        (Record(tries=1), "tried"),
        (Record(revealed=True), "solution seen"),
        (Record(tries=1, revealed=True), "solution seen"),
        (Record(tries=1, solved=True), "solved"),
        (Record(tries=1, solved=True, solved_alone=True), "solved"),
        (Record(tries=1, solved=True, solved_alone=True, revealed=True), "solved, then solution seen"),
        (Record(tries=1, solved=True, revealed=True), "solution seen, then solved"),
    ],
)
def test_the_state_of_an_exercise_in_a_word(record: Record, word: str) -> None:
    assert state(record) == word
