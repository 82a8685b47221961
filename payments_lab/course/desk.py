"""What stands in a notebook's cells: ``check``, ``predict``, ``hint``, ``reveal``, ``progress``.

The desk writes down what was tried; see :mod:`payments_lab.course.progress` for where.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from payments_lab.course.exercise import HINTS, Exercise
from payments_lab.course.exercises import find
from payments_lab.course.feedback import Feedback
from payments_lab.course.judging import misconception_behind, outcomes_of
from payments_lab.course.notes import Note
from payments_lab.course.outcome import Outcome
from payments_lab.course.overview import overview
from payments_lab.course.prediction import Predict
from payments_lab.course.progress import Diary, as_plain, progress_file
from payments_lab.diagrams import Table


@cache
def _diary() -> Diary:
    return Diary(progress_file())


def check(exercise: str, answer: Any = ...) -> Feedback:
    """Try an answer from every side and say what happens. For a prediction, ``answer`` is what really happened.

    UnknownExercise for an id that there is not.
    """
    found = find(exercise)
    if isinstance(found, Predict):
        return _compare(found, answer)
    outcomes = outcomes_of(found, answer)
    return _judged(found, outcomes)


def predict(exercise: str, value: Any = ...) -> Note:
    """Freeze what you expect, before you see it. The first prediction counts."""
    found = find(exercise)
    if not isinstance(found, Predict):
        return Note(f'{exercise} is no prediction: its answer goes to check, as check("{exercise}", {found.name}).')
    diary, progress = _diary(), _diary().read()
    record = progress.record(exercise)
    if value is ...:
        return Note(f"{found.question} Put your answer in the place of the dots, then run the cell.")
    if record.prediction is None:
        record.prediction = as_plain(value)
        diary.write(progress)
    elif record.prediction != as_plain(value):
        return Note(f"You said {record.prediction!r} at first, and that counts.")
    return Note(f"You say {record.prediction!r}. Go on and see.")


def hint(exercise: str) -> Note:
    """The next hint: a nudge, then a pointer, then a worked trace."""
    found = find(exercise)
    diary, progress = _diary(), _diary().read()
    record = progress.record(exercise)
    record.hints = min(record.hints + 1, HINTS)
    diary.write(progress)
    last = "" if record.hints < HINTS else f'\nThat was the last one; reveal("{exercise}") shows a solution.'
    return Note(f"Hint {record.hints} of {HINTS}: {found.hints[record.hints - 1]}{last}")


def reveal(exercise: str) -> Note:
    """A solution. ``progress`` remembers that it was shown."""
    found = find(exercise)
    diary, progress = _diary(), _diary().read()
    progress.record(exercise).revealed = True
    diary.write(progress)
    return Note(found.solution, code=True)


def progress() -> Table:
    """What is solved so far, chapter by chapter."""
    return overview(_diary().read())


def _compare(exercise: Predict, happened: Any) -> Feedback:
    said = _diary().read().record(exercise.id).prediction
    if happened is ...:
        line = f"say what happened, as {exercise.check_cell}; what you expect goes to predict"
        return Feedback(exercise.id, False, line)
    if as_plain(happened) != as_plain(exercise.truth):
        line = f"here it is {happened!r}. Something above was changed: as the page stands it is {exercise.truth!r}"
        return Feedback(exercise.id, False, line)
    if said is None:
        return Feedback(exercise.id, False, f"it is {happened!r}, and you had made no prediction. {exercise.because}")
    truth = exercise.truth if said == as_plain(exercise.truth) else said
    return _judged(exercise, outcomes_of(exercise, truth))


def _judged(exercise: Exercise, outcomes: list[Outcome]) -> Feedback:
    ok = all(each.passed for each in outcomes)
    known = None if ok else misconception_behind(exercise, outcomes)
    diary, progress = _diary(), _diary().read()
    record = progress.record(exercise.id)
    record.tries += 1
    if ok and not record.solved:
        record.solved, record.solved_alone = True, not record.revealed
    if known is not None:
        record.misconceptions[known.name] = record.misconceptions.get(known.name, 0) + 1
    diary.write(progress)
    return Feedback(exercise.id, ok, exercise.summary(outcomes), outcomes, known.hint if known else "")
