"""A class's reports side by side: who solved what, what was predicted, which misconceptions were met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from payments_lab.course.report import NoReport, Report, read_report
from payments_lab.diagrams import Table

WIDEST = 24


@dataclass(frozen=True, slots=True)
class Collection:
    """The reports of a folder, by student; ``spoilt`` says of each file that is none why."""

    reports: Sequence[Report] = ()
    spoilt: dict[str, str] = field(default_factory=dict[str, str])

    def solved(self) -> Table:
        """A row a student, a column a chapter: how many of its exercises are solved."""
        number = len(self.reports)
        chapters = sorted({each.id[:2] for report in self.reports for each in report.exercises})
        rows = [
            (
                report.student,
                *(sum(each.solved for each in report.exercises if each.id[:2] == chapter) for chapter in chapters),
                report.solved,
            )
            for report in self.reports
        ]
        return Table(("student", *chapters, "all"), rows, title=f"{number} student{'s' if number != 1 else ''}")

    def predictions(self) -> Table:
        """A row for each answer to each question, with how many gave it: the right one, then the most common."""
        told: Counter[tuple[str, str, str]] = Counter()
        for report in self.reports:
            for each in report.exercises:
                if each.prediction is not None:
                    told[each.id, str(each.prediction), "right" if each.right else "wrong"] += 1
        ordered = sorted(told.items(), key=lambda each: (each[0][0], each[0][2], -each[1], each[0][1]))
        rows = [(*key, number, _bar(number, told)) for key, number in ordered]
        return Table(("question", "answer", "it is", "students", "share"), rows, title="predictions")

    def misconceptions(self) -> Table:
        """A row for each misconception that anybody met, with how many students did; the most common first."""
        told: Counter[tuple[str, str]] = Counter()
        for report in self.reports:
            told.update((each.id, name) for each in report.exercises for name in each.misconceptions)
        ordered = sorted(told.items(), key=lambda each: (-each[1], each[0]))
        rows = [(*key, number, _bar(number, told)) for key, number in ordered]
        return Table(("exercise", "misconception", "students", "share"), rows, title="misconceptions")


def collect(folder: Path) -> Collection:
    """Every report below a folder, in the order of its students' names; one without a name goes by that of its file.

    Of two reports of one student the first counts, and the other is spoilt.
    """
    reports: dict[str, Report] = {}
    spoilt: dict[str, str] = {}
    for path in sorted(folder.rglob("*.json")):
        file = path.relative_to(folder)
        try:
            report = read_report(path.read_bytes())
        except (NoReport, OSError) as error:
            spoilt[str(file)] = str(error)
            continue
        student = report.student or str(file.with_suffix(""))
        if student in reports:
            spoilt[str(file)] = f"a second report of {student}; the first one counts"
            continue
        reports[student] = report.model_copy(update={"student": student})
    return Collection([reports[name] for name in sorted(reports)], spoilt)


def _bar(number: int, among: Counter[tuple[str, str]] | Counter[tuple[str, str, str]]) -> str:
    return "█" * max(1, round(WIDEST * number / max(among.values())))
