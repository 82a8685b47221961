"""What is solved, as a table: a row an exercise."""

from __future__ import annotations

from payments_lab.course.exercises import every
from payments_lab.course.progress import Progress, Record
from payments_lab.diagrams import Table

COLUMNS = ("exercise", "kind", "state", "tries", "hints")


def overview(progress: Progress) -> Table:
    """A row for each exercise of the course, touched or not."""
    rows: list[tuple[object, ...]] = []
    for exercise in every():
        record = progress.exercises.get(exercise.id, Record())
        rows.append((exercise.id, exercise.kind, state(record), record.tries, record.hints))
    solved = sum(record.solved for record in progress.exercises.values())
    return Table(COLUMNS, rows, title=f"{solved} of {len(rows)} solved")


def state(record: Record) -> str:
    """One of: not begun, tried, solved, solved after the solution was shown, shown."""
    if record.solved:
        return "solved, solution seen" if record.revealed else "solved"
    if record.revealed:
        return "solution seen"
    return "tried" if record.tries else "not begun"
