"""Running the real code once for each distinct local situation, and remembering what it did.

A *node* is where one task stands: its specification and everything that it was told so far. Nodes, operations,
answers and states of resources are numbered, so that a search walks whole numbers; the real code runs only for a
number that was never seen before.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from payments_lab.explore.coroutines import Finished, Refused, Wish, resume
from payments_lab.ports import Operation, Resource

K = TypeVar("K", bound=Hashable)

LONGEST_TASK = 500


class Numbers(Generic[K]):
    """Gives every distinct value a number, counting from 0, and gives the value back."""

    __slots__ = ("_numbers", "values")

    def __init__(self) -> None:
        self._numbers: dict[K, int] = {}
        self.values: list[K] = []

    def of(self, value: K) -> int:
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = len(self.values)
            self.values.append(value)
        return number

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a task is told: a value (pickled, so that every task gets one of its own) or an error that is thrown in."""

    pickled: bytes
    raised: bool

    @classmethod
    def of(cls, perform: Callable[[], Any]) -> Answer:
        try:
            return cls(pickle.dumps(perform()), raised=False)
        except Exception as error:
            return cls.error(error)

    @classmethod
    def error(cls, error: Exception) -> Answer:
        return cls(pickle.dumps(error.with_traceback(None)), raised=True)

    def feed(self, coroutine: Coroutine[Any, Any, Any]) -> Wish | Finished:
        value = pickle.loads(self.pickled)
        return resume(coroutine, error=value) if self.raised else resume(coroutine, answer=value)


@dataclass(slots=True)
class Node:
    """Where one task stands. ``wish`` is what it waits for, ``finished`` how it ended; one of them is there."""

    spec: int
    parent: int | None
    answer: int | None
    phase: int
    memory_before: int
    memory_after: int
    operation: int = -1
    resource: int = -1
    writes: bool = False
    finished: Finished | None = None
    reads_clock: bool = False
    depth: int = 0
    children: dict[tuple[int, int, int], int] = field(default_factory=dict[tuple[int, int, int], int])


class TimePort:
    """The clock of the code under test: it stands still, and notices when it is read."""

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
        self._counts: dict[str, int] = {}

    def begin(self, task: str) -> None:
        self.task = task
        self._counts.clear()

    def new(self, prefix: str) -> str:
        self._counts[prefix] = self._counts.get(prefix, 0) + 1
        count = self._counts[prefix]
        return f"{prefix}_{self.task}" if count == 1 else f"{prefix}_{self.task}.{count}"


@dataclass(frozen=True, slots=True)
class Script:
    """How to start a task: a ``label`` that names it (and its ids) and the coroutine function to call."""

    label: str
    service: int
    start: Callable[[], Coroutine[Any, Any, Any]]


