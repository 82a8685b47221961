"""What a verification found: the verdict, the stories, and what was really tried."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from payments_lab.explore.evidence import Gatherer
from payments_lab.explore.exploring import Explored, Finding
from payments_lab.explore.faults import Faults
from payments_lab.explore.scenario import Scenario
from payments_lab.explore.schedule import Schedule, Step
from payments_lab.explore.token import Token, check

if TYPE_CHECKING:
    from payments_lab.diagrams import Story, Table
    from payments_lab.explore.staging import Stage

Verdict = Literal["holds", "violated", "unproven"]

_STATUS = {"holds": 0, "violated": 1, "unproven": 3}


@dataclass(frozen=True)
class Violation:
    """A story in which an invariant breaks; ``invariant`` is its name, ``message`` says what happened to whose money.

    ``choices`` are the schedule as whole numbers, 0 for the uneventful; ``token`` replays it. A violation without steps
    is about the code itself: ``invariant`` is then ``nondeterministic``, ``stuck``, ``trespass``, ``asyncio`` …
    """

    invariant: str
    message: str
    choices: tuple[int, ...]
    scenario: Scenario
    faults: Faults
    _finding: Finding = field(repr=False, compare=False)
    _explored: Explored = field(repr=False, compare=False)

    @cached_property
    def token(self) -> str:
        """A line of text that replays this finding; empty for one without steps."""
        machine = self._explored.machine
        if machine is None or not self._finding.steps:
            return ""
        schedule, learned = Schedule(machine), machine.learned
        checks = tuple(check(schedule.sign(step.move)) for step in self._finding.steps)
        known = (tuple(sorted(learned.names_ids)), tuple(sorted(learned.remembers)))
        return str(Token(self.scenario, self.faults, self.choices, checks, *known))

    @cached_property
    def story(self) -> Story:
        """The steps as a sequence diagram; the place where it broke is marked."""
        return self._told[0]

    @property
    def trace(self) -> list[str]:
        """The story in sentences, a line each."""
        return self.story.prose().splitlines()

    def diagram(self) -> Story:
        """The story as a diagram: SVG in a notebook, text in a terminal."""
        return self.story

    @property
    def lines_by_step(self) -> list[int]:
        """For each step, how many lines of the story have been told after it."""
        return self._told[1]

    def tables(self, step: int) -> list[Table]:
        """The documents of every collection after a step, counted from 0."""
        from payments_lab.diagrams import Table

        machine = self._explored.machine
        assert machine is not None
        evidence = Gatherer(machine).gather(self._finding.steps[step].after)
        return [Table.of_documents(list(each), title=name) for name, each in evidence.documents.items() if each]

    def stage(self) -> Stage:
        """The same story on the simulator bus, with nothing remembered; see :mod:`payments_lab.explore.staging`."""
        from payments_lab.explore.staging import stage

        assert self._explored.machine is not None
        return stage(self._explored.machine, self._finding.steps)

    def save(self, path: str | Path) -> Path:
        """Write the finding as JSON, for ``payments-lab replay`` and for a test. The file's place is returned."""
        saved = {
            "token": self.token,
            "services": self._services(),
            "invariant": self.invariant,
            "message": self.message,
            "story": self.trace,
        }
        place = Path(path)
        place.write_text(json.dumps(saved, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return place

    def __str__(self) -> str:
        return f"{self.invariant}: {self.message}"

    def _services(self) -> dict[str, str]:
        machine = self._explored.machine
        assert machine is not None
        classes = machine.world.classes
        return {each.name: f"{each.__module__}:{each.__qualname__}" for each in (classes.payments, classes.orders)}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        if not self._finding.steps:
            return {"text/plain": str(self)}
        return {"text/plain": self.story.text(), "image/svg+xml": self.story.svg()}

    @cached_property
    def _told(self) -> tuple[Story, list[int]]:
        from payments_lab.explore.telling import tell_by_steps

        machine = self._explored.machine
        assert machine is not None
        title = f"{self.invariant}: {self.scenario.sentence}".removesuffix(": ")
        needed = _needed(self._finding.steps)
        return tell_by_steps(machine, self._finding.steps, title=title, broken=self.message, conclusion=needed)


@dataclass(frozen=True)
class Report:
    """What :func:`payments_lab.verify` found.

    ``verdict`` is "holds" only when the whole space within the bounds was explored, every fault that was asked for
    really happened somewhere in it, somebody paid, and every invariant held; ``reasons`` say why it is "unproven".
    ``states`` are configurations of the whole shop, ``transitions`` the steps between them, ``seconds`` of wall time;
    what the services in ``atomic`` do was one step.
    """

    service: str
    explored: Sequence[Explored]
    faults: Faults
    reasons: tuple[str, ...] = ()
    atomic: tuple[str, ...] = ()

    @cached_property
    def violations(self) -> list[Violation]:
        """At most one for each invariant and scenario, the one with the fewest faults and choices."""
        return [
            Violation(finding.invariant, finding.message, finding.choices, each.scenario, each.faults, finding, each)
            for each in self.explored
            for finding in each.findings
        ]

    @property
    def verdict(self) -> Verdict:
        if any(each.findings for each in self.explored):
            return "violated"
        return "unproven" if self.reasons else "holds"

    @property
    def ok(self) -> bool:
        """Whether the verdict is "holds"."""
        return self.verdict == "holds"

    @property
    def status(self) -> int:
        """The exit status of a command: 0 holds, 1 violated, 3 unproven."""
        return _STATUS[self.verdict]

    @property
    def complete(self) -> bool:
        """Whether nothing within the bounds is left unexplored."""
        return all(each.complete for each in self.explored)

    @property
    def states(self) -> int:
        return sum(each.states for each in self.explored)

    @property
    def transitions(self) -> int:
        return sum(each.transitions for each in self.explored)

    @property
    def handler_calls(self) -> int:
        """How often the code under test really ran, from one await to the next."""
        return sum(each.handler_calls for each in self.explored)

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in self.explored)

    @cached_property
    def schedules(self) -> int:
        """How many different schedules the explored space stands for; see :func:`payments_lab.explore.counting`."""
        from payments_lab.explore.counting import count_schedules

        return sum(count_schedules(each.machine) for each in self.explored if each.machine is not None)

    @property
    def exercised(self) -> dict[str, int]:
        """How many explored steps were a duplicate, a crash, a lost reply, a retry, a version conflict; and at how many
        ends somebody had paid, in how many configurations a younger event had overtaken an older one.
        """
        total: dict[str, int] = {}
        for each in self.explored:
            for name, count in each.exercised.items():
                total[name] = total.get(name, 0) + count
        return total

    def summary(self) -> str:
        """One line: the verdict, and what it stands on."""
        if self.verdict == "violated":
            return f"{self.service}: violated. {self.violations[0].message}."
        tried = f"all {self.states:,} states" if self.complete else f"{self.states:,} states"
        tried += f" of {_stories(len(self.explored))} with {self.faults.words()}"
        if self.atomic:
            tried += f", where what {' and '.join(self.atomic)} do takes effect at once"
        if self.verdict == "holds":
            return f"{self.service}: holds in {tried}."
        return f"{self.service}: unproven after {tried}: {'; '.join(self.reasons)}."

    def __str__(self) -> str:
        lines = [self.summary()]
        for violation in self.violations:
            told = violation.story.text() if violation._finding.steps else str(violation)  # pyright: ignore[reportPrivateUsage]
            lines += ["", told]
            if violation.token:
                lines += ["", f"Replay it: {violation.token}"]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Report {self.summary()}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        pictures = "".join(
            f"<div>{each.story.svg()}</div>" if each.token else f"<p>{html.escape(str(each))}</p>"
            for each in self.violations
        )
        return {"text/plain": str(self), "text/html": f"<p>{html.escape(self.summary())}</p>{pictures}"}

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "service": self.service,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "complete": self.complete,
            "atomic": list(self.atomic),
            "states": self.states,
            "transitions": self.transitions,
            "handlerCalls": self.handler_calls,
            "seconds": round(self.seconds, 3),
            "exercised": self.exercised,
            "violations": [
                {
                    "invariant": each.invariant,
                    "message": each.message,
                    "scenario": each.scenario.name,
                    "choices": list(each.choices),
                    "token": each.token,
                }
                for each in self.violations
            ],
        }


def _needed(steps: Sequence[Step]) -> str:
    """What it took: how many faults, and how many steps out of the usual order."""
    faults = sum(step.is_fault for step in steps)
    others = sum(bool(step.choice) and not step.is_fault for step in steps)
    told = [_count(faults, "fault")] if faults else []
    told += [f"{_count(others, 'step')} out of the usual order"] if others else []
    return f"It takes {' and '.join(told)}." if told else "It takes no fault, and no unusual order."


def _count(number: int, what: str) -> str:
    return f"one {what}" if number == 1 else f"{number} {what}s"


def _stories(count: int) -> str:
    return "one scenario" if count == 1 else f"{count} scenarios"
