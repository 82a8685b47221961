"""What stands in a notebook's cells, as a student runs them: check, predict, hint, reveal, progress."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from payments_lab.course import check, desk, hint, predict, progress, reveal
from payments_lab.course.exercises import UnknownExercise, find
from payments_lab.course.progress import Diary, ProgressError, Record

CODE = "03.1-too-early"
QUESTION = "00.1-a-bad-day"
TRUTH = 1


@pytest.fixture(autouse=True)
def diary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Diary]:
    """The file of a student who begins; a notebook's kernel opens it once."""
    place = tmp_path / "progress.json"
    monkeypatch.setenv("PAYMENTS_LAB_PROGRESS", str(place))
    restart()
    yield Diary(place)
    restart()


def restart() -> None:
    """As the kernel does: what it knew is gone, what is in the file stays."""
    desk._diary.cache_clear()


def record_of(diary: Diary, exercise: str) -> Record:
    return diary.read().record(exercise)


def solution() -> Any:
    return find(CODE).answer_in(find(CODE).solution)


def mistake(number: int = 0) -> Any:
    return find(CODE).answer_in(find(CODE).misconceptions[number].answer)


# check


def test_a_solution_passes_and_is_remembered(diary: Diary) -> None:
    feedback = check(CODE, solution())

    assert feedback.ok
    assert feedback.hint == ""
    assert record_of(diary, CODE) == Record(tries=1, solved=True, solved_alone=True)


def test_an_answer_that_is_a_known_mistake_gets_its_hint_and_is_counted(diary: Diary) -> None:
    known = find(CODE).misconceptions[0]

    feedback = check(CODE, mistake())
    check(CODE, mistake())

    assert not feedback.ok
    assert feedback.hint == known.hint
    assert record_of(diary, CODE) == Record(tries=2, misconceptions={known.name: 2})


def test_a_mistake_that_nobody_knows_gets_no_hint(diary: Diary) -> None:
    feedback = check(CODE, "not even a class")

    assert not feedback.ok
    assert feedback.hint == ""
    assert record_of(diary, CODE) == Record(tries=1)


def test_what_is_solved_stays_solved_when_it_is_spoilt_later(diary: Diary) -> None:
    check(CODE, solution())
    check(CODE, mistake())

    assert record_of(diary, CODE).solved
    assert record_of(diary, CODE).tries == 2


def test_dots_are_no_answer_yet() -> None:
    assert "put yours in the place of the dots" in check(CODE, ...).line


def test_an_unknown_exercise_is_answered_with_one_that_is_like_it(diary: Diary) -> None:
    for ask in (lambda: check("03.1-to-early", None), lambda: hint("03.1-to-early"), lambda: reveal("03.1-to-early")):
        with pytest.raises(UnknownExercise, match=r"did you mean '03\.1-too-early'"):
            ask()

    assert diary.read().exercises == {}


# predict


def test_a_prediction_is_frozen_and_compared_with_what_happens(diary: Diary) -> None:
    assert str(predict(QUESTION, TRUTH)) == "You say 1. Go on and see."
    assert not record_of(diary, QUESTION).solved

    feedback = check(QUESTION, TRUTH)

    assert feedback.ok
    assert feedback.line.startswith("you said 1, and so it is.")
    assert record_of(diary, QUESTION) == Record(tries=1, solved=True, solved_alone=True, prediction=1)


def test_a_wrong_prediction_is_no_pass_and_gets_its_hint(diary: Diary) -> None:
    wrong = find(QUESTION).misconceptions[1]
    predict(QUESTION, 2)

    feedback = check(QUESTION, TRUTH)

    assert not feedback.ok
    assert "you said 2, and it is 1" in feedback.line.lower()
    assert feedback.hint == wrong.hint
    assert record_of(diary, QUESTION).misconceptions == {wrong.name: 1}


def test_the_first_prediction_counts(diary: Diary) -> None:
    predict(QUESTION, 2)

    assert str(predict(QUESTION, TRUTH)) == "You said 2 at first, and that counts."
    assert str(predict(QUESTION, 2)) == "You say 2. Go on and see."
    assert record_of(diary, QUESTION).prediction == 2


def test_the_first_prediction_counts_after_a_restart_of_the_kernel() -> None:
    predict(QUESTION, 2)

    restart()

    assert "You said 2 at first" in str(predict(QUESTION, TRUTH))


