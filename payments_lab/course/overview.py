"""What is solved, as a table: a row an exercise."""

from __future__ import annotations

from payments_lab.course.exercises import every
from payments_lab.course.progress import Progress, Record
from payments_lab.diagrams import Table

COLUMNS = ("exercise", "kind", "state", "tries", "hints")


def overview(progress: Progress) -> Table:
    """A row for each exercise of the course, touched or not."""
    rows: list[tuple[object, ...]] = []
    solved = 0
    for exercise in every():
        record = progress.exercises.get(exercise.id, Record())
        rows.append((exercise.id, exercise.kind, state(record), record.tries, record.hints))
        solved += record.solved
    return Table(COLUMNS, rows, title=f"{solved} of {len(rows)} solved")


def state(record: Record) -> str:
    """How far an exercise is, in a word or two; where it is solved and its solution seen, which of them came first."""
    if not record.solved:
        return "solution seen" if record.revealed else "tried" if record.tries else "not begun"
    if not record.revealed:
        return "solved"
    return "solved, then solution seen" if record.solved_alone else "solution seen, then solved"
