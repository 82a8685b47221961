"""Walking the whole graph of configurations: fewest faults first, and breadth first among those.

So the first story that ends badly is one with the fewest faults, and a shortest one of these. A configuration is left
out where the same one was met with at least as many faults still to come: whatever follows from it, followed there.

A search goes from one configuration to the next, which finds small things soonest. Once it has met many, it begins anew
from the root, with all that it has learned of the code, and takes thousands at a time.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from payments_lab.explore.fields import Field
from payments_lab.explore.knowledge import Knowledge
from payments_lab.explore.looping import Steps
from payments_lab.explore.machine import Kind, Machine, Move
from payments_lab.explore.tasks import Node
from payments_lab.explore.threads import Environment, Fate, Slot, Thread

if TYPE_CHECKING:
    from payments_lab.explore.strokes import Strokes

LOOK_EVERY = 4096
NARROW = 20_000
LARGE = 50_000


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop a search that has not come to its end: after so many configurations, or so many seconds.

    ``narrow``: after how many it goes on in strokes; ``compiled``: after how many of these a compiler helps.
    """

    states: int = 60_000_000
    seconds: float = 120.0
    narrow: int = NARROW
    compiled: int = LARGE


class Watch(Protocol):
    """Looks at what a search finds; True means that it has seen enough."""

    def met(self, state: int) -> bool:
        """The engines are in a state in which they were not before."""
        ...

    def ended(self, state: int) -> bool:
        """Nothing more happens after ``state``."""
        ...


class Nobody:
    """Watches nothing."""

    def met(self, state: int) -> bool:
        return False

    def ended(self, state: int) -> bool:
        return False


class Entry:
    """What the threads in one slot may do: what to add, where that is all; moves that also start other threads.

    ``hits`` counts how often a search came by here.
    """

    __slots__ = ("adds", "hits", "loops", "moves", "spawning", "table", "wide")

    def __init__(self, moves: list[Move]) -> None:
        self.moves = moves
        self.adds = tuple(move.add for move in moves if not move.spawns)
        self.spawning = tuple(move for move in moves if move.spawns)
        self.loops = False
        self.hits = 0
        self.wide = 0
        self.table: dict[int, tuple[int, ...]] = {}


