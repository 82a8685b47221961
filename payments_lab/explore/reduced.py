"""Walking a part of the graph that holds every end, and every charge on the way.

Each configuration is followed only in a persistent set of its slots, and one from which only one other follows is
passed through without being kept. What the reduction must know of the tasks is learned on the way; a search during
which something was learned is done once more, so that the last one knew it all from its start.
"""

from __future__ import annotations

from random import Random
from typing import Any

from payments_lab.explore.machine import Kind, Move
from payments_lab.explore.reduction import Choice, Reduction
from payments_lab.explore.search import LOOK_EVERY, Entry, Search
from payments_lab.explore.threads import Fate, Role, Slot

LOOK_AROUND = 100
LONGEST_STORY = 1000


class ReducedSearch(Search):
    """A search that tries only those orders of steps that may make a difference.

    ``passes`` counts how often it began anew, knowing more.
    """

    prophetic = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.passes = 0
        self._reduction = Reduction(self.machine, self._knowledge)
        self._loops = False
        self._pending: dict[int, list[int]] = {}

    def _run(self) -> None:
        self._look_around()
        self._learn()
        learned = True
        while learned and not self.stopped and not self._enough:
            self.passes += 1
            self.states, self.transitions = 0, 0
            self._met.clear()
            self._ended.clear()
            self.ends.clear()
            self._bites.clear()
            learned = self._pass()

    def _pass(self) -> bool:
        """Search once; whether something was learned on the way."""
        root = self.machine.root
        self.parents = {root: -1}
        self.look(root)
        layers = {self.rank(root): [root]}
        self._pending = {root: self._following(root)}
        learned = False
        while layers and not self.stopped and not self._enough:
            rank = min(layers)
            level = layers.pop(rank)
            while level and not self.stopped and not self._enough:
                level = self._expand_reduced(level, rank, layers)
                learned = self._learn() or learned
        return learned

    def _expand_reduced(self, level: list[int], rank: int, layers: dict[int, list[int]]) -> list[int]:
        parents, pending = self.parents, self._pending
        found: list[int] = []
        for state in level:
            for target in pending.pop(state):
                kept, following = self._pass_through(target)
                if self._is_covered(kept):
                    continue
                parents[kept] = state
                pending[kept] = following
                where = self.rank(kept)
                (found if where == rank else layers.setdefault(where, [])).append(kept)
            self._countdown -= 1
            if not self._countdown:
                self._countdown = LOOK_EVERY // 4
                self.is_over()
            if self._enough or self.stopped:
                return []
        return found

    def _is_covered(self, state: int) -> bool:
        if state in self.parents:
            return True
        number = self.machine.environment.of(state)
        return any(state + more in self.parents for more in self._richer.get(number) or self.richer(number))

    def _pass_through(self, state: int) -> tuple[int, list[int]]:
        """``state``, or the first after it at which there is something to choose; and what follows there."""
        following: list[int] = []
        for _ in range(LONGEST_STORY):
            if state & self._engine_bits not in self._met:
                self.look(state)
            if state in self.parents:
                break
            following = self._following(state)
            if len(following) != 1 or self._loops:
                break
            state = following[0]
        return state, following

    def _learn(self) -> bool:
        if not self._knowledge.learn():
            return False
        self._reduction.forget()
        self._tables.clear()
        return True

    def _following(self, state: int) -> list[int]:
        """The configurations that follow in some persistent set."""
        self.states += 1
        for choice in self._reduction.scene(state).choices():
            targets: list[int] = []
            self._loops = False
            for slot in choice.slots:
                entry = self.entry(state, slot)
                self._loops = self._loops or entry.loops
                targets += [state + add for add in entry.adds]
                if entry.spawning:
                    targets += self._spawned(state, entry)
            if self._loops and not choice.everything:
                continue
            if choice.time or choice.fires:
                targets += self._others(state, choice)
            if targets:
                for slot in choice.slots:
                    self.entry(state, slot).hits += 1
                self.transitions += len(targets)
                return targets
        return self.at_rest(state)

    def _others(self, state: int, choice: Choice) -> list[int]:
        machine = self.machine
        moves = [machine.time_passes(state)] if choice.time else []
        fires = [move for name in choice.fires if (move := machine.fire(state, name)) is not None]
        self.bitten(Kind.CRASH, len(fires))
        return [machine.follow(state, move) for move in [*moves, *fires] if move is not None]

    def _work_out(self, state: int, slot: Slot) -> Entry:
        entry = super()._work_out(state, slot)
        entry.loops = any(self._closes_a_loop(move) for move in entry.moves)
        return entry

    def _closes_a_loop(self, move: Move) -> bool:
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

    # looking around

    def _look_around(self) -> None:
        """Play some stories at random, to know much of what the tasks do before the search begins."""
        machine, random = self.machine, Random(0)
        for _ in range(LOOK_AROUND):
            state = machine.root
            for _ in range(LONGEST_STORY):
                moves = self._moves(state)
                if not moves:
                    break
                state = machine.follow(state, random.choice(moves))

    def _moves(self, state: int) -> list[Move]:
        machine = self.machine
        slots = [slot for slot in machine.slots if slot.of(state) or (machine.tick and slot is machine.tick.slot)]
        moves = [move for slot in slots for move in machine.moves(state, slot, prophetic=True)]
        passing = machine.time_passes(state)
        moves += [passing] if passing else []
        moves += [move for name in machine.services if (move := machine.fire(state, name))]
        return [move for move in moves if move.add or move.spawns]