def test_dots_are_no_prediction_and_the_question_is_asked(diary: Diary) -> None:
    asked = predict(QUESTION, ...)

    assert str(asked).startswith("How often will Ada's card be charged")
    assert "in the place of the dots" in str(asked)
    assert diary.read().exercises == {}


def test_who_made_no_prediction_is_told_so_and_why_it_is_as_it_is(diary: Diary) -> None:
    feedback = check(QUESTION, TRUTH)

    assert not feedback.ok
    assert "it is 1, and you had made no prediction" in feedback.line
    assert diary.read().exercises == {}


def test_a_notebook_that_was_changed_above_is_noticed_before_anybody_is_judged(diary: Diary) -> None:
    predict(QUESTION, TRUTH)

    feedback = check(QUESTION, 7)

    assert not feedback.ok
    assert "here it is 7. Something above was changed" in feedback.line
    assert record_of(diary, QUESTION).tries == 0


def test_a_prediction_that_json_keeps_in_another_form_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = replace(find(QUESTION), truth=(1, 2))
    monkeypatch.setattr(desk, "find", lambda exercise: pair)
    predict(QUESTION, (1, 2))

    assert check(QUESTION, (1, 2)).line.startswith("you said (1, 2), and so it is.")


def test_only_a_prediction_is_predicted(diary: Diary) -> None:
    assert str(predict(CODE, TRUTH)) == (
        '03.1-too-early is no prediction: its answer goes to check, as check("03.1-too-early", Cancelling).'
    )
    assert CODE not in diary.read().exercises


# hint and reveal


def test_hints_come_one_by_one_and_the_last_one_says_so(diary: Diary) -> None:
    first, second, third = (str(hint(CODE)) for _ in range(3))

    assert [first, second] == [f"Hint {n} of 3: {words}" for n, words in enumerate(find(CODE).hints[:2], 1)]
    assert third.startswith(f"Hint 3 of 3: {find(CODE).hints[2]}\n")
    assert third.endswith('reveal("03.1-too-early") shows a solution.')
    assert record_of(diary, CODE).hints == 3


def test_after_the_last_hint_it_comes_again(diary: Diary) -> None:
    third = [str(hint(CODE)) for _ in range(4)][2]

    assert str(hint(CODE)) == third
    assert record_of(diary, CODE).hints == 3


def test_hints_go_on_after_a_restart_of_the_kernel() -> None:
    hint(CODE)

    restart()

    assert str(hint(CODE)).startswith("Hint 2 of 3")


def test_reveal_shows_a_solution_as_code_and_is_remembered(diary: Diary) -> None:
    shown = reveal(CODE)

    assert str(shown) == find(CODE).solution
    assert shown.code
    assert record_of(diary, CODE) == Record(revealed=True)


def test_solved_after_the_solution_was_seen_is_not_solved_alone(diary: Diary) -> None:
    reveal(CODE)

    assert check(CODE, solution()).ok

    assert record_of(diary, CODE).solved
    assert not record_of(diary, CODE).solved_alone


def test_a_solution_that_is_looked_at_afterwards_takes_nothing_away(diary: Diary) -> None:
    check(CODE, solution())
    reveal(CODE)
    check(CODE, solution())

    assert record_of(diary, CODE).solved_alone
    assert record_of(diary, CODE).revealed


# progress


def test_progress_shows_what_is_solved_as_a_table() -> None:
    predict(QUESTION, TRUTH)
    check(QUESTION, TRUTH)
    reveal(CODE)

    states = {row[0]: row[2] for row in progress().rows}

    assert progress().title.startswith("1 of ")
    assert (states[QUESTION], states[CODE]) == ("solved", "solution seen")


def test_a_spoilt_file_of_progress_is_said_and_not_written_over(diary: Diary) -> None:
    assert diary.place is not None
    diary.place.write_text("{")

    with pytest.raises(ProgressError, match="move it away"):
        hint(CODE)

    assert diary.place.read_text() == "{"


def test_without_a_file_progress_lives_as_long_as_the_kernel(diary: Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENTS_LAB_PROGRESS", "")
    restart()
    predict(QUESTION, TRUTH)

    assert check(QUESTION, TRUTH).ok
    assert progress().title.startswith("1 of ")
    assert diary.read().exercises == {}
