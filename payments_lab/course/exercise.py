"""What an exercise is: a task with a starter, a solution, hints, and the wrong answers that people really give."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from payments_lab.course.outcome import Outcome, Wrong
from payments_lab.course.watch import cell_name

HINTS = 3


@dataclass(frozen=True, slots=True)
class Misconception:
    """A wrong ``answer`` that people give, as the source of a cell, and the ``hint`` for whoever's answer behaves so.

    ``fails`` is the name of the part of the check that is meant to notice it.
    """

    name: str
    answer: str
    hint: str
    fails: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Exercise(ABC):
    """One exercise of the course; ``id`` is ``"03.1-too-early"``: its chapter, its place there, a name.

    ``starter`` is the cell that the notebook holds, ``solution`` one that passes, both as source; they define ``name``,
    which is what is checked. ``prelude`` is what the sources need imported. ``hints`` are a nudge, a pointer and a
    worked trace.
    """

    kind: ClassVar[str]

    id: str
    task: str
    starter: str
    solution: str
    hints: Sequence[str]
    misconceptions: Sequence[Misconception] = ()
    name: str = ""
    prelude: str = ""

    def __post_init__(self) -> None:
        if len(self.hints) != HINTS:
            raise ValueError(f"{self.id} has {len(self.hints)} hints; it wants a nudge, a pointer and a worked trace")

    @property
    def chapter(self) -> str:
        """``"03"``, as its notebook's name begins."""
        return self.id.partition(".")[0]

    @property
    def check_cell(self) -> str:
        """The cell that checks the answer, as the notebook holds it."""
        return f'check("{self.id}", {self.name})'

    @abstractmethod
    def outcomes(self, answer: Any) -> Iterator[Outcome]:
        """Try ``answer`` from one side after the other, each when it is asked for; Wrong where it is no answer."""

    def attempt(self, answer: Any) -> list[Outcome]:
        """Try ``answer`` from every side; all parts run, also after one that failed. Wrong where it is no answer."""
        return list(self.outcomes(answer))

    def telling(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Those of the ``outcomes`` by which it is told whether two answers are wrong in the same way."""
        return outcomes

    def summary(self, outcomes: Sequence[Outcome]) -> str:
        """The one line that a student reads first."""
        failed = [each for each in outcomes if not each.passed]
        if len(outcomes) == 1:
            return not_yet(outcomes[0]) if failed else outcomes[0].line
        if not failed:
            last = outcomes[-1]
            return f"all {len(outcomes)} parts pass, down to “{last.part}”: {last.line}"
        passed = len(outcomes) - len(failed)
        return f"not yet, {passed} of {len(outcomes)} parts pass. Look at “{failed[0].part}”: {failed[0].said}"

    def answer_in(self, source: str) -> Any:
        """What a cell with this ``source`` gives to the check; Wrong where the cell itself fails."""
        namespace: dict[str, Any] = {"__name__": f"exercise {self.id}"}
        try:
            exec(compile(self.prelude, f"<prelude of {self.id}>", "exec"), namespace)
            exec(compile(source, cell_name(self.id, source), "exec"), namespace)
        except Exception as error:
            raise Wrong(f"the cell fails with {type(error).__name__}: {error}") from error
        return namespace[self.name]


def not_yet(outcome: Outcome) -> str:
    """The one line about a part that failed, where it is all that there is to say."""
    said = outcome.said
    a_name = "_" in said.partition(" ")[0]
    return f"not yet. {said}" if a_name else f"not yet. {said[:1].upper()}{said[1:]}"


@dataclass(frozen=True, slots=True)
class Chapter:
    """The exercises of one notebook, in its order."""

    notebook: str
    exercises: Sequence[Exercise] = field(default_factory=tuple[Exercise, ...])
