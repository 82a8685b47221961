"""What the tasks that are known may still do, and which of it is order-sensitive.

Two operations *conflict* in a state of their engine if it makes a difference which comes first: to the engine, or to
what the callers do next. What a thread may do in its *future* is gathered from all that is known so far. Both only
grow; a search that ends without either having grown has used them rightly from its start.
"""

from __future__ import annotations

from payments_lab.explore.machine import Machine
from payments_lab.explore.orders import Orders
from payments_lab.explore.tasks import Node
from payments_lab.explore.threads import Fate, Role, Source, Thread

# Bits of a footprint below those of the operations.
HEEDS_TIME = 1 << 0
TIME_PASSES = 1 << 1
_STARTS = 2  # + the service's number: a message for that service comes to be
_ARRIVES = 5  # likewise, where the order of arrival matters
_REMEMBERS = 8  # likewise: a step that may read or write the service's memory
_OPERATIONS = 11
ANYTHING = -1  # the footprint of what nobody knows yet
_CLASH_WITH_THEMSELVES = ((1 << _OPERATIONS) - 1) & ~((1 << _ARRIVES) - 1)


class Knowledge:
    """Footprints of nodes: what a step clashes with, and all that may yet be done."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._orders = Orders(machine)
        self._own: list[int] = []
        self._continues: list[list[int]] = []
        self._backward: set[tuple[int, int]] = set()
        self._hears: list[tuple[tuple[str, int], ...]] = []
        self._publications: dict[int, frozenset[int]] = {}
        self._lost = frozenset(engine.lost for engine in machine.engines)
        self._size: tuple[int, ...] = ()

    # learning

    def learn(self) -> bool:
        """Gather what is known by now; whether that may be more than before."""
        size = self._measure()
        if size == self._size:
            return False
        self._size = size
        self._gather()
        return True

    def _measure(self) -> tuple[int, ...]:
        machine = self._machine
        return (
            len(machine.tasks.nodes),
            machine.tasks.told,
            sum(len(done) for engine in machine.engines for done in engine.done.values()),
            len(machine.sources),
        )

    def _gather(self) -> None:
        nodes = self._machine.tasks.nodes
        self._continues = []
        self._hears = []
        while len(self._continues) < len(nodes):
            node = nodes[len(self._continues)]
            self._continues.append(self._after(node))
            self._hears.append(self._heard(node))
        follows = [one + [first for _, first in heard] for one, heard in zip(self._continues, self._hears, strict=True)]
        self._backward = _backward_steps(follows)
        self._orders.learn()
        self._own = [self._footprint(node) for node in nodes[: len(follows)]]
        self._publications.clear()

    def _footprint(self, node: Node) -> int:
        machine = self._machine
        service = machine.tasks.scripts[node.script].service
        mask = 0
        if service in machine.learned.remembers:
            mask |= 1 << (_REMEMBERS + machine.services.index(service))
        if any(phase >= 0 for _, phase, _ in node.children):
            mask |= HEEDS_TIME
        return mask if node.operation < 0 else mask | 1 << (_OPERATIONS + node.operation)

    def _heard(self, node: Node) -> tuple[tuple[str, int], ...]:
        """Who hears what ``node`` is about to publish: services, with the nodes at which their deliveries begin."""
        machine = self._machine
        if node.operation < 0 or machine.engine_of(node) != machine.bus:
            return ()
        message = machine.tasks.wishes[node.operation].operation.arguments
        return tuple(
            (name, first.number)
            for name in machine.world.hearers(message)
            for first in self.firsts(machine.hearing(message, name), 0)
        )

    def _after(self, node: Node) -> list[int]:
        """The nodes that may come after ``node``: of the same task, and of what begins when it ends."""
        found = list(node.children.values())
        if node.finished is not None:
            source, run = self._machine.origin(node.script)
            found += [first.number for first in self._after_end(node, source, run)]
        return found

    def _after_end(self, node: Node, source: Source, run: int) -> list[Node]:
        machine = self._machine
        if source.role is Role.DELIVERY and node.outcome == "again":
            return self.firsts(source, run + machine.makes_ids(source))
        found: list[Node] = []
        if source.role is Role.REQUEST:
            if node.outcome == "unknown" and run < machine.faults.retries and machine.faults.retries:
                found += self.firsts(source, run + 1)
            for follower in source.follow:
                found += self.firsts(follower, 0)
        return found

    # threads

    def nodes(self, thread: Thread) -> list[Node]:
        """Where a thread stands, or may begin."""
        machine = self._machine
        if thread.fate is Fate.TOLD or thread.run < 0:
            return []
        if thread.fate in (Fate.FIRST, Fate.DEAD):
            return self.firsts(machine.sources[thread.at], thread.run)
        return [machine.tasks.nodes[thread.at]]

    def firsts(self, source: Source, run: int) -> list[Node]:
        """The nodes at which a thread of ``source`` may first wait."""
        machine = self._machine
        machine.beginning(source.first(run), 0, 0)
        return machine.tasks.roots(machine.script(source, run))

    def knows(self, thread: Thread) -> bool:
        return all(node.number < len(self._own) for node in self.nodes(thread))

    def knows_engines(self, state: int) -> bool:
        """Whether every engine is in a state that was judged."""
        machine = self._machine
        return all(self._orders.knows(number, field.of(state)) for number, field in enumerate(machine.states))

    def starts(self, service: str) -> int:
        """The footprint of bringing a message for ``service`` into being."""
        return 1 << (_STARTS + self._machine.services.index(service))

    def clashes(self, thread: Thread, state: int) -> int:
        """What the next step of ``thread`` conflicts with, now or later, in a configuration."""
        machine = self._machine
        found = 0
        for node in self.nodes(thread):
            if node.number >= len(self._own):
                return ANYTHING
            own = self._own[node.number]
            found |= own & _CLASH_WITH_THEMSELVES
            if own & HEEDS_TIME:
                found |= TIME_PASSES
            if node.operation >= 0 and thread.fate is not Fate.REPLIED:
                number = machine.engine_of(node)
                if number >= 0:
                    now = machine.states[number].of(state)
                    found |= self._orders.clashes(number, now, node.operation) << _OPERATIONS
                if number == machine.bus and not machine.faults.reorder:
                    for name, _ in self._hears[node.number]:
                        found |= 1 << (_ARRIVES + machine.services.index(name))
        return found

    def reach(self, thread: Thread, engine: int, now: int, bus: int, *, lossy: bool) -> int:
        """All that a thread, and what comes of it, may yet do, judged by one engine that is in state ``now``.

        ``bus`` is the state of the bus; ``lossy``: replies may still be lost.
        """
        mask = 0
        known = len(self._own)
        kept = self._kept(bus)
        waiting = [node.number for node in self.nodes(thread)]
        if thread.fate is Fate.REPLIED:
            node = self._machine.tasks.nodes[thread.at]
            waiting = [
                child for (answer, _, _), child in node.children.items() if answer == thread.answer and child < known
            ]
            mask = self._own[node.number] & ((1 << _OPERATIONS) - 1)
        seen = set(waiting)
        while waiting:
            number = waiting.pop()
            if number >= known:
                return ANYTHING
            mask |= self._own[number]
            following = self._possibly(number, engine, now, lossy=lossy)
            if self._hears[number] and self._machine.tasks.nodes[number].operation not in kept:
                following = list(following)
                for name, first in self._hears[number]:
                    mask |= self._starting(name)
                    following.append(first)
            for after in following:
                if after < known and after not in seen:
                    seen.add(after)
                    waiting.append(after)
        return mask

    def closes_a_loop(self, steps: list[tuple[Node, Node]]) -> bool:
        """Whether one of these steps from node to node may close a loop; every loop has such a step."""
        known = len(self._own)
        return any(
            before.number >= known or after.number >= known or (before.number, after.number) in self._backward
            for before, after in steps
        )

    def _possibly(self, number: int, engine: int, now: int, *, lossy: bool) -> list[int]:
        """The nodes that may follow, by the answers that the engine may yet give."""
        machine = self._machine
        node = machine.tasks.nodes[number]
        if node.operation < 0 or machine.engine_of(node) != engine:
            if lossy or node.operation < 0:
                return self._continues[number]
            return [child for (answer, _, _), child in node.children.items() if answer not in self._lost]
        answers = self._orders.answers(engine, now, node.operation)
        return [
            child
            for (answer, _, _), child in node.children.items()
            if answer in answers or (lossy and answer in self._lost)
        ]

    def _kept(self, bus: int) -> frozenset[int]:
        """The operations that would publish what the bus has kept already."""
        known = self._publications.get(bus)
        if known is None:
            machine = self._machine
            kept = {message.message_id for message in machine.stream.kept(bus)}
            known = self._publications[bus] = frozenset(
                number
                for number, wish in enumerate(machine.tasks.wishes)
                if wish.operation.resource == "bus" and wish.operation.arguments.message_id in kept
            )
        return known

    def _starting(self, service: str) -> int:
        number = self._machine.services.index(service)
        mask = 1 << (_STARTS + number)
        return mask if self._machine.faults.reorder else mask | 1 << (_ARRIVES + number)


def _backward_steps(follows: list[list[int]]) -> set[tuple[int, int]]:
    """Steps that lead back to where a walk in depth came from; without them there would be no loop."""
    found: set[tuple[int, int]] = set()
    fresh, walking, done = 0, 1, 2
    colour = [fresh] * len(follows)
    for root in range(len(follows)):
        if colour[root] != fresh:
            continue
        colour[root] = walking
        path = [(root, iter(follows[root]))]
        while path:
            node, rest = path[-1]
            after = next(rest, None)
            if after is None:
                colour[node] = done
                path.pop()
            elif colour[after] == walking:
                found.add((node, after))
            elif colour[after] == fresh:
                colour[after] = walking
                path.append((after, iter(follows[after])))
    return found
