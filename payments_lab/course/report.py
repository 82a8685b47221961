"""What a student hands in: what they did in each exercise, as JSON and as one page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from payments_lab.course.exercises import every
from payments_lab.course.overview import state
from payments_lab.course.prediction import Predict
from payments_lab.course.progress import Count, Progress, Record, as_plain
from payments_lab.diagrams import Table

KIND = "payments-lab report"


class NoReport(ValueError):
    """What was read is no report of ours; the message says why."""


class Entry(BaseModel):
    """One exercise. ``state`` is the overview's word; ``right`` is whether a prediction was, None without one."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    id: str
    kind: str
    state: str
    solved: bool
    tries: Count
    hints: Count
    revealed: bool
    prediction: Any = None
    right: bool | None = None
    misconceptions: dict[str, Count] = Field(default_factory=dict)


class Report(BaseModel):
    """All exercises of the course, in its order, as ``student`` left them; ``""`` for one who gives no name."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    kind: str = KIND
    version: Annotated[int, Field(ge=1, le=1)] = 1
    student: str
    exercises: list[Entry]

    @property
    def solved(self) -> int:
        return sum(entry.solved for entry in self.exercises)


def report_of(progress: Progress, student: str) -> Report:
    """The report of a student's progress; it holds nothing about their machine."""
    entries: list[Entry] = []
    for exercise in every():
        record = progress.exercises.get(exercise.id, Record())
        entries.append(
            Entry(
                id=exercise.id,
                kind=exercise.kind,
                state=state(record),
                right=_right(exercise, record),
                **record.model_dump(include={"solved", "tries", "hints", "revealed", "prediction", "misconceptions"}),
            )
        )
    return Report(student=student, exercises=entries)


def read_report(text: str | bytes) -> Report:
    """A report from its JSON. NoReport for anything else."""
    try:
        report = Report.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise NoReport(f"{where}: {first['msg'].lower()}") from None
    if report.kind != KIND:
        raise NoReport(f"it says that it is a {report.kind!r}")
    return report


def table_of(report: Report) -> Table:
    """A row for each exercise."""
    rows = [
        (each.id, each.kind, each.state, each.tries, each.hints, _said(each), ", ".join(each.misconceptions))
        for each in report.exercises
    ]
    columns = ("exercise", "kind", "state", "tries", "hints", "predicted", "misconceptions")
    solved = f"{report.solved} of {len(report.exercises)} solved"
    title = f"{report.student}: {solved}" if report.student else solved
    return Table(columns, rows, title=title)


def as_page(title: str, *tables: Table) -> str:
    """Tables as one self-contained page without scripts, by day and by night."""
    sections = "".join(f"<section>{table.html()}</section>" for table in tables)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        "<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;"
        "padding:0 1rem;overflow-x:auto}section{margin-bottom:2rem}td{font-variant-numeric:tabular-nums}"
        "</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{sections}\n</body></html>\n"
    )


def _right(exercise: object, record: Record) -> bool | None:
    if not isinstance(exercise, Predict) or record.prediction is None:
        return None
    return record.prediction == as_plain(exercise.truth)


def _said(entry: Entry) -> str:
    if entry.prediction is None:
        return ""
    verdict: Mapping[bool | None, str] = {True: " (right)", False: " (wrong)"}
    return f"{entry.prediction}{verdict.get(entry.right, '')}"