class Memo:
    """All that is known of tasks and resources so far; the code under test runs in here and nowhere else."""

    def __init__(
        self,
        resources: list[Resource],
        clock: TimePort,
        ids: NamingPort,
        memories: list[Memory],
    ) -> None:
        self.resources = resources
        self.slots = {resource.name: slot for slot, resource in enumerate(resources)}
        self.clock = clock
        self.ids = ids
        self.memories = memories
        self.nodes: list[Node] = []
        self.scripts: list[Script] = []
        self.operations: Numbers[tuple[str, str, bytes, bool]] = Numbers()
        self.wishes: list[Wish] = []
        self.answers: Numbers[Answer] = Numbers()
        self.states: list[Numbers[bytes]] = [Numbers() for _ in resources]
        self.effects: dict[int, tuple[int, int]] = {}
        self.handler_steps = 0
        self.store_operations = 0
        self._roots: dict[tuple[int, int, int], int] = {}

    # tasks

    def begin(self, script: int, phase: int, memory: int) -> int:
        """The node at which the task of ``script`` first waits."""
        key = (script, -1, memory)
        node = self._roots.get(key)
        if node is None:
            node = self._roots.get((script, phase, memory))
        if node is None:
            node = self._make(script, None, None, phase, memory)
            self._roots[(script, phase if self.nodes[node].reads_clock else -1, memory)] = node
        return node

    def tell(self, node: int, answer: int, phase: int, memory: int) -> int:
        """The node that the task reaches when it is told ``answer``."""
        children = self.nodes[node].children
        child = children.get((answer, -1, memory))
        if child is None:
            child = children.get((answer, phase, memory))
        if child is None:
            child = self._make(self.nodes[node].spec, node, answer, phase, memory)
            children[(answer, phase if self.nodes[child].reads_clock else -1, memory)] = child
        return child

    def _make(self, script: int, parent: int | None, answer: int | None, phase: int, memory: int) -> int:
        depth = self.nodes[parent].depth + 1 if parent is not None else 0
        if depth > LONGEST_TASK:
            raise Refused("stuck", f"{self.scripts[script].label} has waited {LONGEST_TASK} times and is not done")
        made = Node(script, parent, answer, phase, memory, memory, depth=depth)
        outcome = self.replay(made)
        made.reads_clock = self.clock.was_read
        made.memory_after = self.memories[self.scripts[script].service].number()
        if isinstance(outcome, Wish):
            made.operation = self._operation(outcome)
            made.resource = self.slots.get(outcome.operation.resource, -1)
            made.writes = outcome.operation.writes
        else:
            made.finished = outcome
        self.nodes.append(made)
        return len(self.nodes) - 1

    def replay(self, node: Node) -> Wish | Finished:
        """Run the task from its start, telling it what it was told, to where ``node`` stands."""
        path = [node]
        while path[-1].parent is not None:
            path.append(self.nodes[path[-1].parent])
        script = self.scripts[node.spec]
        memory = self.memories[script.service]
        self.ids.begin(script.label)
        coroutine = script.start()
        outcome: Wish | Finished | None = None
        for step in reversed(path):
            memory.restore(step.memory_before)
            self.clock.phase = step.phase
            self.clock.was_read = False
            self.handler_steps += 1
            if step.answer is None:
                outcome = resume(coroutine)
            else:
                outcome = self.answers.values[step.answer].feed(coroutine)
        assert outcome is not None
        return outcome

    def _operation(self, wish: Wish) -> int:
        asked = wish.operation
        number = self.operations.of((asked.resource, asked.verb, freeze(asked.arguments), asked.writes))
        if number == len(self.wishes):
            self.wishes.append(wish)
        return number

    # resources

    def effect(self, slot: int, state: int, operation: int) -> tuple[int, int]:
        """The number of the answer that a resource in ``state`` gives, and of the state that it is in afterwards."""
        key = (operation << 40) | (state << 8) | slot
        known = self.effects.get(key)
        if known is None:
            known = self.effects[key] = self._perform(slot, state, operation)
        return known

    def _perform(self, slot: int, state: int, operation: int) -> tuple[int, int]:
        resource, states = self.resources[slot], self.states[slot]
        resource.restore(states.values[state])
        self.store_operations += 1
        answer = self.answers.of(Answer.of(self.wishes[operation].perform))
        after = states.of(resource.snapshot()) if self.operations.values[operation][3] else state
        return answer, after

    def operation(self, number: int) -> Operation:
        return self.wishes[number].operation


class Memory:
    """What a service keeps in its own attributes beside its ``ports``: part of what its tasks are told, lost at a crash.

    Number 0 is what the service remembers when it has just started.
    """

    def __init__(self, service: object, ports: frozenset[str]) -> None:
        self._service = service
        self._ports = ports
        self._known: Numbers[bytes] = Numbers()
        self._empty = not self._kept()
        self._known.of(_pickled_memory(service, self._kept()))

    def number(self) -> int:
        kept = self._kept()
        if not kept and self._empty:
            return 0
        return self._known.of(_pickled_memory(self._service, kept))

    def restore(self, number: int) -> None:
        attributes = vars(self._service)
        for name in self._kept():
            del attributes[name]
        if number or not self._empty:
            attributes.update(pickle.loads(self._known.values[number]))

    def _kept(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self._service).items() if name not in self._ports}


def _pickled_memory(service: object, kept: dict[str, Any]) -> bytes:
    try:
        return pickle.dumps(dict(sorted(kept.items())))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise Refused(
            "memory",
            f"{type(service).__name__} keeps {', '.join(sorted(kept))} in itself, which can't be copied: {error}",
        ) from error


def freeze(value: Any) -> bytes:
    """Equal bytes for equal plain data, whatever the order of its keys."""
    return repr(_ordered(value)).encode()


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        items: list[tuple[str, Any]] = [(repr(name), _ordered(item)) for name, item in value.items()]  # pyright: ignore[reportUnknownVariableType]
        return ("dict", sorted(items, key=lambda item: item[0]))
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, set | frozenset):
        return ("set", sorted(repr(_ordered(item)) for item in value))  # pyright: ignore[reportUnknownVariableType]
    return value
