"""Diagnose: from a diagram, name the guard that is missing; each guard is tried on the service that lacks one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar

from payments_lab.course.code import explored
from payments_lab.course.exercise import Exercise, Misconception
from payments_lab.course.outcome import Outcome, Wrong
from payments_lab.explore.report import Report


@dataclass(frozen=True, kw_only=True, eq=False)
class Diagnose(Exercise):
    """``guards`` are the service with one guard each, by the guard's name; ``explore`` tries one of them."""

    kind: ClassVar[str] = "diagnose"

    guards: Mapping[str, type[Any]]
    explore: Callable[[Any], Report]

    def outcomes(self, answer: Any) -> Iterator[Outcome]:
        named = " ".join(answer.lower().split()) if isinstance(answer, str) else ""
        if named not in self.guards:
            like = get_close_matches(named, self.guards, n=1)
            advice = f"did you mean {like[0]!r}?" if like else f"there are {', '.join(map(repr, self.guards))}"
            raise Wrong(f"{answer!r} is none of the guards; {advice}")
        return iter([explored(_with(named), self.explore).run(self.guards[named])])


def diagnosis(
    id: str,
    task: str,
    *,
    guards: Mapping[str, type[Any]],
    cure: str,
    wrong: Mapping[str, str],
    explore: Callable[[Any], Report],
    hints: tuple[str, str, str],
) -> Diagnose:
    """A diagnosis whose cells follow from it: ``missing = "?"``. ``wrong`` has a hint for each guard but the cure."""
    return Diagnose(
        id=id,
        task=task,
        name="missing",
        starter='missing = "?"',
        solution=f"missing = {cure!r}".replace("'", '"'),
        hints=hints,
        misconceptions=tuple(
            Misconception(guard, f"missing = {guard!r}".replace("'", '"'), hint, _with(guard))
            for guard, hint in wrong.items()
        ),
        guards=guards,
        explore=explore,
    )


def _with(guard: str) -> str:
    return f"the story, with {guard}"
