"""Walking the whole graph of configurations, breadth first, so that what is found first is found by a shortest way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from payments_lab.explore.knowledge import Knowledge
from payments_lab.explore.machine import Machine, Move
from payments_lab.explore.reduction import Choice, Reduction
from payments_lab.explore.threads import Fate, Role, Slot


@dataclass(slots=True)
class Limits:
    """When to stop a search that has not come to its end."""

    states: int = 5_000_000
    seconds: float = 60.0


class _Entry:
    """What the threads in one slot may do: what to add, where that is all; moves that also start other threads."""

    __slots__ = ("adds", "loops", "spawning", "table", "wide")

    def __init__(self) -> None:
        self.adds: tuple[int, ...] = ()
        self.spawning: tuple[Move, ...] = ()
        self.loops = False
        self.wide = 0
        self.table: dict[int, tuple[int, ...]] = {}


class Search:
    """The configurations reached so far, each with the one from which it was first reached."""

    def __init__(self, machine: Machine, *, reduce: bool = True, limits: Limits | None = None) -> None:
        self.machine = machine
        self.limits = limits or Limits()
        self.parents: dict[int, int] = {machine.root: -1}
        self.ends: list[int] = []
        self.transitions = 0
        self.depth = 0
        self.complete = False
        self.rounds = 0
        self._reduce = reduce
        self._knowledge = Knowledge(machine)
        self._reduction = Reduction(machine, self._knowledge)
        self._chosen: dict[int, Choice] = {}
        self._changed = False
        self._tables: dict[tuple[int, int], tuple[int, dict[int, _Entry]]] = {}
        self._deadline = time.monotonic() + self.limits.seconds

    def run(self) -> None:
        """Search to the end, or to the limits."""
        machine = self.machine
        if self._reduce:
            self._look_around()
            self._knowledge.learn()
        level = [machine.root]
        while level:
            level = self._rounds(level)
            if not level and self._reduce:
                level = self._reconsider()
            elif level:
                return
        self.complete = True

    def _rounds(self, level: list[int]) -> list[int]:
        while level:
            if len(self.parents) > self.limits.states or time.monotonic() > self._deadline:
                return level
            level = self._expand(level)
            self.depth += 1
            if self._reduce and self._knowledge.learn():
                self._reduction.forget()
                self._tables.clear()
                self._changed = True
        return level

    def _expand(self, level: list[int]) -> list[int]:
        parents = self.parents
        found: list[int] = []
        for state in level:
            targets = self._reduced(state) if self._reduce else self._all(state)
            self.transitions += len(targets)
            for target in targets:
                if target not in parents:
                    parents[target] = state
                    found.append(target)
        return found

    def _reduced(self, state: int) -> list[int]:
        """The configurations that follow in some persistent set."""
        for choice in self._reduction.scene(state).choices():
            targets: list[int] = []
            loops = False
            for slot in choice.slots:
                entry = self._entry(state, slot)
                loops = loops or entry.loops
                targets += [state + add for add in entry.adds]
                if entry.spawning:
                    targets += self._spawned(state, entry)
            if loops and not choice.everything:
                continue
            if choice.time or choice.fires:
                targets += self._others(state, choice)
            if targets:
                if not choice.everything:
                    self._chosen[state] = choice
                return targets
        return self._at_rest(state)

    def _all(self, state: int) -> list[int]:
        """Every configuration that follows."""
        machine = self.machine
        targets: list[int] = []
        for slot in machine.slots:
            if (state >> slot.shift) & slot.mask:
                entry = self._entry(state, slot)
                targets += [state + add for add in entry.adds]
                if entry.spawning:
                    targets += self._spawned(state, entry)
        if machine.tick is not None and not machine.tick.slot.of(state):
            targets += [state + add for add in self._entry(state, machine.tick.slot).adds]
        moves = [machine.time_passes(state), *(machine.crash(state, name) for name in machine.faults.services)]
        targets += [machine.follow(state, move) for move in moves if move is not None]
        return targets or self._at_rest(state)

    def _at_rest(self, state: int) -> list[int]:
        machine = self.machine
        if machine.is_at_rest(state):
            moves = machine.rest(state)
            if moves:
                return [machine.follow(state, move) for move in moves]
        if not machine.surroundings(state).dying:
            self.ends.append(state)
        return []

    def _others(self, state: int, choice: Choice) -> list[int]:
        machine = self.machine
        moves = [machine.time_passes(state)] if choice.time else []
        moves += [machine.fire(state, name) for name in choice.fires]
        return [machine.follow(state, move) for move in moves if move is not None]

    def _spawned(self, state: int, entry: _Entry) -> tuple[int, ...]:
        if not entry.wide:
            slots = {source.slot for move in entry.spawning for source in move.spawns}
            entry.wide = sum(slot.mask << slot.shift for slot in slots)
        key = state & entry.wide
        adds = entry.table.get(key)
        if adds is None:
            adds = entry.table[key] = tuple(self.machine.follow(state, move) - state for move in entry.spawning)
        return tuple(state + add for add in adds)

    def _entry(self, state: int, slot: Slot) -> _Entry:
        value = (state >> slot.shift) & slot.mask
        table = self._tables.get((slot.shift, value))
        if table is None:
            table = self._tables[(slot.shift, value)] = (self._looks_at(state, slot), {})
        mask, entries = table
        entry = entries.get(state & mask)
        if entry is None:
            entry = entries[state & mask] = self._work_out(state, slot)
        return entry

    def _work_out(self, state: int, slot: Slot) -> _Entry:
        entry = _Entry()
        moves = self.machine.moves(state, slot, prophetic=self._reduce)
        moves = [move for move in moves if move.add or move.spawns]
        entry.adds = tuple(move.add for move in moves if not move.spawns)
        entry.spawning = tuple(move for move in moves if move.spawns)
        entry.loops = self._reduce and any(self._loops(move) for move in moves)
        return entry

    def _loops(self, move: Move) -> bool:
        """Whether a move may close a loop."""
        machine, knowledge = self.machine, self._knowledge
        node = move.node
        if node is None:
            return False
        steps = [(node, first) for source in move.spawns for first in knowledge.firsts(source, 0)]
        reached = move.next
        if reached is None and not move.died and move.after is not None and move.after.fate is Fate.RUNS:
            reached = machine.tasks.nodes[move.after.at]
        if reached is not None:
            steps.append((node, reached))
            source, _ = machine.origin(reached.script)
            if move.after is not None and move.after.fate is Fate.FIRST:
                steps += [(reached, first) for first in knowledge.firsts(source, move.after.run)]
            elif source.role is Role.TICK and reached.finished is not None and not move.changes:
                return True
        return knowledge.closes_a_loop(steps)

    def _looks_at(self, state: int, slot: Slot) -> int:
        """The bits that the threads in ``slot`` look at."""
        machine = self.machine
        fields = [slot, machine.environment]
        if slot.service in machine.learned.remembers:
            fields.append(machine.memories[slot.service])
        threads = slot.threads(state)
        if machine.tick is not None and slot is machine.tick.slot and not threads:
            threads = (machine.tick.first(),)
        for thread in slot.actors(threads):
            for node in self._knowledge.nodes(thread):
                engine = machine.engine_of(node) if node.operation >= 0 else -1
                if engine >= 0:
                    fields.append(machine.states[engine])
        mask = 0
        for each in fields:
            mask |= each.mask << each.shift
        return mask

    # knowledge

    def _look_around(self) -> None:
        """Play a few stories at random, to know most of what the tasks do before the search begins."""
        from random import Random

        machine, random = self.machine, Random(0)
        for _ in range(60):
            state = machine.root
            for _ in range(400):
                moves = self._all_moves(state)
                if not moves:
                    break
                state = machine.follow(state, random.choice(moves))

    def _all_moves(self, state: int) -> list[Move]:
        machine = self.machine
        slots = [slot for slot in machine.slots if slot.of(state) or (machine.tick and slot is machine.tick.slot)]
        moves = [move for slot in slots for move in machine.moves(state, slot, prophetic=self._reduce)]
        passing = machine.time_passes(state)
        moves += [passing] if passing else []
        moves += [move for name in machine.services if (move := machine.fire(state, name))]
        return [move for move in moves if move.add or move.spawns]

    def _reconsider(self) -> list[int]:
        """Configurations in which too little was tried, by what is known at the end, to be tried again."""
        if not self._changed:
            return []
        self._changed = False
        self.rounds += 1
        self._reduction.forget()
        self._tables.clear()
        return [state for state, choice in self._chosen.items() if not self._reduction.scene(state).holds(choice)]


def way(parents: dict[int, int], state: int) -> list[int]:
    """The configurations from the root to ``state``, as the search first went."""
    found = [state]
    while parents[found[-1]] != -1:
        found.append(parents[found[-1]])
    return found[::-1]
