"""Playing a finding once more, on the code as it is now."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from payments_lab.explore.exploring import Explored, Finding, Plan, play, start
from payments_lab.explore.invariants import Invariant, find
from payments_lab.explore.judge import Judge
from payments_lab.explore.machine import Learned, Machine
from payments_lab.explore.report import Violation
from payments_lab.explore.scenario import Scenario, find_scenario
from payments_lab.explore.schedule import Schedule, Step
from payments_lab.explore.token import StaleToken, Token, read
from payments_lab.explore.world import Services
from payments_lab.shop.orders import OrdersService
from payments_lab.shop.payments import PaymentsService

if TYPE_CHECKING:
    from payments_lab.diagrams import Story


@dataclass(frozen=True)
class Replay:
    """One story, played again. ``violations`` are what breaks in it now; ``stale`` names the first step that is another
    one than when it was found, and is empty where the code does as it did.
    """

    violations: list[Violation]
    story: Story
    stale: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing breaks any more."""
        return not self.violations

    def __str__(self) -> str:
        return str(self.story)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": self.story.text(), "image/svg+xml": self.story.svg()}


def replay(
    found: str | Path,
    payments: type[PaymentsService] | None = None,
    *,
    orders: type[OrdersService] | None = None,
    scenario: Scenario | str | None = None,
    invariants: Iterable[str | Invariant] | None = None,
    strict: bool = False,
) -> Replay:
    """Play the story of a token, or of a file that :meth:`Violation.save` wrote.

    ``payments`` may be left out for a file that names its services; a ``scenario`` takes the place of the one in which
    it was found. ``strict``: StaleToken where the code does something else than it did.
    ValueError for a text that is no token.
    """
    token, named = _read(found)
    services = _services(named, payments, orders)
    plan = Plan(services, find(invariants), token.faults)
    known = Learned(names_ids=set(token.names_ids), remembers=set(token.remembers))
    replayed: list[Replay] = []
    start(
        plan,
        find_scenario(scenario or token.scenario),
        lambda machine: replayed.append(_play(machine, plan, token)),
        known,
    )
    last = replayed[-1]
    if strict and last.stale:
        raise StaleToken(last.stale)
    return last


def _play(machine: Machine, plan: Plan, token: Token) -> Replay:
    schedule = Schedule(machine)
    judge = Judge(machine, plan.invariants)
    scenario = machine.world.scenario
    explored = Explored(scenario, plan.faults, machine=machine)
    for invariant in plan.invariants:
        steps, message = play(schedule, judge, invariant, token.choices)
        if message:
            finding = Finding(invariant.name, message, token.choices, tuple(steps))
            explored.findings.append(finding)
    violations = [
        Violation(each.invariant, each.message, each.choices, scenario, plan.faults, each, explored)
        for each in explored.findings
    ]
    steps = schedule.play(token.choices)
    story = violations[0].story if violations else _tell(machine, steps)
    return Replay(violations, story, _stale(schedule, token, steps))


def _tell(machine: Machine, steps: list[Step]) -> Story:
    from payments_lab.explore.telling import tell

    return tell(machine, steps, title=machine.world.scenario.sentence, conclusion="all is well")


def _stale(schedule: Schedule, token: Token, steps: list[Step]) -> str:
    try:
        token.compare([schedule.sign(step.move) for step in steps])
    except StaleToken as stale:
        return str(stale)
    return ""


def _read(found: str | Path) -> tuple[Token, dict[str, str]]:
    if isinstance(found, str) and found.strip().startswith("story"):
        return read(found), {}
    try:
        saved = json.loads(Path(found).read_text(encoding="utf-8"))
        return read(saved["token"]), saved["services"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{found} holds no saved story") from error


def _services(
    named: dict[str, str], payments: type[PaymentsService] | None, orders: type[OrdersService] | None
) -> Services:
    return Services(
        payments or load_class(named.get("payments", "payments_lab:PaymentsService")),
        orders or load_class(named.get("orders", "payments_lab:OrdersService")),
    )


def load_class(name: str) -> type[Any]:
    """The class that ``module:Class`` names. ValueError when there is none."""
    found = load_name(name)
    if not isinstance(found, type):
        raise ValueError(f"{name!r} is no class")
    return found


def load_name(name: str) -> Any:
    """What ``module:name`` names; modules of the working directory are found, too. ValueError when there is nothing."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"there is nothing named {name!r}; write it as my_module:MyService ({error})") from error
    return found
