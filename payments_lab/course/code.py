"""Write code: a handler, a listener, a model; tried by scenarios, then by the explorer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from payments_lab.course.exercise import Exercise
from payments_lab.course.outcome import Outcome, Part, Wrong, one_by_one
from payments_lab.course.shape import look
from payments_lab.explore.report import Report

NONDETERMINISTIC = "nondeterministic"
_ITS_LINE = re.compile(r"^.*:(?P<line>\d+) in (?P<where>\S+) (?P<what>[^:]+): .*$", re.DOTALL)


@dataclass(frozen=True, kw_only=True, eq=False)
class WriteCode(Exercise):
    """``parts`` try the class or function that the student wrote, each from one side."""

    kind: ClassVar[str] = "write code"

    parts: Sequence[Part]

    def outcomes(self, answer: Any) -> Iterator[Outcome]:
        look(answer, self.starter, self.name)
        return one_by_one(self.parts, answer)

    def telling(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """The explorer, which comes last, is asked again only where nothing else has failed."""
        quick = [each for part, each in zip(self.parts, outcomes, strict=False) if not part.explores]
        return outcomes if all(each.passed for each in quick) else quick


def explored(name: str, explore: Callable[[Any], Report]) -> Part:
    """A part that lets the explorer try every order of events; its diagram is the feedback."""

    def trial(answer: Any) -> str:
        report = explore(answer)
        if report.violations:
            first = report.violations[0]
            if first.invariant == NONDETERMINISTIC:
                raise Wrong(
                    f"{_ITS_LINE.sub(_in_words, first.message)}; time and chance make it so", alike=first.invariant
                )
            raise Wrong(first.message, *([first.diagram()] if first.token else []))
        if not report.ok:
            raise Wrong(f"nothing is proved: {'; '.join(report.reasons)}")
        return f"all {report.states:,} states, with {report.faults.words()}: holds"

    return Part(name, trial, explores=True)


def _in_words(said: re.Match[str]) -> str:
    return f"{said['where']} {said['what']}, in line {said['line']} of your cell"