class Search:
    """The configurations that are kept, each with the one from which it was first reached; and the ends.

    ``states`` counts configurations that were followed up, ``transitions`` the steps between them, ``complete`` says
    that nothing within the bounds is left; else ``stopped`` says why: "found", "states", "seconds", "interrupted".
    Without ``cover`` nothing is left out, as a check of those that do. A ``deadline`` of the monotonic clock counts
    instead of the limit in seconds, for a search that was begun anew.
    """

    prophetic = False

    def __init__(
        self,
        machine: Machine,
        *,
        watch: Watch | None = None,
        limits: Limits | None = None,
        cover: bool = True,
        deadline: float | None = None,
        progress: Callable[[Search], None] | None = None,
    ) -> None:
        self.machine = machine
        self.limits = limits or Limits()
        self.parents: dict[int, int] = {}
        self.ends: list[int] = []
        self.states = 0
        self.transitions = 0
        self.complete = False
        self.stopped = ""
        self.frontier = 0
        self._watch = watch or Nobody()
        self._cover = cover
        self._progress = progress
        self._knowledge = Knowledge(machine)
        self._tables: dict[tuple[int, int], tuple[int, dict[int, Entry]]] = {}
        self._bites: dict[Kind, int] = defaultdict(int)
        self._met: set[int] = set()
        self._ended: set[int] = set()
        self._enough = False
        self._countdown = min(LOOK_EVERY, self.limits.narrow + 1)
        self._deadline = deadline or time.monotonic() + self.limits.seconds
        self._engine_bits = machine.engine_bits
        self._strokes: Strokes | None = None
        self._steps = Steps()
        self._richer: dict[int, tuple[int, ...]] = {}
        self._ranks: dict[int, int] = {}

    def __len__(self) -> int:
        """How many configurations were met."""
        return len(self._strokes or self.parents)

    def run(self) -> None:
        """Search to the end, to the limits, or until the watch has seen enough; Ctrl-C ends it as a limit does."""
        try:
            self._run()
            if self.stopped == "outgrown":
                self._run_in_strokes()
        except KeyboardInterrupt:
            self.stopped = "interrupted"
            return
        if self._enough:
            self.stopped = "found"
        self.complete = not self.stopped

    def way(self, state: int) -> list[int]:
        """The configurations from the root to ``state`` that were kept."""
        if self._strokes is not None and state not in self.parents:
            return self._strokes.way(state)
        found = [state]
        while self.parents[found[-1]] != -1:
            found.append(self.parents[found[-1]])
        return found[::-1]

    def sample(self, count: int) -> Iterator[int]:
        """At most so many of the configurations that were met, from the first to the last."""
        if self._strokes is not None:
            return self._strokes.sample(count)
        return islice(self.parents, 0, None, len(self.parents) // count + 1)

    def find_endless(self) -> int | None:
        """A configuration from which no end can be reached without a fault, if there is one."""
        if self._strokes is not None:
            return self._strokes.find_endless()
        return self._steps.find_endless(self.ends, self.rank, self.stands_for)

    def visit(self, state: int) -> list[int]:
        """What follows ``state``; it is watched like any configuration that a search meets."""
        if state & self._engine_bits not in self._met:
            self.look(state)
        self.parents.setdefault(state, -1)
        return self._following(state)

    def stands_for(self, state: int) -> int:
        """The kept configuration in whose place ``state`` was left out, or itself."""
        if state in self.parents:
            return state
        number = self.machine.environment.of(state)
        return next(state + more for more in self.richer(number) if state + more in self.parents)

    def bites(self) -> Iterator[tuple[Move | Kind, int]]:
        """Every kind of step that was taken, and how often."""
        yield from self._bites.items()
        for _, entries in self._tables.values():
            for entry in entries.values():
                for move in entry.moves:
                    yield move, entry.hits

    def _run(self) -> None:
        root = self.machine.root
        self.parents = {root: -1}
        layers: dict[int, list[int]] = {self.rank(root): [root]}
        self.look(root)
        while layers and not self.stopped and not self._enough:
            rank = min(layers)
            level = layers.pop(rank)
            while level and not self.stopped and not self._enough:
                level = self._expand(level, rank, layers)

    def _run_in_strokes(self) -> None:
        from payments_lab.explore.strokes import Strokes

        self.stopped = ""
        self._bites.clear()
        self._tables.clear()
        self._steps.forget()
        strokes = self._strokes = Strokes(self)
        strokes.run()
        self.states, self.transitions = strokes.states, strokes.transitions

    def _expand(self, level: list[int], rank: int, layers: dict[int, list[int]]) -> list[int]:
        """The next level of those with the same number of faults; others are put into their layers."""
        environment, parents, engine_bits, met = self.machine.environment, self.parents, self._engine_bits, self._met
        shift, mask = environment.shift, environment.mask
        found: list[int] = []
        for state in level:
            targets = self._following(state)
            self._steps.note(rank, state, targets)
            for target in targets:
                if target in parents:
                    continue
                number = (target >> shift) & mask
                for more in self._richer.get(number) or self.richer(number):
                    if target + more in parents:
                        break
                else:
                    parents[target] = state
                    if target & engine_bits not in met:
                        self.look(target)
                    where = self.rank(target)
                    if where == rank:
                        found.append(target)
                    else:
                        layers.setdefault(where, []).append(target)
            if self._enough:
                return []
            self._countdown -= 1
            if not self._countdown:
                self._countdown = LOOK_EVERY
                self.frontier = len(level) + len(found)
                if self.is_over():
                    return []
        return found

    def is_over(self) -> bool:
        """Whether the watch has seen enough, or a limit is reached; progress is told."""
        if self._enough:
            return True
        strokes = self._strokes
        if strokes is not None:
            self.states, self.transitions, self.frontier = strokes.states, strokes.transitions, strokes.frontier
        if self._progress is not None:
            self._progress(self)
        if len(self) > self.limits.states:
            self.stopped = "states"
        elif time.monotonic() > self._deadline:
            self.stopped = "seconds"
        elif strokes is None and len(self) > self.limits.narrow and self._may_be_taken_in_strokes():
            self.stopped = "outgrown"
        return bool(self.stopped)

    def _may_be_taken_in_strokes(self) -> bool:
        """Not without numpy: then everything takes longer."""
        return not self.prophetic and find_spec("numpy") is not None

    def look(self, state: int) -> None:
        self._met.add(state & self._engine_bits)
        if self._watch.met(state):
            self._enough = True

    def _end(self, state: int) -> None:
        if state in self._ended:
            return
        self._ended.add(state)
        self.ends.append(state)
        if self._watch.ended(state):
            self._enough = True

    # the order of faults

    def rank(self, state: int) -> int:
        """How many faults have happened, as a number that only grows."""
        number = self.machine.environment.of(state)
        known = self._ranks.get(number)
        if known is None:
            known = self._ranks[number] = -sum(_budget(self.machine.environments.values[number]))
        return known

    def richer(self, number: int) -> tuple[int, ...]:
        """What turns a configuration with this environment into the same one with more faults still to come."""
        known = self._richer.get(number)
        if known is not None:
            return known
        environments, shift = self.machine.environments.values, self.machine.environment.shift
        here = environments[number]
        found = [
            (other - number) << shift
            for other, there in enumerate(environments)
            if self._cover and other != number and _is_richer(there, here)
        ]
        self._richer[number] = made = tuple(found) or (0,)
        return made

    # what follows

    def _following(self, state: int) -> list[int]:
        self.states += 1
        machine = self.machine
        targets: list[int] = []
        tables = self._tables
        tick = machine.tick
        for slot in machine.slots:
            value = (state >> slot.shift) & slot.mask
            if value or (tick is not None and slot is tick.slot):
                table = tables.get((slot.shift, value))
                entry = table[1].get(state & table[0]) if table is not None else None
                if entry is None:
                    entry = self.entry(state, slot)
                entry.hits += 1
                for add in entry.adds:
                    targets.append(state + add)
                if entry.spawning:
                    targets += self._spawned(state, entry)
        passing = machine.time_passes(state)
        if passing is not None:
            targets.append(state + passing.add)
        targets = targets or self.at_rest(state)
        if machine.surroundings(state).crashes:
            targets += self._crashed(state)
        self.transitions += len(targets)
        return targets

    def _crashed(self, state: int) -> list[int]:
        machine = self.machine
        crashes = [move for name in machine.mortal if (move := machine.crash(state, name)) is not None]
        self.bitten(Kind.CRASH, len(crashes))
        return [machine.follow(state, move) for move in crashes]

    def bitten(self, kind: Kind, times: int) -> None:
        """Something has happened so many times."""
        self._bites[kind] += times

    def at_rest(self, state: int) -> list[int]:
        """What follows although nobody acts: what a tick or a recovery would still change. Else it is an end, be it
        that somebody may still crash.
        """
        machine = self.machine
        if machine.is_at_rest(state):
            moves = machine.rest(state)
            if moves:
                return [machine.follow(state, move) for move in moves]
        if not machine.surroundings(state).dying:
            self._end(state)
        return []

    def _spawned(self, state: int, entry: Entry) -> tuple[int, ...]:
        if not entry.wide:
            slots = {source.slot for move in entry.spawning for source in move.spawns}
            entry.wide = sum(slot.mask << slot.shift for slot in slots)
        key = state & entry.wide
        adds = entry.table.get(key)
        if adds is None:
            adds = entry.table[key] = tuple(self.machine.follow(state, move) - state for move in entry.spawning)
        return tuple(state + add for add in adds)

    # entries

    def entry(self, state: int, slot: Slot) -> Entry:
        """What the threads in ``slot`` may do."""
        mask, entries = self._table(state, slot)
        entry = entries.get(state & mask)
        if entry is None:
            entry = entries[state & mask] = self._work_out(state, slot)
        return entry

    def looks_at(self, state: int, slot: Slot) -> int:
        """The bits of a configuration on which the entry of ``slot`` depends."""
        return self._table(state, slot)[0]

    def _table(self, state: int, slot: Slot) -> tuple[int, dict[int, Entry]]:
        key = (slot.shift, slot.of(state))
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = (self._looks_at(state, slot), {})
        return table

    def _work_out(self, state: int, slot: Slot) -> Entry:
        moves = self.machine.moves(state, slot, prophetic=self.prophetic, whole=self._strokes is None)
        return Entry([move for move in moves if move.add or move.spawns])

    def _looks_at(self, state: int, slot: Slot) -> int:
        """The bits that the threads in ``slot`` look at."""
        machine = self.machine
        fields: list[Field] = [slot, machine.environment]
        if slot.service in machine.learned.remembers:
            fields.append(machine.memories[slot.service])
        if machine.faults.recovers_first and slot.service in machine.recoveries:
            fields.append(machine.recoveries[slot.service].slot)
        threads = slot.threads(state)
        if machine.tick is not None and slot is machine.tick.slot and not threads:
            threads = (machine.tick.first(),)
        if self._strokes is None and slot.service in machine.atomic:
            fields += machine.engines_of(slot.service)
        mask = 0
        for each in fields:
            mask |= each.mask << each.shift
        for thread in slot.actors(threads):
            for node in self._stands_at(thread):
                mask |= machine.asks(node)
        return mask

    def _stands_at(self, thread: Thread) -> list[Node]:
        """Where a thread stands, or may begin: at any time, with anything that its service may remember by now."""
        machine = self.machine
        if thread.fate is Fate.FIRST:
            memory = machine.tasks.memories[machine.sources[thread.at].service]
            for phase in range(machine.last_phase + 1):
                for remembered in range(memory.count):
                    machine.beginning(thread, phase, remembered)
        return self._knowledge.nodes(thread)


def is_stuck(machine: Machine, end: int) -> bool:
    """Whether something is still to be done in a configuration after which nothing more happens."""
    return any(thread.fate is not Fate.TOLD for slot in machine.slots for thread in slot.threads(end))


def _budget(environment: Environment) -> tuple[int, ...]:
    return (environment.crashes, environment.duplicates, environment.lost_replies, environment.retries)


def _is_richer(there: Environment, here: Environment) -> bool:
    if (there.phase, there.dying, there.struck) != (here.phase, here.dying, here.struck):
        return False
    return all(more >= less for more, less in zip(_budget(there), _budget(here), strict=True))
