"""Exploring one scenario: the search, begun anew as often as something is learned, and what it found."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from payments_lab.explore.coroutines import Refused, under_control
from payments_lab.explore.exercise import count_bites
from payments_lab.explore.faults import Faults
from payments_lab.explore.fields import Crowded, Full
from payments_lab.explore.invariants import Invariant
from payments_lab.explore.judge import Breach, Judge
from payments_lab.explore.machine import Learned, Machine, Relearn
from payments_lab.explore.reduced import ReducedSearch
from payments_lab.explore.rerunning import find_nondeterminism
from payments_lab.explore.scenario import Scenario
from payments_lab.explore.schedule import Schedule, Step
from payments_lab.explore.search import Limits, Search
from payments_lab.explore.shrinking import Choices, shrink
from payments_lab.explore.world import Services, World
from payments_lab.garbage import without_garbage_collection


@dataclass(frozen=True, slots=True)
class Finding:
    """A breach with its story: ``choices`` replay it, ``steps`` are what they lead to.

    One without steps is about the code itself: it did something that cannot be explored.
    """

    invariant: str
    message: str
    choices: Choices = ()
    steps: tuple[Step, ...] = ()


@dataclass(slots=True)
class Explored:
    """What came of one scenario; ``ends`` are the states of all engines after which nothing more happened."""

    scenario: Scenario
    faults: Faults
    findings: list[Finding] = field(default_factory=list[Finding])
    states: int = 0
    transitions: int = 0
    handler_calls: int = 0
    store_calls: int = 0
    seconds: float = 0.0
    schedules: int = 0
    complete: bool = False
    stopped: str = ""
    exercised: dict[str, int] = field(default_factory=dict[str, int])
    concerned: dict[str, int] = field(default_factory=dict[str, int])
    machine: Machine | None = None
    ends: frozenset[tuple[bytes, ...]] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """How to explore: the services, what must hold, and how far to go."""

    services: Services
    invariants: tuple[Invariant, ...]
    faults: Faults
    limits: Limits = field(default_factory=Limits)
    stop_at_first: bool = True
    reduce: bool = False
    atomic: tuple[str, ...] = ()
    merge: bool = True
    cover: bool = True
    progress: Callable[[Search], None] | None = None


def explore(plan: Plan, scenario: Scenario) -> Explored:
    """Explore one scenario; what cannot be explored is a finding."""
    began = time.perf_counter()
    explored = Explored(scenario, plan.faults)
    with without_garbage_collection():
        try:
            _explore(plan, explored)
        except Refused as refusal:
            explored.findings.append(Finding(refusal.kind, refusal.message))
            explored.complete = False
            explored.stopped = "found"
    explored.seconds = time.perf_counter() - began
    return explored


def start(plan: Plan, scenario: Scenario, work: Callable[[Machine], None], learned: Learned | None = None) -> None:
    """Do ``work`` on a machine, begun anew as often as something is learned that it must know from its start."""
    learned = learned or Learned()
    while True:
        world = World(plan.services, scenario, merge=plan.merge)
        try:
            with under_control():
                work(Machine(world, plan.faults, learned, atomic=plan.atomic))
                world.tasks.close()
        except Relearn:
            continue
        except Full:
            learned.width += 2
            continue
        except Crowded as crowded:
            learned.rooms[crowded.engine] *= 2
            continue
        return


def _explore(plan: Plan, explored: Explored) -> None:
    deadline = time.monotonic() + plan.limits.seconds

    def work(machine: Machine) -> None:
        judge = Judge(machine, plan.invariants, stop_at_first=plan.stop_at_first)
        kind = ReducedSearch if plan.reduce else Search
        search = kind(
            machine, watch=judge, limits=plan.limits, cover=plan.cover, deadline=deadline, progress=plan.progress
        )
        explored.machine = machine
        search.run()
        explored.exercised = count_bites(search, judge)
        if search.complete and not search.prophetic and not (judge.breaches and plan.stop_at_first):
            _look_for_endless(search, judge)
        explored.states, explored.transitions = search.states, search.transitions
        explored.complete, explored.stopped = search.complete, search.stopped
        explored.ends = frozenset(machine.snapshots(end) for end in search.ends)
        explored.concerned = judge.concerned
        explored.findings = _tell(machine, search, judge)
        if not judge.breaches:
            _check_again(explored, machine)
        broken[:] = [each.invariant for each in judge.breaches.values()]
        explored.handler_calls = machine.tasks.steps
        explored.store_calls = sum(engine.asked for engine in machine.engines)

    broken: list[Invariant] = []
    start(plan, explored.scenario, work)
    if broken and not explored.findings:
        _tell_in_full(replace(plan, reduce=False, atomic=(), invariants=tuple(broken)), explored)


def _look_for_endless(search: Search, judge: Judge) -> None:
    endless = search.find_endless()
    if endless is not None:
        judge.went_round(endless)


def _tell(machine: Machine, search: Search, judge: Judge) -> list[Finding]:
    """The stories of all breaches; a search that leaves out steps has too little of them to tell."""
    if search.prophetic or machine.atomic:
        return []
    schedule = Schedule(machine, lambda state, slot: search.entry(state, slot).moves)
    return [work_out(schedule, judge, search.way(breach.state), breach) for breach in judge.breaches.values()]


def _tell_in_full(plan: Plan, explored: Explored) -> None:
    """Find the breaches once more, by a search that leaves out nothing, and tell their stories."""
    whole = Explored(explored.scenario, plan.faults)
    _explore(plan, whole)
    explored.machine, explored.findings = whole.machine, whole.findings
    if not whole.findings:
        explored.complete, explored.stopped = whole.complete, whole.stopped
    explored.states += whole.states
    explored.transitions += whole.transitions


def work_out(schedule: Schedule, judge: Judge, way: Sequence[int], breach: Breach) -> Finding:
    """The simplest story of a breach, from the configurations of one ``way`` on which it was met."""
    choices = [schedule.between(before, after) for before, after in pairwise(way)]
    steps, message = play(schedule, judge, breach.invariant, choices)
    assert message, "a schedule must lead to the breach that it was made from"
    best = shrink(choices, lambda tried: bool(play(schedule, judge, breach.invariant, tried)[1]))
    if sum(map(bool, best)) > 1:
        best = _simpler(schedule, judge, breach.invariant, best)
    steps, message = play(schedule, judge, breach.invariant, best)
    return Finding(breach.invariant.name, message, best, tuple(steps))


def _simpler(schedule: Schedule, judge: Judge, invariant: Invariant, best: Choices) -> Choices:
    """A story that goes another way than the uneventful one at a single step, and has no more faults; else ``best``."""
    steps, _ = play(schedule, judge, invariant, best)
    faults = sum(step.is_fault for step in steps)
    for number, step in enumerate(schedule.play(())):
        for choice in range(1, step.options):
            tried = (*(0 for _ in range(number)), choice)
            steps, message = play(schedule, judge, invariant, tried)
            if message and sum(step.is_fault for step in steps) <= faults:
                return tried
    return best


def play(schedule: Schedule, judge: Judge, invariant: Invariant, choices: Sequence[int]) -> tuple[list[Step], str]:
    """The story of a list of choices up to where ``invariant`` breaks, and in which way; empty where it holds."""
    if not invariant.at_rest:
        steps = schedule.play(choices, over=lambda state: bool(judge.complaint(invariant, state)))
    else:
        steps = schedule.play(choices)
    end = steps[-1].after if steps else schedule.machine.root
    if invariant.at_rest and not invariant.endless and not schedule.may_end(end):
        return steps, ""
    return steps, judge.complaint(invariant, end)


def _check_again(explored: Explored, machine: Machine) -> None:
    message = find_nondeterminism(machine)
    if message:
        explored.findings.append(Finding("nondeterministic", message))
        explored.complete = False
