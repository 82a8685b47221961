"""Random schedules over the same memo, for spaces too large to finish: honest about it, and replayable from their seed.

Half of them take any step at random. The other half give every place where something happens a priority of its own, and
change a few priorities on the way: bugs that need few changes are found sooner so.
Source: Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", 2010.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from hashlib import sha512

from payments_lab.explore.coroutines import Refused
from payments_lab.explore.exercise import count_bites
from payments_lab.explore.exploring import Explored, Finding, Plan, start, work_out
from payments_lab.explore.judge import Judge
from payments_lab.explore.machine import Machine, Move
from payments_lab.explore.numbering import Numbers
from payments_lab.explore.scenario import Scenario
from payments_lab.explore.schedule import LONGEST, Schedule
from payments_lab.explore.search import Search
from payments_lab.garbage import without_garbage_collection

CHANGES = 3
HORIZON = 59
FINE = 1 << 24
SCARCE = 1 << 64

Walk = Callable[[int], list[int]]


def sample(plan: Plan, scenario: Scenario, *, seed: int, schedules: int) -> Explored:
    """Play ``schedules`` random schedules, the same ones for the same ``seed``."""
    began = time.perf_counter()
    explored = Explored(scenario, plan.faults, stopped="sampled")
    with without_garbage_collection():
        try:
            start(plan, scenario, lambda machine: _sample(plan, explored, machine, seed, schedules))
        except Refused as refusal:
            explored.findings.append(Finding(refusal.kind, refusal.message))
    explored.seconds = time.perf_counter() - began
    return explored


def _sample(plan: Plan, explored: Explored, machine: Machine, seed: int, schedules: int) -> None:
    judge = Judge(machine, plan.invariants, stop_at_first=plan.stop_at_first)
    search = Search(machine, watch=judge)
    schedule = Schedule(machine)
    explored.machine = machine
    explored.findings.clear()
    uniform, by_priority = Uniform(search), ByPriority(search, schedule)
    found: set[str] = set()
    played = 0
    for number in range(seed, seed + schedules):
        way = (by_priority if number % 2 else uniform).walk(number)
        played += 1
        for name in [each for each in judge.breaches if each not in found]:
            found.add(name)
            explored.findings.append(work_out(schedule, judge, way, judge.breaches[name]))
        if found and plan.stop_at_first:
            break
    explored.schedules = played
    explored.states, explored.transitions = search.states, search.transitions
    explored.exercised, explored.concerned = count_bites(search, judge), judge.concerned
    explored.handler_calls = machine.tasks.steps
    explored.store_calls = sum(engine.asked for engine in machine.engines)


def bits_of(seed: int) -> int:
    """512 bits of chance; to seed a generator takes longer than to walk a schedule."""
    return int.from_bytes(sha512(b"%d" % seed).digest(), "little")


def draws(seed: int) -> Iterator[int]:
    """Whole numbers below ``FINE``, the same ones for the same ``seed``."""
    chance = bits_of(seed)
    while True:
        chance, drawn = divmod(chance, FINE)
        if chance < SCARCE:
            chance = bits_of(chance)
        yield drawn


class Uniform:
    """Every step is as likely as any other. What follows a configuration is worked out once."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._following: dict[int, list[int]] = {}

    def walk(self, seed: int) -> list[int]:
        """The configurations of one schedule."""
        following, chance = self._following, bits_of(seed)
        state = self._search.machine.root
        way = [state]
        for _ in range(LONGEST):
            targets = following.get(state)
            if targets is None:
                targets = following[state] = self._search.visit(state)
            if not targets:
                break
            chance, number = divmod(chance, len(targets))
            if chance < SCARCE:
                chance = bits_of(chance)
            state = targets[number]
            way.append(state)
        return way


class ByPriority:
    """Of all that may happen, what has the highest priority does; at a few random steps that one becomes the lowest."""

    def __init__(self, search: Search, schedule: Schedule) -> None:
        self._search = search
        self._schedule = schedule
        self._places: Numbers[Hashable] = Numbers()
        self._options: dict[int, list[tuple[int, int]]] = {}

    def walk(self, seed: int) -> list[int]:
        """The configurations of one schedule."""
        known, draw = self._options, draws(seed).__next__
        priorities: dict[int, int] = {}
        changes = {1 + draw() % HORIZON for _ in range(CHANGES)}
        state = self._search.machine.root
        way = [state]
        for step in range(1, LONGEST + 1):
            options = known.get(state)
            if options is None:
                options = known[state] = self._expand(state)
            if not options:
                break
            highest, best = -FINE, 0
            for place, target in options:
                priority = priorities.get(place)
                if priority is None:
                    priority = priorities[place] = draw()
                if priority > highest:
                    highest, best, state = priority, place, target
            if step in changes:
                priorities[best] = -draw()
            way.append(state)
        return way

    def _expand(self, state: int) -> list[tuple[int, int]]:
        """What may happen next: the number of the place where it does, and the configuration that it leads to."""
        self._search.visit(state)
        follow = self._schedule.machine.follow
        return [(self._place(move), follow(state, move)) for move in self._schedule.moves(state)]

    def _place(self, move: Move) -> int:
        return self._places.of((move.slot.shift if move.slot else move.service, move.kind, move.copied))
