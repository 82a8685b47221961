"""The shop as a machine on whole numbers: configurations, and the moves between them.

A configuration holds the environment (the phase of time, what may still go wrong), the number of every engine's state
and of every service's memory, and for each slot the threads in it. What a move adds to a configuration depends only on
the few fields that it looks at, so it is worked out once for each of their values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from typing import NamedTuple

from payments_lab.explore.coroutines import PAUSE, Refused
from payments_lab.explore.divided import DividedEngine
from payments_lab.explore.faults import Faults
from payments_lab.explore.fields import Field, Layout, pieces
from payments_lab.explore.numbering import Numbers
from payments_lab.explore.places import innermost
from payments_lab.explore.ports import Message
from payments_lab.explore.strands import CHOICE
from payments_lab.explore.tasks import Node
from payments_lab.explore.threads import Environment, Fate, Role, Slot, Source, Thread, Value
from payments_lab.explore.world import World

# Runs of a recovery at rest, and of a handler that gets the bus's copy: their ids must differ from all others.
RUNS_AT_REST = 100
COPY = 100

LONGEST_ALONE = 1000


class Kind(IntEnum):
    """What a move is."""

    STEP = 0
    LOST_REPLY = 1
    LOST_REQUEST = 2
    TIME = 3
    CRASH = 4
    HOLD = 5  # a thread that has not begun waits for the crash
    GIVE_UP = 6  # a client that got no answer does not ask again


class Move(NamedTuple):
    """One thing that may happen: a configuration plus ``add`` is the next one, once ``spawns`` are put into it.

    ``before`` acts at ``node``, is given ``answer`` and becomes ``after`` (None: it is gone). ``copied``: the bus keeps
    a second copy of what it delivers. ``died``: the thread gets no further before its service crashes.
    """

    kind: Kind
    add: int
    slot: Slot | None = None
    before: Thread | None = None
    after: Thread | None = None
    node: Node | None = None
    next: Node | None = None
    answer: int = -1
    copied: bool = False
    died: bool = False
    changes: bool = False
    spawns: tuple[Source, ...] = ()
    service: str = ""


@dataclass(slots=True)
class Learned:
    """What is known of the code under test before a search begins; it grows from one search to the next."""

    width: int = 12
    rooms: defaultdict[str, int] = field(default_factory=lambda: defaultdict(lambda: 8, bus=16))
    names_ids: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    remembers: set[str] = field(default_factory=set[str])


class Relearn(Exception):
    """Something was learned that the search must know from its start."""


class Effect(NamedTuple):
    """What came of an operation: the answer, and what to add to the configuration."""

    kind: Kind
    answer: int
    add: int = 0
    spawns: tuple[Source, ...] = ()


class Machine:
    """Configurations and moves of one world under some faults.

    What a service that is ``atomic`` does is one move from start to end, with no fault in between.
    """

    def __init__(self, world: World, faults: Faults, learned: Learned, *, atomic: tuple[str, ...] = ()) -> None:
        self.world = world
        self.faults = faults
        self.atomic = atomic
        self.learned = learned
        self.tasks = world.tasks
        self.engines = world.engines
        self.last_phase = len(world.clock.phases) - 1
        self._layout = layout = Layout(learned.width)
        self.environment = layout.field("environment", 12)
        self.environments: Numbers[Environment] = Numbers(Environment(0, 0, 0, 0))
        self.stream = world.stream
        self.states: list[Field] = []
        self._digits: dict[int, list[Field]] = {}
        for number, engine in enumerate(self.engines):
            if isinstance(engine, DividedEngine):
                engine.digit, engine.rooms = learned.width // 2, learned.rooms[engine.name]
                self.states.append(layout.field(engine.name, engine.rooms * engine.digit))
                self._digits[number] = pieces(self.states[number], engine.digit)
            else:
                self.states.append(layout.field(engine.name))
        self.services = tuple(world.services)
        self.mortal = tuple(name for name in faults.services if name in self.services)
        self.memories = {name: layout.field(f"memory of {name}") for name in self.services}
        first, last = self.states[0], self.states[-1]
        self.engine_bits = (1 << (last.shift + last.width)) - (1 << first.shift)
        self.slots: list[Slot] = []
        self.sources: list[Source] = []
        self._scripts: dict[tuple[int, int], int] = {}
        self._origins: dict[int, tuple[Source, int]] = {}
        self._hearing: dict[tuple[Message, str], Source] = {}
        self._queues: dict[str, Slot] = {}
        self._engine_of = {engine.name: number for number, engine in enumerate(self.engines)}
        self.bus = self._engine_of["bus"]
        self.jobs = self._engine_of.get("expiration.redis", -1)
        self.nothing = self.tasks.answers.of(lambda: None)
        self.outcomes: Numbers[str] = Numbers()
        self._engine_at: dict[int, int] = {}
        self.tick: Source | None = None
        self.recoveries: dict[str, Source] = {}
        self.requests: list[Source] = []
        self.root = self._begin()

    # the beginning

    def _begin(self) -> int:
        state = self._play_setup()
        placing = {source.slot.shift for source in self.sources if source.role is Role.SETUP}
        self.slots = [slot for slot in self.slots if slot.shift not in placing]
        faults = self.faults
        start = Environment(0, faults.crashes, faults.duplicates, faults.lost_replies, faults.retries)
        state += self.environment.step(0, self.environments.of(start))
        if self.last_phase:
            self.tick = self._source(Role.TICK, "expiration", "tick")
        self.recoveries = {name: self._source(Role.RECOVERY, name, f"{name} recovers") for name in self.services}
        scenario = self.world.scenario
        self.requests = [
            self._source(Role.REQUEST, scenario.service(number), scenario.label(number), number)
            for number in range(len(scenario.actions))
        ]
        for source, action in zip(self.requests, scenario.actions, strict=True):
            if action.after is None:
                state = self._put(state, source.slot, (source.first(),))
            else:
                self.requests[action.after].follow.append(source)
        return state

    def _play_setup(self) -> int:
        """Place the orders, one after the other; with ``known``, let everybody hear of them."""
        state = 0
        for number, order in enumerate(self.world.scenario.orders):
            source = self._source(Role.SETUP, "orders", f"place {order.id}", number)
            state = self.alone(self._put(state, source.slot, (source.first(),)), source.slot)
        if self.world.scenario.known:
            for slot in list(self.slots):
                state = self.alone(state, slot)
        return state

    def _source(self, role: Role, service: str, label: str, what: int = 0, slot: Slot | None = None) -> Source:
        if slot is None:
            slot = self._slot(label, service)
        source = Source(len(self.sources), role, service, label, slot, what)
        self.sources.append(source)
        return source

    def _slot(self, label: str, service: str, *, ordered: bool = False) -> Slot:
        slot = Slot(self._layout.field(label), service, ordered=ordered)
        self.slots.append(slot)
        return slot

    def hearing(self, message: Message, service: str) -> Source:
        """The source of the deliveries of ``message`` to ``service``."""
        source = self._hearing.get((message, service))
        if source is None:
            slot = None
            if not self.faults.reorder:
                if service not in self._queues:
                    self._queues[service] = self._slot(f"queue of {service}", service, ordered=True)
                slot = self._queues[service]
            source = self._source(Role.DELIVERY, service, f"{message.subject} to {service}", slot=slot)
            source.message = message
            self._hearing[(message, service)] = source
        return source

    # configurations

    def surroundings(self, state: int) -> Environment:
        return self.environments.values[self.environment.of(state)]

    def snapshots(self, state: int) -> tuple[bytes, ...]:
        """The state of every engine."""
        places = zip(self.engines, self.states, strict=True)
        return tuple(engine.snapshot(place.of(state)) for engine, place in places)

    def surrounding_fields(self) -> list[Field]:
        """What is no thread: the environment, the engines (the parts that are known), what the services remember."""
        engines: list[Field] = []
        for number, engine in enumerate(self.engines):
            divided = isinstance(engine, DividedEngine)
            engines += self._digits[number][: engine.parts] if divided else [self.states[number]]
        return [self.environment, *engines, *self.memories.values()]

    def count_values(self, field: Field) -> int:
        """How many values of a field are known so far."""
        if isinstance(field, Slot):
            return len(field.values)
        if field is self.environment:
            return len(self.environments)
        for number, (engine, place) in enumerate(zip(self.engines, self.states, strict=True)):
            if isinstance(engine, DividedEngine) and field in self._digits[number]:
                return engine.values_of(self._digits[number].index(field))
            if field is place:
                return engine.count
        return next(self.tasks.memories[name].count for name, place in self.memories.items() if field is place)

    def follow(self, state: int, move: Move) -> int:
        """The configuration after ``move``."""
        state += move.add
        for source in move.spawns:
            slot = source.slot
            state = self._put(state, slot, slot.replaced(slot.threads(state), None, source.first()))
        return state

    def _put(self, state: int, slot: Slot, threads: Value) -> int:
        return state + slot.step(slot.of(state), slot.values.of(threads))

    # threads

    def source_of(self, thread: Thread) -> Source:
        if thread.fate in (Fate.FIRST, Fate.DEAD):
            return self.sources[thread.at]
        return self._origins[self.tasks.nodes[thread.at].script][0]

    def beginning(self, thread: Thread, phase: int, memory: int) -> Node:
        """The node at which a thread that has not begun first waits, when it begins now."""
        return self.tasks.begin(self.script(self.sources[thread.at], thread.run), phase, memory)

    def script(self, source: Source, run: int) -> int:
        """The number of the script of one run of a source."""
        key = (source.number, run)
        number = self._scripts.get(key)
        if number is None:
            number = self._scripts[key] = self._script(source, run)
            self._origins[number] = (source, run)
        return number

    def origin(self, script: int) -> tuple[Source, int]:
        """The source of a script, and which run of it the script is."""
        return self._origins[script]

    def _script(self, source: Source, run: int) -> int:
        world = self.world
        if source.role is Role.SETUP:
            return world.placing(source.what)
        if source.role is Role.REQUEST:
            return world.action(source.what, run)
        if source.role is Role.RECOVERY:
            return world.recovery(source.service, run)
        if source.role is Role.TICK:
            return world.tick(run)
        assert source.message is not None
        return world.delivery(source.message, source.service, run)

    # moves

    def moves(self, state: int, slot: Slot, *, prophetic: bool = False, whole: bool = True) -> list[Move]:
        """What the threads in ``slot`` may do next, the uneventful move of each first.

        ``prophetic`` moves decide for each thread how far it gets before its service crashes; without them a crash is
        a move of its own (:meth:`crash`). Without ``whole`` a move of an atomic service is its first step alone.
        """
        threads = slot.threads(state)
        if self.tick is not None and slot is self.tick.slot and not threads:
            if self.surroundings(state).phase < self.last_phase:
                return []
            threads = (self.tick.first(),)
        if self.waits_for_recovery(state, slot):
            return []
        found: list[Move] = []
        for thread in slot.actors(threads):
            if thread.fate not in (Fate.DEAD, Fate.TOLD):
                found += self.acts(state, slot, threads, thread, prophetic=prophetic)
        if whole and slot.service in self.atomic:
            return [self._to_its_end(state, move) for move in found]
        return found

    def _to_its_end(self, state: int, move: Move) -> Move:
        """``move``, and all that its thread does after it when nobody interferes."""
        assert move.slot is not None
        add, spawns, thread, last, changes = move.add, move.spawns, move.after, move.next, move.changes
        for _ in range(LONGEST_ALONE):
            if thread is None or thread.fate not in (Fate.RUNS, Fate.REPLIED):
                return move._replace(add=add, spawns=spawns, after=thread, next=last, changes=changes)
            here = state + add
            step = self.acts(here, move.slot, move.slot.threads(here), thread)[0]
            add, spawns, thread, last = add + step.add, spawns + step.spawns, step.after, step.next
            changes = changes or step.changes
        raise self.never_done(move.slot)

    def never_done(self, slot: Slot) -> Refused:
        """What is in ``slot`` goes on for ever, although nobody interferes."""
        return Refused("stuck", f"{slot.name} goes on and on, and is never done")

    def waits_for_recovery(self, state: int, slot: Slot) -> bool:
        """Whether the threads in ``slot`` cannot begin before their service has recovered."""
        if not self.faults.recovers_first or slot.service not in self.recoveries:
            return False
        recovery = self.recoveries[slot.service].slot
        return slot is not recovery and bool(recovery.of(state))

    def acts(self, state: int, slot: Slot, threads: Value, thread: Thread, *, prophetic: bool = False) -> list[Move]:
        """What one of the ``threads`` in ``slot`` may do next."""
        act = _Act(self, state, slot, threads, thread, prophetic)
        return list(act.moves())

    def time_passes(self, state: int) -> Move | None:
        """The time to pay runs out."""
        environment = self.surroundings(state)
        if environment.phase >= self.last_phase:
            return None
        return Move(Kind.TIME, self.change(environment, phase=environment.phase + 1))

    def crash(self, state: int, service: str) -> Move | None:
        """The service stops where it stands, and starts anew."""
        environment = self.surroundings(state)
        if not environment.crashes or service not in self.mortal:
            return None
        if not self.has_something_to_lose(state, service):
            return None
        add = self.change(environment, crashes=environment.crashes - 1)
        return self._restart(state, service, add, environment.crashes - 1)

    def fire(self, state: int, service: str) -> Move | None:
        """The crash that was decided happens, once every thread of the service has come as far as it gets."""
        environment = self.surroundings(state)
        bit = self.bit(service)
        if not (environment.struck & bit or (environment.dying & bit and self.memories[service].of(state))):
            return None
        for slot in self.slots_of(service):
            if self.waits_for_recovery(state, slot):
                continue
            if any(thread.fate not in (Fate.DEAD, Fate.TOLD) for thread in slot.threads(state)):
                return None
        add = self.change(environment, dying=environment.dying & ~bit, struck=environment.struck & ~bit)
        return self._restart(state, service, add, environment.crashes)

    def has_something_to_lose(self, state: int, service: str) -> bool:
        """Whether a crash would cut something short, or wipe out a memory."""
        if self.memories[service].of(state):
            return True
        return any(self.has_begun(slot.threads(state)) for slot in self.slots_of(service))

    def has_begun(self, threads: Value) -> bool:
        """Whether any of these threads is under way."""
        return any(thread.fate in (Fate.RUNS, Fate.REPLIED) for thread in threads)

    def rest(self, state: int) -> list[Move]:
        """At rest nothing is under way; what the tick or a recovery would still change, if anything."""
        found: list[Move] = []
        for source in (self.tick, *self.recoveries.values()):
            if source is None:
                continue
            thread = source.first(RUNS_AT_REST + self.faults.crashes - self.surroundings(state).crashes)
            move = self.acts(state, source.slot, (thread,), thread)[0]
            if self.alone(self.follow(state, move), source.slot) != state:
                found.append(move)
        return found

    def stirs(self, state: int, slot: Slot) -> bool:
        """Whether anything would change if the threads in ``slot`` took a step."""
        return any(move.add or move.spawns for move in self.moves(state, slot))

    def is_at_rest(self, state: int) -> bool:
        """Whether no thread is under way and no time is left to pass."""
        if self.surroundings(state).phase < self.last_phase or self.surroundings(state).dying:
            return False
        return all(thread.fate is Fate.TOLD for slot in self.slots for thread in slot.threads(state))

    def change(self, before: Environment, **changes: int) -> int:
        """What to add to a configuration for these changes of its environment."""
        numbers = self.environments
        return self.environment.step(numbers.of(before), numbers.of(before._replace(**changes)))

    def engines_of(self, service: str) -> list[Field]:
        """The engines that a service may touch: its own, and those that all share."""
        places = zip(self.engines, self.states, strict=True)
        return [place for engine, place in places if "." not in engine.name or engine.name.startswith(f"{service}.")]

    def slots_of(self, service: str) -> list[Slot]:
        return [slot for slot in self.slots if slot.service == service]

    def bit(self, service: str) -> int:
        return 1 << self.services.index(service)

    def engine_of(self, node: Node) -> int:
        """The number of the engine that a node's operation asks, -1 for a pause or a choice. Refused for one that is
        not its service's own."""
        number = self._engine_at.get(node.operation)
        if number is None:
            number = self._engine_at[node.operation] = self._find_engine(node)
        return number

    def asks(self, node: Node) -> int:
        """The bits of a configuration on which it hangs what a node's operation does."""
        number = self.engine_of(node) if node.operation >= 0 else -1
        if number < 0:
            return 0
        place, wish = self.states[number], self.tasks.wishes[node.operation]
        return (self.engines[number].looks_at(node.operation, wish) & place.mask) << place.shift

    def ways(self, node: Node) -> list[int]:
        """The answers to what no engine is asked: nothing to a pause, and each strand where one is to be chosen."""
        operation = self.tasks.wishes[node.operation].operation
        if operation.resource != CHOICE:
            return [self.nothing]
        return [self.tasks.answers.of(partial(int, number)) for number in range(len(operation.arguments))]

    def reset(self, source: Source, thread: Thread) -> int:
        """The run with which a thread that is cut short begins anew; -1 when it does not."""
        if source.role is Role.DELIVERY:
            return thread.run + self.makes_ids(source)
        if source.role is Role.REQUEST and self.faults.retries:
            return thread.run + 1
        return -1

    def makes_ids(self, source: Source) -> bool:
        return self._subject(source) in self.learned.names_ids

    def note_ids(self, source: Source) -> None:
        """A task has made an id: if it may run more than once, its runs must be told apart."""
        if source.role is Role.DELIVERY and not self.makes_ids(source):
            self.learned.names_ids.add(self._subject(source))
            raise Relearn

    def note_memory(self, service: str) -> None:
        """A service has remembered something: from now on its tasks meet at every await."""
        if service not in self.learned.remembers:
            self.learned.remembers.add(service)
            raise Relearn

    def told(self, source: Source, outcome: str) -> tuple[Thread | None, tuple[Source, ...]]:
        """What is left of a request that has its answer, and what begins now."""
        if not self.world.scenario.remembers:
            return None, tuple(source.follow)
        return Thread(Fate.TOLD, self.outcomes.of(outcome), source.number), tuple(source.follow)

    def spawned(self, before: int, after: int) -> tuple[Source, ...]:
        """The deliveries that a change of the bus's state brings."""
        messages = self.stream.kept(after - before)
        return tuple(self.hearing(message, name) for message in messages for name in self.world.hearers(message))

    def _subject(self, source: Source) -> tuple[str, str]:
        return (source.service, source.message.subject if source.message else source.label)

    def _find_engine(self, node: Node) -> int:
        operation = self.tasks.wishes[node.operation].operation
        if operation.resource in (PAUSE.operation.resource, CHOICE):
            return -1
        service = self.tasks.scripts[node.script].service
        number = self._engine_of.get(operation.resource)
        if number is None or ("." in operation.resource and not operation.resource.startswith(f"{service}.")):
            raise Refused(
                "trespass",
                f"{node.line}: {service} touches {operation.resource} ({operation.verb}), which is not its own",
            )
        return number

    def alone(self, state: int, slot: Slot) -> int:
        """The configuration after what is in ``slot`` has run to its end, undisturbed. Refused when it never does."""
        for _ in range(LONGEST_ALONE):
            if not slot.of(state):
                return state
            state = self.follow(state, self.moves(state, slot)[0])
        source = self.source_of(slot.threads(state)[0])
        raise Refused("stuck", f"{source.label} is tried again and again, and never done{self.mistake_of(source)}")

    def mistake_of(self, source: Source) -> str:
        """The mistake in the code, if there is one, because of which a delivery is never done."""
        for node in self.tasks.nodes:
            error = node.finished.error if node.finished is not None else None
            if error is not None and type(error).__module__ == "builtins" and self.origin(node.script)[0] is source:
                return f" ({type(error).__name__}: {error} at {innermost(error)})"
        return ""

    def _restart(self, state: int, service: str, add: int, left: int) -> Move:
        """Every thread of the service is cut short; its memory is gone; it recovers."""
        after = state + add
        began: list[Source] = []
        recovery = self.recoveries[service]
        for slot in self.slots_of(service):
            if slot is recovery.slot:
                after = self._put(after, slot, (recovery.first(self.faults.crashes - left),))
                continue
            before = slot.of(after)
            revived, begun = self.revived(slot, before)
            after += slot.step(before, revived)
            began += begun
        memory = self.memories[service]
        after += memory.step(memory.of(after), 0)
        return Move(Kind.CRASH, after - state, spawns=tuple(began), service=service)

    def revived(self, slot: Slot, value: int) -> tuple[int, list[Source]]:
        """What a crash makes of the threads in ``slot``, and what begins then: the number of what is left."""
        revived: list[Thread] = []
        began: list[Source] = []
        for thread in slot.values.values[value]:
            if thread.fate in (Fate.FIRST, Fate.TOLD):
                revived.append(thread)
                continue
            source = self.source_of(thread)
            run = thread.run if thread.fate is Fate.DEAD else self.reset(source, thread)
            if run >= 0:
                revived.append(source.first(run))
            elif source.role is Role.REQUEST:
                left, begin = self.told(source, "unknown")
                revived += [left] if left else []
                began += begin
        return slot.values.of(tuple(revived if slot.ordered else sorted(revived))), began


