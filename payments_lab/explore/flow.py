"""What follows many configurations at once.

A move adds the same to every configuration that agrees in the few fields that it looks at. Those fields, cut out of the
first words, and the value of the slot make a key; each key is worked out once, by the machine, and then looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from payments_lab.explore.growing import Growing, distinct
from payments_lab.explore.machine import LONGEST_ALONE, Kind, Machine, Move
from payments_lab.explore.packing import WORD, Packing, Place, Words
from payments_lab.explore.search import Entry
from payments_lab.explore.seen import Ints, Seen
from payments_lab.explore.threads import Fate, Slot, Source, Thread

if TYPE_CHECKING:
    from payments_lab.explore.compiled import Walk

NONE = -1
UNKNOWN = -2

Bits = NDArray[np.bool_]


class Followed(NamedTuple):
    """Configurations that follow, and for each of them the row of the one that it follows; and the rows after which
    nothing does, but for a crash.
    """

    words: Words
    origins: Ints
    still: Ints


class Acted(NamedTuple):
    """The entries by which something acted, what follows, and the rows from which it does."""

    entered: list[tuple[Channel, Ints]]
    words: Words
    origins: Ints


class Flow:
    """The moves of a machine over packed configurations.

    ``entry`` works one out, ``looks_at`` says which bits of a configuration it depends on, ``bitten`` is told how often
    something happened that has no entry.
    """

    def __init__(
        self,
        machine: Machine,
        packing: Packing,
        entry: Callable[[int, Slot], Entry],
        looks_at: Callable[[int, Slot], int],
        bitten: Callable[[Kind, int], None],
    ) -> None:
        self.machine = machine
        self.packing = packing
        self._entry = entry
        self._looks_at = looks_at
        self._bitten = bitten
        self.moves = Moves(packing)
        self._channels = [Channel(slot, packing, self.moves, entry, looks_at) for slot in machine.slots]
        self._surroundings = _Surroundings(machine, packing)
        self.changes: dict[int, Changed] = {}
        self._walk: Walk | None = None
        self._crashes = [_Crash(machine, packing, name) for name in machine.mortal] if machine.faults.crashes else []

    def use(self, walk: Walk | None) -> None:
        """Be faster with what was compiled, if it was."""
        self._walk = walk
        for channel in self._channels:
            channel.keys.walk = walk

    def carried(self, packing: Packing) -> Flow:
        """The same moves in other places: what was worked out is not forgotten."""
        made = Flow(self.machine, packing, self._entry, self._looks_at, self._bitten)
        moves = made.moves = self.moves.carried(packing)
        known = [channel.carried(moves, packing) for channel in self._channels]
        slots = self.machine.slots[len(known) :]
        made._channels = [*known, *(Channel(slot, packing, moves, self._entry, self._looks_at) for slot in slots)]
        made.changes = {number: change.carried(packing) for number, change in self.changes.items()}
        made.use(self._walk)
        return made

    @property
    def learned(self) -> int:
        """Grows whenever something is learned of what a source makes of its slot."""
        return sum(change.learned for change in self.changes.values())

    def follow(self, words: Words) -> Followed:
        """Everything that may happen next in each of the configurations ``words``.

        Narrow when the packing has no room for what was worked out; nothing has happened then.
        """
        here = self._surroundings.of(words)
        acted = self._act(words, here)
        bites = [partial(channel.count, entries) for channel, entries in acted.entered]
        found, rows = [acted.words], [acted.origins]
        passing = np.flatnonzero(here.passes)
        if len(passing):
            found.append(_added(words, passing, here.passing))
            rows.append(passing)
        still = np.ones(len(words[0]), bool)
        for each in rows:
            still[each] = False
        resting = np.flatnonzero(still)
        for crash in self._crashes:
            struck = np.flatnonzero(here.crashes & crash.would_lose(words))
            if len(struck):
                found.append(self._crashed(words, struck, here, crash))
                rows.append(struck)
                bites.append(partial(self._bitten, Kind.CRASH, len(struck)))
        for each in bites:
            each()
        if len(found) == 1:
            return Followed(acted.words, acted.origins, resting)
        together = [np.concatenate(parts) for parts in zip(*found, strict=True)]
        return Followed(together, np.concatenate(rows), resting)

    def waits_for(self, slot: Slot) -> Slot | None:
        """Where nobody may be, so that those in a slot may act: their service recovers first."""
        machine = self.machine
        if not machine.faults.recovers_first or slot.service not in machine.recoveries:
            return None
        recovery = machine.recoveries[slot.service].slot
        return recovery if slot is not recovery else None

    def _ticks(self, slot: Slot) -> bool:
        """Whether there is something to do in a slot although nobody is in it, once no time is left."""
        return self.machine.tick is not None and slot is self.machine.tick.slot

    def _acting(self, slot: Slot, words: Words, here: _Here) -> Ints:
        """The rows in which there is something to do in a slot."""
        acts = self.packing.get(words, slot) != 0
        if self._ticks(slot):
            acts |= here.is_last
        waits = self.waits_for(slot)
        if waits is not None:
            acts &= self.packing.get(words, waits) == 0
        return np.flatnonzero(acts)

    def _act(self, words: Words, here: _Here) -> Acted:
        """What follows configurations by what is in the slots."""
        if self._walk is not None:
            ticking = [
                self._acting(each.slot, words, here) if self._ticks(each.slot) else None for each in self._channels
            ]
            return self._walk.act(self, words, list(zip(self._channels, ticking, strict=True)))
        entered: list[tuple[Channel, Ints]] = []
        found, origins = [[word[:0] for word in words]], [np.zeros(0, np.int64)]
        for channel in self._channels:
            acting = self._acting(channel.slot, words, here)
            if not len(acting):
                continue
            entries, made, begun = self.act_in(channel, words, acting)
            entered.append((channel, entries))
            found.append(made)
            origins.append(begun)
        return Acted(entered, [np.concatenate(parts) for parts in zip(*found, strict=True)], np.concatenate(origins))

    def act_in(self, channel: Channel, words: Words, rows: Ints) -> tuple[Ints, Words, Ints]:
        """By which entries rows act in a slot, what follows, and the row of each; what is not known is worked out."""
        entries = channel.entries(words, rows)
        moves, begun = channel.moves(entries, rows)
        made = self._moved(words, moves, begun)
        if channel.slot.service in self.machine.atomic:
            made, begun = self._gone_on(channel, words, made, begun)
        return entries, made, begun

    def _moved(self, words: Words, moves: Ints, origins: Ints) -> Words:
        made = [word[origins] + add[moves] for word, add in zip(words, self.moves.adds, strict=True)]
        for sources in self.moves.sources:
            begun = sources[moves]
            some = np.flatnonzero(begun != NONE)
            if len(some):
                self._spawn(made, some, begun[some])
        return made

    def _go_on(self, channel: Channel, words: Words) -> None:
        """Let what is under way in a slot come to its end, in place."""
        left = np.arange(len(words[0]))
        for _ in range(LONGEST_ALONE):
            here = [word[left] for word in words]
            acting = np.flatnonzero(self.packing.get(here, channel.slot))
            if not len(acting):
                return
            moves = channel.onward(here, acting)
            acting, moves = acting[moves != NONE], moves[moves != NONE]
            if not len(acting):
                return
            left = left[acting]
            for word, moved in zip(words, self._moved(here, moves, acting), strict=True):
                word[left] = moved
        raise self.machine.never_done(channel.slot)

    def _gone_on(self, channel: Channel, words: Words, made: Words, origins: Ints) -> tuple[Words, Ints]:
        """The same after what is under way in a slot has come to its end; without those to which nothing happened."""
        self._go_on(channel, made)
        changed = np.zeros(len(origins), bool)
        for word, after in zip(words, made, strict=True):
            changed |= word[origins] != after
        return [word[changed] for word in made], origins[changed]

    def _spawn(self, words: Words, rows: Ints, sources: Ints) -> None:
        for number in distinct(sources):
            self.change_of(int(number)).apply(words, rows[sources == number])

    def change_of(self, number: int) -> Changed:
        """What the beginning of a source, by its number, makes of its slot."""
        change = self.changes.get(number)
        if change is None:
            source = self.machine.sources[number]
            change = self.changes[number] = Changed(self.packing, source.slot, _begins(source))
        return change

    def _crashed(self, words: Words, rows: Ints, here: _Here, crash: _Crash) -> Words:
        made = [word[rows] for word in words]
        begun = crash.apply(made, here.numbers[rows])
        made[0] += here.crashing[rows]
        for some, sources in begun:
            self._spawn(made, some, sources)
        return made


def _added(words: Words, rows: Ints, add: NDArray[np.uint64]) -> Words:
    made = [word[rows] for word in words]
    made[0] += add[rows]
    return made


def _begins(source: Source) -> Callable[[int], int]:
    slot = source.slot

    def changed(value: int) -> int:
        return slot.values.of(slot.replaced(slot.values.values[value], None, source.first()))

    return changed


class Moves:
    """What each move adds to each word, and the sources that it starts in other slots."""

    def __init__(self, packing: Packing) -> None:
        self._packing = packing
        self._adds = [Growing(np.uint64) for _ in range(packing.words)]
        self._sources: list[Growing] = []
        self._changes = _Changes(Growing(np.int64), Growing(np.int64), Growing(np.int64))

    def carried(self, packing: Packing) -> Moves:
        """The same for another packing."""
        made = Moves(packing)
        made._sources, made._changes = self._sources, self._changes
        moves, fields, steps = (each.array for each in self._changes)
        adds = [np.zeros(len(self), np.uint64) for _ in made._adds]
        for field in distinct(fields):
            rows, place = fields == field, packing.at(int(field))
            adds[place.word][moves[rows]] += steps[rows].astype(np.uint64) << np.uint64(place.shift)
        for words, add in zip(made._adds, adds, strict=True):
            words.extend(add)
        return made

    def __len__(self) -> int:
        return len(self._adds[0])

    @property
    def adds(self) -> Words:
        return [add.array for add in self._adds]

    @property
    def sources(self) -> list[NDArray[Any]]:
        return [each.array for each in self._sources]

    def add(self, state: int, move: Move) -> None:
        number, adds = len(self), [0] * len(self._adds)
        for field, step in self._packing.changes(state, state + move.add):
            place = self._packing.at(field)
            adds[place.word] += step << place.shift
            for column, value in zip(self._changes, (number, field, step), strict=True):
                column.append(value)
        for words, add in zip(self._adds, adds, strict=True):
            words.append(add % (1 << WORD))
        while len(self._sources) < len(move.spawns):
            self._sources.append(Growing(np.int64))
            self._sources[-1].extend([NONE] * (len(self) - 1))
        for place, sources in enumerate(self._sources):
            sources.append(move.spawns[place].number if place < len(move.spawns) else NONE)


class _Changes(NamedTuple):
    """Which move changes which field, by where the machine has it, and by how much."""

    moves: Growing
    fields: Growing
    steps: Growing


class Channel:
    """What may happen in one slot, by key."""

    def __init__(
        self,
        slot: Slot,
        packing: Packing,
        moves: Moves,
        entry: Callable[[int, Slot], Entry],
        looks_at: Callable[[int, Slot], int],
    ) -> None:
        self.slot = slot
        self._packing = packing
        self._moves = moves
        self._entry = entry
        self._looks_at = looks_at
        self.masks = [Growing(np.uint64) for _ in range(packing.surroundings)]
        self.keys = Seen(packing.surroundings + 1)
        self._entries: list[Entry] = []
        self.starts = Growing(np.int64)
        self.counts = Growing(np.int64)
        self.onwards = Growing(np.int64)

    def carried(self, moves: Moves, packing: Packing) -> Channel:
        """What is known, for another packing."""
        made = Channel(self.slot, packing, moves, self._entry, self._looks_at)
        made._entries, made.starts, made.counts, made.onwards = self._entries, self.starts, self.counts, self.onwards
        if self._entries:
            made._know_values(len(self.masks[0]) - 1)
            value = (1 << WORD) - 1
            before = self._packing
            last = (Place(before.surroundings, 0, value), Place(packing.surroundings, 0, value))
            self.keys.size = len(self._entries)
            made.keys = self.keys
            made.keys.move([*packing.places_from(before)[: before.around], last], packing.surroundings + 1)
        return made

    def arrays(self) -> list[NDArray[Any]]:
        """All that is known, as it lies in memory."""
        growing = (self.starts, self.counts, self.onwards, *self.masks)
        return [self.keys.table, self.keys.rows, *(each.array for each in growing)]

    def entries(self, words: Words, rows: Ints) -> Ints:
        values = self._packing.get(words, self.slot)[rows]
        self._know_values(int(values.max()))
        cut = [word[rows] & mask.array[values] for word, mask in zip(words, self.masks, strict=False)]
        numbers, new = self.keys.add([*cut, values.astype(np.uint64)])
        for row in new:
            self._work_out([int(word[row]) for word in cut], int(values[row]))
        return numbers

    def moves(self, entries: Ints, rows: Ints) -> tuple[Ints, Ints]:
        """The moves of each entry, and the row of each move."""
        counts = self.counts.array[entries]
        before = np.cumsum(counts) - counts
        within = np.arange(int(counts.sum())) - np.repeat(before, counts)
        return np.repeat(self.starts.array[entries], counts) + within, np.repeat(rows, counts)

    def onward(self, words: Words, rows: Ints) -> Ints:
        """The next move of what is under way in each row, NONE where nothing is."""
        entries = self.entries(words, rows)
        return self.onwards.array[entries]

    def count(self, entries: Ints) -> None:
        hits = np.bincount(entries, minlength=len(self._entries))
        for number in np.flatnonzero(hits):
            self._entries[number].hits += int(hits[number])

    def _know_values(self, most: int) -> None:
        for value in range(len(self.masks[0]), most + 1):
            looks_at = self._looks_at(value << self.slot.shift, self.slot)
            for masks, mask in zip(self.masks, self._packing.mask(looks_at), strict=True):
                masks.append(mask)

    def _work_out(self, cut: list[int], value: int) -> None:
        state = self._packing.unpack(cut) | value << self.slot.shift
        entry = self._entry(state, self.slot)
        start = len(self._moves)
        for move in entry.moves:
            self._moves.add(state, move)
        self._entries.append(entry)
        self.starts.append(start)
        self.counts.append(len(entry.moves))
        begun = (number for number, move in enumerate(entry.moves) if _is_under_way(move.before))
        self.onwards.append(next((start + number for number in begun), NONE))


def _is_under_way(thread: Thread | None) -> bool:
    return thread is not None and thread.fate in (Fate.RUNS, Fate.REPLIED)


class Changed:
    """How the value of a slot changes, by value; ``known`` is what it becomes. ``learned`` counts what was asked."""

    def __init__(self, packing: Packing, slot: Slot, changed: Callable[[int], int]) -> None:
        self._packing = packing
        self._slot = slot
        self._changed = changed
        self.place = packing.of(slot)
        self.learned = 0
        self.known = Growing(np.int64)

    def carried(self, packing: Packing) -> Changed:
        made = Changed(packing, self._slot, self._changed)
        made.known, made.learned = self.known, self.learned
        return made

    def apply(self, words: Words, rows: Ints) -> None:
        """Change the slot in some of the configurations, in place."""
        values = self._packing.get([word[rows] for word in words], self._slot)
        change = (self.after(values) - values).astype(np.uint64) << np.uint64(self.place.shift)
        words[self.place.word][rows] += change

    def after(self, values: Ints) -> Ints:
        missing = int(values.max()) + 1 - len(self.known)
        if missing > 0:
            self.known.extend([UNKNOWN] * missing)
        known = self.known.array
        for value in distinct(values[known[values] == UNKNOWN]):
            after = self._changed(int(value))
            self._packing.check(self.place, after)
            known[value] = after
            self.learned += 1
        return known[values]


class _Crash:
    """A service that stops where it stands and starts anew: each of its slots changes on its own."""

    def __init__(self, machine: Machine, packing: Packing, service: str) -> None:
        self._machine = machine
        self._packing = packing
        self._memory = machine.memories[service]
        self._recovery = machine.recoveries[service]
        self._slots = [slot for slot in machine.slots_of(service) if slot is not self._recovery.slot]
        self._changes = [Changed(packing, slot, self._reviver(slot)) for slot in self._slots]
        self._begun: list[dict[int, tuple[int, ...]]] = [{} for _ in self._slots]
        self._loses = [Growing(np.bool_) for _ in [*self._slots, self._recovery.slot]]

    def would_lose(self, words: Words) -> Bits:
        found = self._packing.get(words, self._memory) != 0
        for slot, loses in zip([*self._slots, self._recovery.slot], self._loses, strict=True):
            values = self._packing.get(words, slot)
            for value in range(len(loses), int(values.max(initial=0)) + 1):
                loses.append(self._machine.has_begun(slot.values.values[value]))
            found |= loses.array[values]
        return found

    def apply(self, words: Words, environments: Ints) -> list[tuple[Ints, Ints]]:
        """Strike configurations, in place; which sources begin in which of them."""
        everywhere = np.arange(len(words[0]))
        begun: list[tuple[Ints, Ints]] = []
        for number, (slot, change) in enumerate(zip(self._slots, self._changes, strict=True)):
            values = self._packing.get(words, slot)
            change.apply(words, everywhere)
            for value, sources in self._begin(number, values):
                rows = np.flatnonzero(values == value)
                begun += [(rows, np.full(len(rows), source)) for source in sources]
        self._recover(words, environments)
        place = self._packing.of(self._memory)
        words[place.word] &= ~np.uint64(place.mask << place.shift)
        return begun

    def _begin(self, number: int, values: Ints) -> list[tuple[int, tuple[int, ...]]]:
        """The values in ``values`` whose revival starts other sources."""
        known, slot = self._begun[number], self._slots[number]
        for value in distinct(values):
            if int(value) not in known:
                _, begun = self._machine.revived(slot, int(value))
                known[int(value)] = tuple(source.number for source in begun)
        return [(value, sources) for value, sources in known.items() if sources]

    def _reviver(self, slot: Slot) -> Callable[[int], int]:
        return lambda value: self._machine.revived(slot, value)[0]

    def _recover(self, words: Words, environments: Ints) -> None:
        """A recovery begins, counted by how many crashes there have been."""
        slot, machine = self._recovery.slot, self._machine
        place = self._packing.of(slot)
        words[place.word] &= ~np.uint64(place.mask << place.shift)
        for number in distinct(environments):
            left = machine.environments.values[int(number)].crashes - 1
            value = slot.values.of((self._recovery.first(machine.faults.crashes - left),))
            self._packing.check(place, value)
            words[place.word][environments == number] |= np.uint64(value << place.shift)


class _Here(NamedTuple):
    """The surroundings of some configurations: may a service crash, is time left to pass, and what either adds."""

    numbers: Ints
    crashes: Bits
    crashing: NDArray[np.uint64]
    passes: Bits
    passing: NDArray[np.uint64]

    @property
    def is_last(self) -> Bits:
        return ~self.passes


class _Surroundings:
    """What the environments that are known so far admit."""

    def __init__(self, machine: Machine, packing: Packing) -> None:
        self._machine = machine
        self._packing = packing
        self._crashes = Growing(np.bool_)
        self._crashing = Growing(np.uint64)
        self._passes = Growing(np.bool_)
        self._passing = Growing(np.uint64)

    def of(self, words: Words) -> _Here:
        numbers = self._packing.get(words, self._machine.environment)
        while len(self._crashes) < len(self._machine.environments):
            self._know(len(self._crashes))
        return _Here(
            numbers,
            self._crashes.array[numbers],
            self._crashing.array[numbers],
            self._passes.array[numbers],
            self._passing.array[numbers],
        )

    def _know(self, number: int) -> None:
        machine = self._machine
        environment = machine.environments.values[number]
        passes = environment.phase < machine.last_phase
        self._passes.append(passes)
        self._passing.append(self._step(number, phase=environment.phase + 1) if passes else 0)
        self._crashes.append(environment.crashes > 0)
        self._crashing.append(self._step(number, crashes=environment.crashes - 1) if environment.crashes else 0)

    def _step(self, number: int, **changes: int) -> int:
        machine = self._machine
        after = machine.environments.of(machine.environments.values[number]._replace(**changes))
        place = self._packing.of(machine.environment)
        self._packing.check(place, after)
        return ((after - number) << place.shift) % (1 << 64)
