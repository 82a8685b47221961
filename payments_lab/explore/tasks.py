"""Running the real code once for each distinct local situation, and remembering what it did.

A *node* is where one task stands. What a task does next depends only on its node and on what it is told, so each step
of the real code runs once, and a search walks numbers. A coroutine cannot be copied; a node is reached again by running
the coroutine from its start and telling it what it was told before.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Coroutine, Hashable
from contextlib import AbstractContextManager, suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from payments_lab.explore.answers import Answers, frozen
from payments_lab.explore.coroutines import Finished, Refused, Wish, resume
from payments_lab.explore.memory import Memory
from payments_lab.explore.numbering import Numbers
from payments_lab.explore.places import where
from payments_lab.explore.standing import Standing
from payments_lab.explore.strands import Strands
from payments_lab.ports import Operation

LONGEST_TASK = 300
ANY_PHASE = -1
MOST_KEPT = 2000


class TimePort:
    """The clock of the code under test: it stands still within a phase, and notices when it is read."""

    def __init__(self, phases: list[datetime]) -> None:
        self.phases = phases
        self.phase = 0
        self.was_read = False

    def now(self) -> datetime:
        self.was_read = True
        return self.phases[self.phase]


class NamingPort:
    """The ids of the code under test: named after the task that asks, so that every run of it names the same."""

    def __init__(self) -> None:
        self.task = ""
        self.counts: dict[str, int] = {}

    def new(self, prefix: str) -> str:
        count = self.counts[prefix] = self.counts.get(prefix, 0) + 1
        return f"{prefix}_{self.task}" if count == 1 else f"{prefix}_{self.task}.{count}"


@dataclass(frozen=True, slots=True)
class Script:
    """How a task starts: the service that runs it, a ``label`` that its ids carry, and the coroutine to start.

    ``start`` gives the coroutine and a function that says how a delivery was answered (None for other tasks).
    """

    service: str
    label: str
    start: Callable[[], tuple[Coroutine[Any, Any, Any], Callable[[], str] | None]]


@dataclass(slots=True)
class Node:
    """Where one task stands: what it waits for (``operation``), or how it ended (``finished`` and ``outcome``).

    ``outcome`` of a delivery is "ack", "again" or "dead: reason"; of a request "answered", "refused" or "unknown".
    """

    number: int
    script: int
    parent: int | None
    answer: int | None
    phase: int
    memory_before: int
    memory_after: int
    depth: int
    operation: int = -1
    line: str = ""
    finished: Finished | None = None
    outcome: str = ""
    draws: bool = False
    children: dict[tuple[int, int, int], int] = field(default_factory=dict[tuple[int, int, int], int])

    @property
    def end(self) -> tuple[str, int, bool]:
        """What matters of the task once it is over."""
        return self.outcome, self.memory_after, self.draws

    def ends_as(self, other: Node) -> bool:
        """Whether both are the same, or over with nothing to tell them apart but the words of an error."""
        return self is other or (self.finished is not None and other.finished is not None and self.end == other.end)

    def heeds_the_clock(self, answer: int, memory: int) -> bool:
        """Whether the task reads the clock when it is told ``answer``."""
        return (answer, ANY_PHASE, memory) not in self.children


@dataclass(slots=True)
class _Running:
    """A real coroutine that stands at some node, in a context of its own, as an event loop's task has one."""

    coroutine: Strands
    answered: Callable[[], str] | None
    counts: dict[str, int] = field(default_factory=dict[str, int])
    context: Context = field(default_factory=copy_context)