class _Act:
    """One thread's next step, in all the ways in which it may go."""

    def __init__(
        self, machine: Machine, state: int, slot: Slot, threads: Value, thread: Thread, prophetic: bool
    ) -> None:
        self.machine = machine
        self.state = state
        self.slot = slot
        self.threads = threads
        self.thread = thread
        self.environment = machine.surroundings(state)
        self.memory = machine.memories[slot.service]
        self.remembered = self.memory.of(state)
        self.remembers = slot.service in machine.learned.remembers
        self.may_fail = slot.service in machine.faults.services
        environment = self.environment
        may_crash = bool(environment.crashes or environment.dying & machine.bit(slot.service))
        self.may_die = prophetic and self.may_fail and may_crash
        self.source = machine.source_of(thread)
        self.is_retry = self.source.role is Role.REQUEST and thread.fate is Fate.FIRST and thread.run > 0

    def moves(self) -> Iterator[Move]:
        thread = self.thread
        machine = self.machine
        if thread.fate is Fate.FIRST:
            yield from self._begin()
            return
        node = machine.tasks.nodes[thread.at]
        if thread.fate is Fate.REPLIED:
            yield from self._continue(node, Effect(Kind.STEP, thread.answer))
            return
        yield from self._operate(node)

    def _begin(self) -> Iterator[Move]:
        machine, source = self.machine, self.source
        if self.is_retry:
            yield self._give_up()
            if not self.environment.retries:
                return
        node = machine.beginning(self.thread, self.environment.phase, self.remembered)
        if node.draws:
            machine.note_ids(source)
        if node.memory_after != self.remembered:
            machine.note_memory(self.slot.service)
        by_the_clock = machine.tasks.begins_by_the_clock(node.script) and self.environment.phase < machine.last_phase
        if node.finished is not None:
            yield from self._ended(node, node, Effect(Kind.STEP, -1))
        elif self.remembers or by_the_clock:
            after = Thread(Fate.RUNS, node.number, self.thread.run)
            yield from self._copies(node, None, Effect(Kind.STEP, -1), after, (), node.memory_after)
        else:
            yield from self._operate(node)
        if self.may_die:
            yield self._move(node, None, Effect(Kind.HOLD, -1), self._dead(self.thread.run), (), died=True)

    def _give_up(self) -> Move:
        left, begun = self.machine.told(self.source, "unknown")
        return self._move(None, None, Effect(Kind.GIVE_UP, -1), left, begun)

    def _operate(self, node: Node) -> Iterator[Move]:
        for effect in self._effects(node):
            split = self.remembers or (
                effect.add and self.environment.phase < self.machine.last_phase and self._heeds(node, effect.answer)
            )
            if not split:
                yield from self._continue(node, effect)
                continue
            after = Thread(Fate.REPLIED, node.number, self.thread.run, effect.answer)
            yield from self._copies(node, None, effect, after, (), self.remembered)
            if self.may_die and effect.add and effect.kind is Kind.STEP:
                yield from self._deaths(node, effect)

    def _heeds(self, node: Node, answer: int) -> bool:
        self.machine.tasks.tell(node, answer, self.environment.phase, self.remembered)
        return node.heeds_the_clock(answer, self.remembered)

    def _effects(self, node: Node) -> Iterator[Effect]:
        machine = self.machine
        number = machine.engine_of(node)
        if number < 0:
            for answer in machine.ways(node):
                yield Effect(Kind.STEP, answer)
            return
        engine, place = machine.engines[number], machine.states[number]
        before = place.of(self.state)
        wish = machine.tasks.wishes[node.operation]
        answer, after = engine.effect(before, node.operation, wish)
        engine.done.setdefault(before, set()).add(node.operation)
        add = place.step(before, after)
        spawns = machine.spawned(before, after) if add and number == machine.bus else ()
        yield Effect(Kind.STEP, answer, add, spawns)
        if not self.environment.lost_replies or not self.may_fail:
            return
        yield Effect(Kind.LOST_REPLY, engine.lost, add, spawns)
        if add:
            yield Effect(Kind.LOST_REQUEST, engine.lost)

    def _continue(self, node: Node, effect: Effect) -> Iterator[Move]:
        machine = self.machine
        following = machine.tasks.tell(node, effect.answer, self.environment.phase, self.remembered)
        if following.draws:
            machine.note_ids(self.source)
        if following.memory_after != self.remembered:
            machine.note_memory(self.slot.service)
        if following.finished is not None:
            yield from self._ended(node, following, effect)
            return
        after = Thread(Fate.RUNS, following.number, self.thread.run)
        yield from self._copies(node, following, effect, after, (), following.memory_after)
        if self.may_die and (effect.add or self._is_new_request()) and effect.kind is Kind.STEP:
            yield from self._deaths(node, effect)

    def _is_new_request(self) -> bool:
        """Whether a client asks now: should the service die before it has done anything, the client has asked all the
        same, and gets no answer.
        """
        return self.source.role is Role.REQUEST and self.thread.fate is Fate.FIRST

    def _ended(self, node: Node, following: Node, effect: Effect) -> Iterator[Move]:
        after, begun = self._left(following)
        yield from self._copies(node, following, effect, after, begun, following.memory_after)
        if self.may_die and effect.kind is Kind.STEP:
            yield from self._deaths(node, effect)

    def _left(self, following: Node) -> tuple[Thread | None, tuple[Source, ...]]:
        """What is left of a thread that came to its end, and what begins then."""
        machine, source, thread = self.machine, self.source, self.thread
        if source.role is Role.DELIVERY and following.outcome == "again":
            return source.first(machine.reset(source, thread)), ()
        if source.role is Role.DELIVERY and following.outcome != "ack":
            return Thread(Fate.TOLD, machine.outcomes.of(following.outcome), source.number), ()
        if source.role is Role.REQUEST:
            run = machine.reset(source, thread) if following.outcome == "unknown" else -1
            return (source.first(run), ()) if run > 0 else machine.told(source, following.outcome)
        return None, ()

    def _copies(
        self,
        node: Node,
        following: Node | None,
        effect: Effect,
        after: Thread | None,
        begun: tuple[Source, ...],
        memory: int,
    ) -> Iterator[Move]:
        """The move itself, and the one in which the bus keeps a copy of what it delivers."""
        yield self._move(node, following, effect, after, begun, memory=memory)
        if self._may_be_copied():
            yield self._move(node, following, effect, after, begun, memory=memory, copied=True)

    def _deaths(self, node: Node, effect: Effect) -> Iterator[Move]:
        """It gets this far, and no further before its service crashes."""
        source = self.source
        dead = self._dead(self.machine.reset(source, self.thread))
        yield self._move(node, None, effect, dead, (), died=True)
        if self._may_be_copied():
            yield self._move(node, None, effect, dead, (), died=True, copied=True)

    def _may_be_copied(self) -> bool:
        return bool(
            self.source.role is Role.DELIVERY and self.thread.fate is Fate.FIRST and self.environment.duplicates
        )

    def _dead(self, run: int) -> Thread:
        return Thread(Fate.DEAD, self.source.number, run)

    def _move(
        self,
        node: Node | None,
        following: Node | None,
        effect: Effect,
        after: Thread | None,
        begun: tuple[Source, ...],
        *,
        memory: int | None = None,
        copied: bool = False,
        died: bool = False,
    ) -> Move:
        machine, slot = self.machine, self.slot
        left = [after] if after is not None else []
        if copied:
            left.append(self.source.first(self.thread.run + COPY * machine.makes_ids(self.source)))
        add = effect.add + self._surroundings(effect.kind, copied=copied, died=died)
        if memory is not None:
            add += self.memory.step(self.remembered, memory)
        spawns = (*effect.spawns, *begun)
        own = [source.first() for source in spawns if source.slot is slot]
        threads = slot.replaced(self.threads, self.thread, *left)
        for thread in own:
            threads = slot.replaced(threads, None, thread)
        add += slot.step(slot.of(self.state), slot.values.of(threads))
        return Move(
            kind=effect.kind,
            add=add,
            slot=slot,
            before=self.thread,
            after=after,
            node=node,
            next=following,
            answer=effect.answer,
            copied=copied,
            died=died,
            changes=bool(effect.add),
            spawns=tuple(source for source in spawns if source.slot is not slot),
            service=slot.service,
        )

    def _surroundings(self, kind: Kind, *, copied: bool, died: bool) -> int:
        """What to add for the faults that this move uses up."""
        before = self.environment
        changes: dict[str, int] = {}
        if kind in (Kind.LOST_REPLY, Kind.LOST_REQUEST):
            changes["lost_replies"] = before.lost_replies - 1
        if self.is_retry and kind not in (Kind.GIVE_UP, Kind.HOLD):
            changes["retries"] = before.retries - 1
        if copied:
            changes["duplicates"] = before.duplicates - 1
        if died:
            bit = self.machine.bit(self.slot.service)
            changes["dying"] = before.dying | bit
            changes["crashes"] = before.crashes - (not before.dying & bit)
            if kind is not Kind.HOLD:
                changes["struck"] = before.struck | bit
        return self.machine.change(before, **changes) if changes else 0
