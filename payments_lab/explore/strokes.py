"""Walking a large graph: the same search, thousands of configurations at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from payments_lab.explore.compiled import ROOMS, Walk, compilation
from payments_lab.explore.flow import Flow
from payments_lab.explore.growing import Growing, distinct
from payments_lab.explore.machine import Kind, Machine
from payments_lab.explore.packing import Narrow, Packing, Words
from payments_lab.explore.search import Entry, Limits
from payments_lab.explore.seen import Ints, Seen
from payments_lab.explore.threads import Slot

Short = NDArray[np.int32]

STROKE = 1 << 16
# So many strokes may still be added while the next one is followed up: their words are still needed.
BEHIND = ROOMS - 1
MOST_EDGES = 80_000_000


class Walker(Protocol):
    """The search whose graph is walked; what it knows of single configurations counts here, too."""

    machine: Machine
    limits: Limits

    def entry(self, state: int, slot: Slot) -> Entry: ...
    def looks_at(self, state: int, slot: Slot) -> int: ...
    def bitten(self, kind: Kind, times: int) -> None: ...
    def look(self, state: int) -> None: ...
    def at_rest(self, state: int) -> list[int]: ...
    def rank(self, state: int) -> int: ...
    def richer(self, number: int) -> tuple[int, ...]: ...
    def is_over(self) -> bool: ...


class _Stroke(NamedTuple):
    """Configurations that were followed up: what follows, from which rows, those after which nothing does."""

    numbers: Ints
    words: Words
    origins: Ints
    ended: Ints
    adding: Future[tuple[Ints, Ints]]


class Strokes:
    """All configurations from the root on, by number; each with the number of the one from which it was first reached.

    ``states`` counts those that were followed up, ``transitions`` the steps between them.
    """

    def __init__(self, walker: Walker) -> None:
        self.states = 0
        self.transitions = 0
        self.frontier = 0
        self._walker = walker
        self._walk: Walk | None = None
        self._worker: ThreadPoolExecutor | None = None
        self._machine = walker.machine
        self._ranks: list[int] = []
        self._parents = Growing(np.int32)
        self._stands = Growing(np.int32)
        self._ends: list[int] = []
        self._edges: dict[int, list[tuple[Short, Short]]] | None = {}
        self._edge_count = 0
        self._packing = packing = Packing(self._machine)
        self._flow = Flow(self._machine, packing, walker.entry, walker.looks_at, walker.bitten)
        self._engines = self._mask_of_engines()
        self._seen, self._met = Seen(packing.words), Seen(packing.surroundings)

    def __len__(self) -> int:
        return self._seen.size

    def run(self) -> None:
        """Fewest faults first, and breadth first among those; until the walker says that it is over."""
        walker, root = self._walker, self._machine.root
        self._seen.add(self._packing.pack([root]))
        self._parents.extend([-1])
        self._stands.extend([0])
        layers = {walker.rank(root): [np.zeros(1, np.int64)]}
        over = False
        try:
            while layers and not over:
                rank = min(layers)
                level = self._uncovered(np.concatenate(layers.pop(rank)))
                while len(level) and not over:
                    level, over = self._expand(level, rank, layers)
        finally:
            if self._worker is not None:
                self._worker.shutdown()

    def way(self, state: int) -> list[int]:
        """The configurations from the root to ``state``. LookupError for one that was not met."""
        number = int(self._seen.find(self._packing.pack([state]))[0])
        if number < 0:
            raise LookupError("this configuration was not met")
        found: list[int] = []
        while number >= 0:
            found.append(self._state(number))
            number = int(self._parents.array[number])
        return found[::-1]

    def sample(self, count: int) -> Iterator[int]:
        """So many of the configurations, evenly from the first to the last."""
        for number in np.unique(np.linspace(0, self._seen.size - 1, count).astype(np.int64)):
            yield self._state(int(number))

    def find_endless(self) -> int | None:
        """A configuration from which no end can be reached without a fault; None when there is none, or too many edges.

        The walk goes as that of ``looping.Steps`` does: few faults first, and of those the last to be followed up.
        """
        if self._edges is None:
            return None
        stands = _settled(self._stands.array)
        ending = stands != np.arange(len(stands))
        ending[self._ends] = True
        edges = [edge for rank in sorted(self._edges) for edge in reversed(self._edges[rank])]
        spread = self._walk.spread if self._walk is not None else _spread
        spread(ending, stands, edges)
        stuck = np.flatnonzero(~ending)
        return self._state(int(stuck[0])) if len(stuck) else None

    def _expand(self, level: Ints, rank: int, layers: dict[int, list[Ints]]) -> tuple[Ints, bool]:
        """The next level of those with the same number of faults; others are put into their layers."""
        found: list[Ints] = []
        for start, new in self._strokes(level, rank):
            ranks = self._ranks_of(self._environments(new))
            for each in np.unique(ranks):
                (found if each == rank else layers.setdefault(int(each), [])).append(new[ranks == each])
            self.frontier = len(level) - start + sum(map(len, found))
            if self._walker.is_over():
                return level[:0], True
        return self._uncovered(np.concatenate(found)) if found else level[:0], False

    def _strokes(self, level: Ints, rank: int) -> Iterator[tuple[int, Ints]]:
        """The numbers of those that are new, stroke by stroke. One is followed up while those before it are added."""
        added: deque[_Stroke] = deque()
        for start in range(0, len(level), STROKE):
            self._speed_up()
            numbers = level[start : start + STROKE]
            while True:
                try:
                    followed = self._follow(numbers)
                    break
                except Narrow:
                    while added:
                        yield start, self._take_in(added.popleft(), rank)
                    self._pack_anew()
            added.append(_Stroke(numbers, *followed, self._add(followed[0])))
            if len(added) > BEHIND:
                yield start, self._take_in(added.popleft(), rank)
        while added:
            yield len(level), self._take_in(added.popleft(), rank)

    def _add(self, words: Words) -> Future[tuple[Ints, Ints]]:
        """Add configurations to those that are known, beside all else where that is compiled."""
        if self._worker is not None:
            return self._worker.submit(self._seen.add, words)
        added: Future[tuple[Ints, Ints]] = Future()
        added.set_result(self._seen.add(words))
        return added

    def _speed_up(self) -> None:
        """Let a compiler help with what has grown large."""
        if self._walk is None and self._seen.size > self._walker.limits.compiled:
            self._walk = self._seen.walk = self._met.walk = compilation().result()
            self._flow.use(self._walk)
            self._worker = ThreadPoolExecutor(1) if self._walk is not None else None

    def _take_in(self, stroke: _Stroke, rank: int) -> Ints:
        """Keep what came of a stroke; the numbers of those that are new."""
        numbers, words, origins, ended, adding = stroke
        targets, new = adding.result()
        self._parents.extend(numbers[origins[new]])
        self._stands.extend(targets[new])
        self.states += len(numbers)
        self.transitions += len(targets)
        self._ends += [int(each) for each in numbers[ended]]
        self._note(numbers[origins], targets, words, rank)
        self._look([word[new] for word in words])
        return targets[new]

    def _follow(self, numbers: Ints) -> tuple[Words, Ints, Ints]:
        """What follows, the rows from which it does, and the rows after which nothing does, but for a crash."""
        held = self._seen[numbers]
        words, origins, still = self._flow.follow(held)
        ended: list[int] = []
        for row in still:
            targets = self._walker.at_rest(self._packing.unpack(int(word[row]) for word in held))
            if not targets:
                ended.append(int(row))
                continue
            more = self._packing.pack(targets)
            words = [np.concatenate(pair) for pair in zip(words, more, strict=True)]
            origins = np.concatenate([origins, np.full(len(targets), row)])
        return words, origins, np.array(ended, np.int64)

    def _note(self, origins: Ints, targets: Ints, words: Words, rank: int) -> None:
        """Keep the edges on which no fault happens, for whoever asks whether every story ends."""
        if self._edges is None:
            return
        uneventful = np.flatnonzero(self._ranks_of(self._packing.get(words, self._machine.environment)) == rank)
        self._edge_count += len(uneventful)
        if self._edge_count > MOST_EDGES:
            self._edges = None
            return
        kept = self._edges.setdefault(rank, [])
        kept.append((origins[uneventful].astype(np.int32), targets[uneventful].astype(np.int32)))

    def _look(self, words: Words) -> None:
        """Show the walker every state of the engines that was not there before."""
        if not len(words[0]):
            return
        _, new = self._met.add([word & mask for word, mask in zip(words, self._engines, strict=False)])
        for each in np.stack([word[new] for word in words], axis=1).tolist():
            self._walker.look(self._packing.unpack(each))

    # faults

    def _ranks_of(self, environments: Ints) -> Ints:
        machine = self._machine
        for environment in range(len(self._ranks), len(machine.environments)):
            self._ranks.append(self._walker.rank(machine.environment.step(0, environment)))
        return np.array(self._ranks, np.int64)[environments]

    def _environments(self, numbers: Ints) -> Ints:
        place = self._packing.of(self._machine.environment)
        return place.cut(self._seen.rows[:, place.word][numbers]).astype(np.int64)

    def _uncovered(self, numbers: Ints) -> Ints:
        """Without those of which the same one is known with more faults still to come."""
        here = self._environments(numbers)
        place = self._packing.of(self._machine.environment)
        covered = np.zeros(len(numbers), bool)
        for environment in distinct(here):
            rows = np.flatnonzero(here == environment)
            for more in self._walker.richer(int(environment)):
                step = more >> self._machine.environment.shift
                if not step or environment + step > place.mask:
                    continue
                found = self._seen.find_with(numbers[rows], (step << place.shift) % (1 << 64))
                there = found >= 0
                self._stands.array[numbers[rows[there]]] = found[there]
                covered[rows[there]] = True
                rows = rows[~there]
        return numbers[~covered]

    # packing

    def _pack_anew(self) -> None:
        before = self._packing
        self._packing = packing = Packing(self._machine)
        self._flow = self._flow.carried(packing)
        self._engines = self._mask_of_engines()
        places = packing.places_from(before)
        self._seen.move(places, packing.words)
        self._met.move(places[: before.around], packing.surroundings)

    def _mask_of_engines(self) -> list[np.uint64]:
        return [np.uint64(mask) for mask in self._packing.mask(self._machine.engine_bits)]

    def _state(self, number: int) -> int:
        return self._packing.unpack(self._seen.rows[number].tolist())


def _spread(ending: NDArray[np.bool_], stands: Short, edges: list[tuple[Short, Short]]) -> None:
    """Mark what leads to what is marked, in place, until there is no more."""
    known = 0
    while known != (known := np.count_nonzero(ending)) and known != len(ending):
        for origins, targets in edges:
            ending[origins[ending[stands[targets]]]] = True


def _settled(stands: Short) -> Short:
    """Who stands for each in the end, where one that stands for another has itself been left out."""
    while True:
        further = stands[stands]
        if (further == stands).all():
            return stands
        stands = further
