"""Which slots must be tried in a configuration: a *persistent set*, so that no order is lost that makes a difference.

A set of slots is persistent if nothing that the other slots can ever do, before one of the set acts, conflicts with the
next step of any in the set. Trying only these leads to every end that trying all would lead to. To keep any loop from
putting off the others for ever, a step that may close a loop makes all slots be tried.
Source of the idea: Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", 1996.

A crash cuts every thread of a service short at once. To keep the threads apart all the same, each decides for itself
how far it gets (``prophetic`` moves of the machine), and the crash *fires* when all have. Until a thread has decided,
the crash cannot come, nor anything that only follows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from payments_lab.explore.knowledge import HEEDS_TIME, TIME_PASSES, Knowledge
from payments_lab.explore.machine import Machine
from payments_lab.explore.threads import Environment, Fate, Slot, Source, Thread, Value


class Choice(NamedTuple):
    """What to try: some slots, the passing of time, crashes that fire. ``everything``: nothing is left out."""

    slots: tuple[Slot, ...]
    time: bool
    fires: tuple[str, ...]
    everything: bool


class Footprint:
    """The threads in a slot: what they clash with in their next step, and all that they may ever do.

    ``waiting`` is what its dead threads may do after the crash.
    """

    __slots__ = ("clashes", "live", "reach", "service", "slot", "waiting")

    def __init__(self, slot: Slot, *, live: bool) -> None:
        self.slot = slot
        self.service = slot.service
        self.live = live
        self.clashes = 0
        self.reach = 0
        self.waiting = 0

    def followed_by(self, *later: Footprint) -> Footprint:
        """The same, and what the others may do afterwards."""
        made = Footprint(self.slot, live=self.live)
        made.clashes, made.waiting, made.reach = self.clashes, self.waiting, self.reach
        for each in later:
            made.waiting |= each.waiting
            made.reach |= each.reach
        return made


class Reduction:
    """Finds persistent sets from what is known of the tasks."""

    def __init__(self, machine: Machine, knowledge: Knowledge) -> None:
        self.machine = machine
        self.knowledge = knowledge
        self._reaches: list[dict[tuple[Thread, int, int, bool], int]] = []
        self._footprints: dict[tuple[int, int, int, bool], Footprint] = {}
        self._known: dict[Thread, bool] = {}
        self._known_values: dict[tuple[int, int], bool] = {}
        self._ticks: dict[tuple[int, int, int], bool] = {}
        first, last = machine.states[0], machine.states[-1]
        self._engine_bits = (1 << (last.shift + last.width)) - (1 << first.shift)
        self.forget()

    def forget(self) -> None:
        """More is known now."""
        self._reaches = [{} for _ in self.machine.engines]
        self._footprints.clear()
        self._known.clear()
        self._known_values.clear()

    def scene(self, state: int) -> Scene:
        return Scene(self, state)

    def footprint(self, slot: Slot, value: int, state: int, *, lossy: bool) -> Footprint:
        """Of what is in a slot when it has ``value``."""
        key = (slot.shift, value, state & self._engine_bits, lossy)
        made = self._footprints.get(key)
        if made is None:
            threads = slot.values.values[value] or (self.machine.tick.first(),)  # pyright: ignore[reportOptionalMemberAccess]
            made = self._footprints[key] = self._make(slot, threads, state, lossy=lossy)
        return made

    def _make(self, slot: Slot, threads: Value, state: int, *, lossy: bool) -> Footprint:
        acting = slot.actors(threads)
        made = Footprint(slot, live=any(thread.fate not in (Fate.DEAD, Fate.TOLD) for thread in threads))
        for thread in threads:
            if thread.fate is Fate.TOLD:
                continue
            reach = self.reach(thread, state, lossy=lossy)
            if thread.fate is Fate.DEAD:
                made.waiting |= reach
                continue
            made.reach |= reach
            if thread in acting:
                made.clashes |= self.knowledge.clashes(thread, state)
        return made

    def knows(self, thread: Thread) -> bool:
        known = self._known.get(thread)
        if known is None:
            known = self._known[thread] = self.knowledge.knows(thread)
        return known

    def knows_all(self, slot: Slot, value: int) -> bool:
        key = (slot.shift, value)
        known = self._known_values.get(key)
        if known is None:
            known = self._known_values[key] = all(self.knows(thread) for thread in slot.values.values[value])
        return known

    def reach(self, thread: Thread, state: int, *, lossy: bool) -> int:
        """All that a thread may do: what every engine's state admits."""
        mask = -1
        machine = self.machine
        bus = machine.states[machine.bus].of(state)
        for number, place in enumerate(machine.states):
            now = (state >> place.shift) & place.mask
            key = (thread, now, bus, lossy)
            reaches = self._reaches[number]
            found = reaches.get(key)
            if found is None:
                found = reaches[key] = self.knowledge.reach(thread, number, now, bus, lossy=lossy)
            mask &= found
        return mask

    def will_tick(self, state: int) -> bool:
        """Whether a tick that begins once none is under way would do anything."""
        machine = self.machine
        tick = machine.tick
        assert tick is not None
        redis = machine.states[machine.jobs].of(state)
        key = (tick.slot.of(state), redis, machine.environment.of(state))
        known = self._ticks.get(key)
        if known is None:
            after = machine.alone(state, tick.slot)
            known = self._ticks[key] = machine.stirs(after, tick.slot)
        return known