class Tasks:
    """All nodes known so far; the code under test runs in here and nowhere else.

    ``merge`` lets tasks that stand alike share a node.
    """

    def __init__(
        self, clock: TimePort, ids: NamingPort, memories: dict[str, Memory], standing: Standing, *, merge: bool
    ) -> None:
        self.clock = clock
        self.ids = ids
        self.memories = memories
        self.answers = Answers()
        self.nodes: list[Node] = []
        self.scripts: list[Script] = []
        self.operations: Numbers[Hashable] = Numbers()
        self.wishes: list[Wish] = []
        self.steps = 0
        self.told = 0
        self._standing = standing
        self._merge = merge
        self._alike: dict[Hashable, int] = {}
        self._running: dict[int, _Running] = {}
        self._roots: dict[tuple[int, int, int], int] = {}

    def add(self, script: Script) -> int:
        self.scripts.append(script)
        return len(self.scripts) - 1

    def begin(self, script: int, phase: int = 0, memory: int = 0) -> Node:
        """The node at which a task first waits."""
        for known in ((script, ANY_PHASE, memory), (script, phase, memory)):
            if known in self._roots:
                return self.nodes[self._roots[known]]
        node, read = self._make(script, None, None, phase, memory)
        self._roots[(script, phase if read else ANY_PHASE, memory)] = node.number
        return node

    def tell(self, node: Node, answer: int, phase: int, memory: int = 0) -> Node:
        """The node that the task reaches when it is told ``answer``."""
        children = node.children
        number = children.get((answer, ANY_PHASE, memory))
        if number is None:
            number = children.get((answer, phase, memory))
        if number is not None:
            return self.nodes[number]
        self.told += 1
        child, read = self._make(node.script, node, answer, phase, memory)
        children[(answer, phase if read else ANY_PHASE, memory)] = child.number
        return child

    def roots(self, script: int) -> list[Node]:
        """Every node at which a task is known to first wait."""
        return [self.nodes[number] for (of, _, _), number in self._roots.items() if of == script]

    def begins_by_the_clock(self, script: int) -> bool:
        """Whether a task reads the clock before it first waits."""
        return (script, ANY_PHASE, 0) not in self._roots

    def path(self, node: Node) -> list[Node]:
        """The nodes from the task's start to here, on the way by which this one was first reached."""
        path = [node]
        while path[-1].parent is not None:
            path.append(self.nodes[path[-1].parent])
        return path[::-1]

    def rerun(self, node: Node, around: Callable[[Node], AbstractContextManager[object]]) -> None:
        """Run the real code to ``node`` once more, from the start, each step inside what ``around`` gives for it.

        Refused as "nondeterministic" where it does something else than it did.
        """
        running = self._start(node.script)
        for each in self.path(node):
            with around(each):
                self._step_again(running, each)

    def close(self) -> None:
        """Let go of the coroutines that stand somewhere; what they would still do in parting is of no interest."""
        for running in self._running.values():
            with suppress(BaseException):
                running.coroutine.close()
        self._running.clear()

    def _make(self, script: int, parent: Node | None, answer: int | None, phase: int, memory: int) -> tuple[Node, bool]:
        depth = parent.depth + 1 if parent else 0
        if depth > LONGEST_TASK:
            raise Refused("stuck", f"{self.scripts[script].label} has waited {LONGEST_TASK} times and is not done")
        number = parent.number if parent else None
        made = Node(len(self.nodes), script, number, answer, phase, memory, memory, depth)
        running = self._running.pop(parent.number, None) if parent else self._start(script)
        if running is None:
            assert parent is not None
            running = self._start(script)
            for each in self.path(parent):
                self._step_again(running, each)
        before = dict(running.counts)
        outcome = self._step(running, made)
        read = self.clock.was_read
        made.memory_after = self.memories[self.scripts[script].service].number()
        made.draws = running.counts != before
        return self._known(self._filled(made, running, outcome), running), read

    def _filled(self, node: Node, running: _Running, outcome: Wish | Finished) -> Node:
        if isinstance(outcome, Wish):
            node.operation = self.operations.of(_key(outcome.operation))
            node.line = where(running.coroutine)
            if node.operation == len(self.wishes):
                self.wishes.append(outcome)
        else:
            node.finished = outcome
            node.outcome = running.answered() if running.answered else outcome_of_request(outcome)
        return node

    def _known(self, node: Node, running: _Running) -> Node:
        """``node`` itself, or one that stands alike and was there before."""
        if node.finished is None:
            key = (node.script, node.operation, node.memory_after, self._stands(running))
        else:
            key = (node.script, repr(node.finished.error), *node.end)
        known = self._alike.get(key) if self._merge else None
        if known is not None:
            return self.nodes[known]
        self._alike[key] = node.number
        self.nodes.append(node)
        if node.finished is None:
            self._keep(node, running)
        return node

    def _stands(self, running: _Running) -> Hashable:
        answered = running.answered() if running.answered else ""
        if not self._merge:
            return None
        strands = running.coroutine
        if strands.alone is None:
            return object()
        variables = _own_variables(running.context)
        return strands.stands, self._standing.key(strands.alone, answered, running.counts, variables)

    def _keep(self, node: Node, running: _Running) -> None:
        if len(self._running) > MOST_KEPT:
            del self._running[next(iter(self._running))]
        self._running[node.number] = running

    def _start(self, script: int) -> _Running:
        coroutine, answered = self.scripts[script].start()
        return _Running(Strands(coroutine), answered)

    def _step_again(self, running: _Running, node: Node) -> None:
        """Tell the coroutine what ``node`` was told, and see to it that it does what it did then."""
        outcome = self._step(running, node)
        if self._does_the_same(node, outcome, running):
            return
        then = node.finished or self.wishes[node.operation]
        raise Refused(
            "nondeterministic",
            f"{node.line or self.scripts[node.script].label} does something else when it is told the same once more: "
            f"first it {_in_words(then)}, then it {_in_words(outcome)}; a handler's next step may depend only on its "
            "message and on what it was told, not on a global, an attribute of its class or a cache",
        )

    def _does_the_same(self, node: Node, outcome: Wish | Finished, running: _Running) -> bool:
        if self.memories[self.scripts[node.script].service].number() != node.memory_after:
            return False
        if isinstance(outcome, Wish):
            return node.finished is None and self.operations.values[node.operation] == _key(outcome.operation)
        if node.finished is None or type(outcome.error) is not type(node.finished.error):
            return False
        return node.outcome == (running.answered() if running.answered else outcome_of_request(outcome))

    def _step(self, running: _Running, node: Node) -> Wish | Finished:
        """Tell the coroutine what ``node`` was told, and let it come to its next await."""
        script = self.scripts[node.script]
        self.memories[script.service].restore(node.memory_before)
        self.ids.task, self.ids.counts = script.label, running.counts
        self.clock.phase = node.phase
        self.clock.was_read = False
        self.steps += 1
        if node.answer is None:
            return running.context.run(resume, running.coroutine)
        told = self.answers[node.answer].fresh()
        return running.context.run(resume, running.coroutine, told.value, told.error)


def _own_variables(context: Context) -> dict[tuple[str, int], Any]:
    """The context variables that a task has set for itself."""
    others = copy_context()
    return {(var.name, id(var)): value for var, value in context.items() if others.get(var, context) is not value}


def _key(operation: Operation) -> Hashable:
    return (operation.resource, operation.verb, frozen(operation.arguments), operation.writes)


def _in_words(outcome: Wish | Finished) -> str:
    if isinstance(outcome, Wish):
        asked = outcome.operation
        return f"asks {asked.resource} for {asked.verb} {reprlib.repr(asked.arguments)}"
    return "is done" if outcome.error is None else f"raises {outcome.error!r}"


def outcome_of_request(finished: Finished) -> str:
    from payments_lab.shop.errors import Indefinite, ShopError

    error = finished.error
    if error is None:
        return "answered"
    if isinstance(error, ShopError) and not isinstance(error, Indefinite):
        return f"refused: {type(error).__name__}"
    return "unknown"
