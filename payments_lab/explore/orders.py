"""Where the order of two operations on one engine makes a difference.

Asked are all pairs that were ever done one after the other. Where the order makes no difference, the other order counts
as done, too, because a search may have left it out. So every state that an engine can come to is judged, whichever
orders a search has tried.

Parts of an engine that no operation looks at together are judged apart: their states are not multiplied.
"""

from __future__ import annotations

from payments_lab.explore.engines import Effect
from payments_lab.explore.machine import Machine
from payments_lab.explore.tasks import Node


class Orders:
    """For each engine: what may be done in which state, what that leads to, and which pairs conflict where."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._engines: list[list[_Engine]] = [[] for _ in machine.engines]
        self._asking: dict[int, list[Node]] = {}

    def learn(self) -> None:
        """Judge what was done since the last time."""
        self._asking.clear()
        for node in self._machine.tasks.nodes:
            if node.operation >= 0:
                self._asking.setdefault(node.operation, []).append(node)
        for number, known in enumerate(self._engines):
            bits = self._parts(number)
            if bits != [part.bits for part in known]:
                before = {part.bits: part for part in known}
                known[:] = [before.get(each) or _Engine(self._machine, number, each) for each in bits]
            for part in known:
                part.learn(self._asking)

    def _parts(self, number: int) -> list[int]:
        """The bits of an engine's states that its operations look at, each set of them that hang together."""
        engine, wishes = self._machine.engines[number], self._machine.tasks.wishes
        found: list[int] = []
        for operation in set[int]().union(*engine.done.values()):
            bits = engine.looks_at(operation, wishes[operation])
            meeting = [each for each in found if each & bits]
            found = [each for each in found if not each & bits]
            for each in meeting:
                bits |= each
            found.append(bits)
        return sorted(found)

    def knows(self, engine: int, state: int) -> bool:
        return all(state & part.bits in part.after for part in self._engines[engine])

    def clashes(self, engine: int, state: int, operation: int) -> int:
        """The operations that conflict with ``operation`` in ``state`` or in any state that may come after it."""
        part = self._part(engine, operation)
        return part.clashes(state & part.bits, operation) if part is not None else 0

    def answers(self, engine: int, state: int, operation: int) -> frozenset[int]:
        """What ``operation`` may be answered in ``state`` or in any state that may come after it."""
        part = self._part(engine, operation)
        return part.answers(state & part.bits, operation) if part is not None else frozenset()

    def _part(self, engine: int, operation: int) -> _Engine | None:
        bits = self._machine.engines[engine].looks_at(operation, self._machine.tasks.wishes[operation])
        return next((part for part in self._engines[engine] if part.bits & bits), None)


class _Engine:
    """An engine, as far as it is these ``bits`` of its states."""

    def __init__(self, machine: Machine, number: int, bits: int) -> None:
        self.bits = bits
        self._machine = machine
        self._engine = machine.engines[number]
        self._asking: dict[int, list[Node]] = {}
        self._done: dict[int, list[int]] = {}
        self._before: dict[int, list[tuple[int, int]]] = {}
        self._met: set[tuple[int, int]] = set()
        self._fresh: list[tuple[int, int]] = []
        self._conflicts: dict[int, dict[int, int]] = {}
        self._clashes: dict[tuple[int, int], int] = {}
        self._answers: dict[tuple[int, int], frozenset[int]] = {}
        self.after: dict[int, frozenset[int]] = {0: frozenset({0})}

    def learn(self, asking: dict[int, list[Node]]) -> None:
        self._asking = asking
        done = {
            (state & self.bits, operation)
            for state, operations in self._engine.done.items()
            for operation in operations
            if self._engine.looks_at(operation, self._machine.tasks.wishes[operation]) & self.bits
        }
        self._fresh += sorted(done - self._met)
        if not self._fresh:
            return
        while self._fresh:
            self._meet(*self._fresh.pop())
        self._clashes.clear()
        self._answers.clear()
        self._look_ahead()

    def clashes(self, state: int, operation: int) -> int:
        key = (state, operation)
        known = self._clashes.get(key)
        if known is None:
            known = 0
            for later in self.after.get(state, ()):
                known |= self._conflicts.get(later, {}).get(operation, 0)
            self._clashes[key] = known
        return known

    def answers(self, state: int, operation: int) -> frozenset[int]:
        key = (state, operation)
        known = self._answers.get(key)
        if known is None:
            known = self._answers[key] = frozenset(
                self._effect(later, operation).answer
                for later in self.after.get(state, ())
                if operation in self._done.get(later, ())
            )
        return known

    def _meet(self, state: int, operation: int) -> None:
        """``operation`` may be done in ``state``: try it against what is done before it and after it."""
        if (state, operation) in self._met:
            return
        self._met.add((state, operation))
        after = self._effect(state, operation).state
        self._done.setdefault(state, []).append(operation)
        self._before.setdefault(after, []).append((state, operation))
        for later in list(self._done.get(after, ())):
            self._swap(state, operation, later)
        for earlier, before in list(self._before.get(state, ())):
            self._swap(earlier, before, operation)

    def _swap(self, state: int, one: int, other: int) -> None:
        """``one`` and then ``other`` are done in ``state``: does their order matter?"""
        wishes = self._machine.tasks.wishes
        if not wishes[one].operation.writes and not wishes[other].operation.writes:
            return
        if self._differ(state, one, other):
            here = self._conflicts.setdefault(state, {})
            here[one] = here.get(one, 0) | 1 << other
            here[other] = here.get(other, 0) | 1 << one
            return
        self._fresh += [(state, other), (self._effect(state, other).state, one)]

    def _differ(self, state: int, one: int, other: int) -> bool:
        first = self._effect(state, one)
        then = self._effect(first.state, other)
        instead = self._effect(state, other)
        later = self._effect(instead.state, one)
        if then.state != later.state:
            return True
        return not (self._alike(one, first.answer, later.answer) and self._alike(other, then.answer, instead.answer))

    def _alike(self, operation: int, one: int, other: int) -> bool:
        """Whether it makes no difference to any known caller which of two answers it gets."""
        if one == other:
            return True
        machine = self._machine
        if not machine.tasks.wishes[operation].operation.writes:
            return False
        tell = machine.tasks.tell
        for node in self._asking.get(operation, ()):
            for memory in {memory for _, _, memory in node.children} or {0}:
                for phase in range(machine.last_phase + 1):
                    if not tell(node, one, phase, memory).ends_as(tell(node, other, phase, memory)):
                        return False
        return True

    def _effect(self, state: int, operation: int) -> Effect:
        return self._engine.effect(state, operation, self._machine.tasks.wishes[operation])

    def _look_ahead(self) -> None:
        """For each state, all that may come after it."""
        leads = {state: {self._effect(state, each).state for each in done} for state, done in self._done.items()}
        self.after = {}
        for state in {0, *leads, *(each for found in leads.values() for each in found)}:
            seen = {state}
            waiting = [state]
            while waiting:
                for following in leads.get(waiting.pop(), ()):
                    if following not in seen:
                        seen.add(following)
                        waiting.append(following)
            self.after[state] = frozenset(seen)