class Scene:
    """One configuration as footprints. Sets are bits: one for each footprint, then time, then crashes that may fire."""

    __slots__ = (
        "after_crash",
        "asleep",
        "environment",
        "everything",
        "fires",
        "known",
        "live",
        "lossy",
        "prints",
        "reduction",
        "state",
        "time",
    )

    def __init__(self, reduction: Reduction, state: int) -> None:
        machine = reduction.machine
        self.reduction = reduction
        self.state = state
        environment = self.environment = machine.surroundings(state)
        lossy = self.lossy = environment.lost_replies > 0
        present: list[tuple[Slot, int]] = []
        for slot in machine.slots:
            value = (state >> slot.shift) & slot.mask
            if value:
                present.append((slot, value))
        self.known = reduction.knowledge.knows_engines(state) and all(
            reduction.knows_all(slot, value) for slot, value in present
        )
        self.asleep: Footprint | None = None
        self.fires: dict[str, int] = {}
        self.after_crash: dict[str, int] = {}
        self.prints: list[Footprint]
        if self.known:
            self.prints = [reduction.footprint(slot, value, state, lossy=lossy) for slot, value in present]
        else:
            self.prints = [Footprint(slot, live=True) for slot, _ in present]
        if machine.tick is not None:
            self._add_tick(machine.tick)
        if machine.faults.recovers_first and machine.faults.crashes:
            self._let_wait()
        live, bit = 0, 1
        for each in self.prints:
            if each.live:
                live |= bit
            bit <<= 1
        self.live = live
        self.time = bit if environment.phase < machine.last_phase else 0
        if environment.crashes or environment.dying:
            self._foresee_crashes(environment, bit << 1)
        self.everything = live | self.time | sum(self.fires.values())

    def _add_tick(self, source: Source) -> None:
        """The tick is no thread until it begins; it may begin, and begin again, as long as there is a job for it."""
        machine, reduction, slot = self.reduction.machine, self.reduction, source.slot
        self.known = self.known and reduction.knows(source.first())
        tick = Footprint(slot, live=True)
        if self.known:
            tick = reduction.footprint(slot, 0, self.state, lossy=self.lossy)
        if self.environment.phase < machine.last_phase or not reduction.will_tick(self.state):
            self.asleep = tick
            return
        for number, each in enumerate(self.prints):
            if each.slot is slot:
                self.prints[number] = each.followed_by(tick)
                return
        self.prints.append(tick)

    def _let_wait(self) -> None:
        """Nothing of a service that recovers can happen before its recovery has gone on."""
        machine = self.reduction.machine
        for service in machine.mortal:
            recovery = machine.recoveries[service].slot
            if not recovery.of(self.state):
                continue
            waiting = [each for each in self.prints if each.service == service and each.slot is not recovery]
            self.prints = [
                each.followed_by(*waiting) if each.slot is recovery else each
                for each in self.prints
                if each not in waiting
            ]

    def _foresee_crashes(self, environment: Environment, bit: int) -> None:
        machine = self.reduction.machine
        for name in machine.mortal:
            dying = environment.dying & machine.bit(name)
            if not environment.crashes and not dying:
                continue
            first = machine.recoveries[name].first(1)
            self.known = self.known and self.reduction.knows(first)
            reach = self.reduction.reach(first, self.state, lossy=self.lossy) if self.known else 0
            alive = False
            for each in self.prints:
                if each.service == name:
                    reach |= each.waiting
                    alive = alive or each.live
            self.after_crash[name] = reach
            if dying and not alive:
                self.fires[name] = bit
                bit <<= 1

    def choices(self) -> Iterator[Choice]:
        """Persistent sets, the smallest first; the last one is everything."""
        if self.known:
            found: list[int] = []
            for start in self._starts():
                needed = self._needed(start)
                if not needed & ~start:
                    yield self.choice(start)
                else:
                    found.append(start | needed)
            wider = {self.closure(each) for each in found} - {self.everything}
            for chosen in sorted(wider, key=int.bit_count):
                yield self.choice(chosen)
        yield self.choice(self.everything)

    def _starts(self) -> Iterator[int]:
        for number, each in enumerate(self.prints):
            if each.live:
                yield 1 << number
        yield from self.fires.values()
        if self.time:
            yield self.time

    def choice(self, chosen: int) -> Choice:
        return Choice(
            tuple(each.slot for number, each in enumerate(self.prints) if chosen & self.live & (1 << number)),
            bool(chosen & self.time),
            tuple(name for name, bit in self.fires.items() if chosen & bit) if self.fires else (),
            chosen == self.everything,
        )

    def holds(self, choice: Choice) -> bool:
        """Whether a choice that was once made is persistent by what is known now."""
        if choice.everything:
            return True
        chosen = self.time if choice.time else 0
        for number, each in enumerate(self.prints):
            if each.slot in choice.slots:
                chosen |= 1 << number
        for name in choice.fires:
            chosen |= self.fires[name]
        return self.known and not self._needed(chosen) & ~chosen

    def closure(self, chosen: int) -> int:
        """The smallest persistent set that holds ``chosen``."""
        while True:
            wider = chosen | self._needed(chosen)
            if wider == chosen:
                return chosen
            chosen = wider

    def _needed(self, chosen: int) -> int:
        clashes = 0
        for number, each in enumerate(self.prints):
            if chosen >> number & 1:
                clashes |= each.clashes
        if chosen & self.time:
            clashes |= HEEDS_TIME
        for name, bit in self.fires.items():
            if chosen & bit:
                clashes |= self.reduction.knowledge.starts(name)
        needed = self._able_to(clashes)
        if self.time and clashes & TIME_PASSES:
            needed |= self.time
        if self.asleep is not None and clashes & self.asleep.reach:
            needed |= self.time or self._able_to(self.asleep.clashes)
        for name, reach in self.after_crash.items():
            if clashes & reach:
                needed |= self._before_the_crash(name, chosen)
        return needed

    def _able_to(self, deeds: int) -> int:
        """Those who may ever do any of ``deeds``."""
        found = 0
        bit = 1
        for each in self.prints:
            if deeds & each.reach:
                found |= bit
            bit <<= 1
        return found

    def _before_the_crash(self, service: str, chosen: int) -> int:
        """Something without which the crash of ``service`` cannot come, unless it is chosen already."""
        if service in self.fires:
            return self.fires[service]
        first = 0
        for number, each in enumerate(self.prints):
            if each.live and each.service == service:
                if chosen >> number & 1:
                    return 0
                first = first or 1 << number
        return first or self._able_to(self.reduction.knowledge.starts(service))
