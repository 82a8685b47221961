"""Write code: a handler, a listener, a model; tried by scenarios, then by the explorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from payments_lab.course.exercise import Exercise
from payments_lab.course.outcome import Outcome, Part, Wrong, try_all
from payments_lab.course.shape import look
from payments_lab.explore.report import Report


@dataclass(frozen=True, kw_only=True, eq=False)
class WriteCode(Exercise):
    """``parts`` try the class or function that the student wrote, each from one side."""

    kind: ClassVar[str] = "write code"

    parts: Sequence[Part]

    def attempt(self, answer: Any) -> list[Outcome]:
        look(answer, self.starter, self.name)
        return try_all(self.parts, answer)


def explored(name: str, explore: Callable[[Any], Report]) -> Part:
    """A part that lets the explorer try every order of events; its diagram is the feedback."""

    def trial(answer: Any) -> str:
        report = explore(answer)
        if report.violations:
            first = report.violations[0]
            raise Wrong(first.message, *([first.diagram()] if first.token else []))
        if not report.ok:
            raise Wrong(f"nothing is proved: {'; '.join(report.reasons)}")
        return f"all {report.states:,} states, with {report.faults.words()}: holds"

    return Part(name, trial)
