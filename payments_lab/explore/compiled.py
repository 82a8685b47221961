"""Strokes in C: the loops of ``seen`` and ``flow`` over many configurations, compiled where there is a compiler.

``walk.c`` is compiled once for each process, in the background, when a search has grown large. Nothing hangs on it but
how long that search takes: both give the same, in the same order.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import deque
from collections.abc import Iterable, Sequence
from ctypes import CDLL, Array, Structure, addressof, byref, c_int64, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from payments_lab.explore.flow import Acted, Channel, Flow
from payments_lab.explore.growing import with_room
from payments_lab.explore.machine import LONGEST_ALONE
from payments_lab.explore.refusing import Refused

if TYPE_CHECKING:
    from payments_lab.explore.packing import Place, Words
    from payments_lab.explore.seen import Ints, Seen

Short = NDArray[np.int32]
Rows = NDArray[np.uint64]

SOURCE = Path(__file__).with_name("walk.c")
MOST_WORDS = 512
ROOMS = 2
_COMPILERS = ("cc", "gcc", "clang")


class Compilation:
    """``walk.c`` on its way from a compiler; the one that ``$CC`` names, or else the first that is installed."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="payments-lab-", ignore_cleanup_errors=True)
        self._built = Path(self._folder.name, "walk.so")
        self._library: CDLL | None = None
        self._process = self._begin()

    def result(self, *, wait: bool = False) -> Walk | None:
        """What was compiled, for one search. None while that takes, unless told to ``wait``, and without a compiler."""
        if self._process is not None and (wait or self._process.poll() is not None):
            self._end(self._process)
            self._process = None
        return Walk(self._library) if self._library is not None else None

    def _begin(self) -> subprocess.Popen[str] | None:
        command = shlex.split(os.environ["CC"]) if "CC" in os.environ else _installed()
        if not command or sys.maxsize < 1 << 32:
            return None
        options = ["-O3", "-shared", "-fPIC", "-o", str(self._built), str(SOURCE)]
        try:
            return subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        except OSError as error:
            _warn(str(error))
            return None

    def _end(self, process: subprocess.Popen[str]) -> None:
        said = process.communicate()[1].strip()
        try:
            if process.returncode:
                _warn(said.partition("\n")[0] or f"the compiler ended with {process.returncode}")
                return
            self._library = CDLL(str(self._built))
        except OSError as error:
            _warn(str(error))
        finally:
            self._folder.cleanup()


@cache
def compilation() -> Compilation:
    """That of this process; it begins when it is first asked for."""
    return Compilation()


def _installed() -> list[str]:
    return [path for name in _COMPILERS if (path := shutil.which(name))][:1]


def _warn(why: str) -> None:
    warnings.warn(f"large searches take longer, for walk.c cannot be compiled: {why}", RuntimeWarning, stacklevel=2)


class _Set(Structure):
    _fields_ = (("width", c_int64), ("mask", c_uint64), ("table", c_void_p), ("rows", c_void_p))


class _Place(Structure):
    _fields_ = (("word", c_int64), ("shift", c_int64), ("mask", c_uint64))


class _Source(Structure):
    _fields_ = (("place", _Place), ("values", c_int64), ("after", c_void_p))


class _Channel(Structure):
    _fields_ = (
        ("width", c_int64),
        ("place", _Place),
        ("waits", _Place),
        ("values", c_int64),
        ("masks", c_void_p),
        ("keys", _Set),
        ("starts", c_void_p),
        ("counts", c_void_p),
        ("onward", c_void_p),
        ("adds", c_void_p),
        ("beginnings", c_int64),
        ("begun", c_void_p),
        ("sources", c_int64),
        ("source", c_void_p),
        ("longest", c_int64),
    )


class Walk:
    """The compiled functions, for the arrays of one search."""

    def __init__(self, library: CDLL) -> None:
        self._seen_add = _function(library, "seen_add", 7)
        self._seen_find = _function(library, "seen_find", 4)
        self._find_with = _function(library, "seen_find_with", 5)
        self._move_fields = _function(library, "move_fields", 8)
        self._find_entries = _function(library, "find_entries", 7)
        self._follow = _function(library, "follow", 9)
        self._rebuild = _function(library, "rebuild", 2)
        self._spread = _function(library, "spread", 6)
        self._rooms = deque(_Room() for _ in range(ROOMS))
        self._acting, self._gaps = np.empty(0, np.int64), np.empty(0, np.int64)
        self._common: _Common | None = None
        self._channels: dict[Channel, _Held] = {}

    def add(self, seen: Seen, words: Words) -> tuple[Ints, Ints]:
        """What :meth:`Seen.add` gives."""
        count = len(words[0])
        seen.reserve(count)
        numbers, new, places = (np.empty(count, np.int64) for _ in range(3))
        rows, kept = _side_by_side(words), list[Any]()
        held = byref(_set(seen, kept))
        found = self._seen_add(held, seen.size, _at(rows), count, _at(numbers), _at(new), _at(places))
        seen.size += found
        return numbers, new[:found]

    def find(self, seen: Seen, words: Words) -> Ints:
        """What :meth:`Seen.find` gives."""
        numbers = np.empty(len(words[0]), np.int64)
        rows, kept = _side_by_side(words), list[Any]()
        self._seen_find(byref(_set(seen, kept)), _at(rows), len(numbers), _at(numbers))
        return numbers

    def find_with(self, seen: Seen, asked: Ints, add: int) -> Ints:
        """What :meth:`Seen.find_with` gives."""
        numbers = np.empty(len(asked), np.int64)
        kept: list[Any] = []
        self._find_with(byref(_set(seen, kept)), _at(asked), len(asked), add, _at(numbers))
        return numbers

    def moved(self, seen: Seen, places: Sequence[tuple[Place, Place]], width: int) -> Rows:
        """All that is held, from one packing into another: for each field where it was, and where it is to be."""
        before = seen.rows[: seen.size]
        after = np.zeros((seen.size, width), np.uint64)
        sides = [(_Place * len(places))(*map(_place, side)) for side in zip(*places, strict=True)]
        self._move_fields(_at(before), before.shape[1], len(before), *sides, len(places), _at(after), width)
        return after

    def rebuild(self, seen: Seen) -> None:
        """Fill an empty table."""
        kept: list[Any] = []
        self._rebuild(byref(_set(seen, kept)), seen.size)

    def spread(self, ending: NDArray[np.bool_], stands: Short, edges: Sequence[tuple[Short, Short]]) -> None:
        """Mark what leads to what is marked, in place."""
        if not edges:
            return
        kept: list[Any] = []
        counts = np.array([len(origins) for origins, _ in edges], np.int64)
        origins, targets = (_columns(side, kept) for side in zip(*edges, strict=True))
        self._spread(_at(ending), _at(stands), len(edges), origins, targets, _at(counts))

    def act(self, flow: Flow, words: Words, asked: Sequence[tuple[Channel, Ints | None]]) -> Acted:
        """What follows configurations by what is in some slots; good until this was asked ROOMS times more.

        Of each slot those rows are asked that are given; without them all in which somebody in it may act.
        """
        self._rooms.rotate()
        room = self._rooms[0]
        room.empty(len(words))
        entered: list[tuple[Channel, Ints]] = []
        states = _side_by_side(words)
        for channel, rows in asked:
            entries = self._act(flow, channel, states, rows, room)
            if len(entries):
                entered.append((channel, entries))
        return Acted(entered, *room.held())

    def _act(self, flow: Flow, channel: Channel, states: Rows, rows: Ints | None, room: _Room) -> Ints:
        """Put what follows into the room; the entries by which it does.

        What is not known yet is worked out by the flow itself, for all rows that need it at once: so everything has the
        number that it has without a compiler.
        """
        count = len(states) if rows is None else len(rows)
        if len(self._acting) < count:
            self._acting, self._gaps = np.empty(count, np.int64), np.empty(count, np.int64)
        acting, gaps, entries = self._acting, self._gaps, np.empty(count, np.int64)
        asked, total, unknown = None if rows is None else _at(rows), c_int64(), c_int64()
        while True:
            known = byref(self._channel(flow, channel))
            found = self._find_entries(known, _at(states), asked, count, _at(acting), _at(entries), byref(total))
            made, origins = room.reserve(total.value)
            followed = self._follow(
                known, _at(states), _at(acting), _at(entries), found, made, origins, _at(gaps), byref(unknown)
            )
            if not unknown.value:
                room.size += followed
                return entries[:found]
            flow.act_in(channel, list(states.T), gaps[: unknown.value])

    def _channel(self, flow: Flow, channel: Channel) -> _Channel:
        """A channel as the functions want it; made anew when something has moved or was learned."""
        if self._common is None or not self._common.fits(flow):
            self._common = _Common(flow)
            self._channels.clear()
        known = self._channels.get(channel)
        if known is None or not known.fits(channel):
            known = self._channels[channel] = _Held(flow, channel, self._common)
        return known.made


class _Common:
    """What the channels of a flow have in common: its moves, and what each source makes of its slot."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._learned = flow.learned
        self._moves = len(flow.moves)
        self._kept: list[Any] = []
        self.adds = np.stack(flow.moves.adds, axis=1)
        self.begun = _columns(flow.moves.sources, self._kept)
        self.width, self.beginnings = len(flow.moves.adds), len(flow.moves.sources)
        self.sources = (_Source * (max(flow.changes, default=-1) + 1))()
        for number, change in flow.changes.items():
            known = change.known.array
            self.sources[number] = _Source(_place(change.place), len(known), _kept(known, self._kept))

    def fits(self, flow: Flow) -> bool:
        return flow is self._flow and flow.learned == self._learned and len(flow.moves) == self._moves


class _Held:
    """A channel whose arrays are where they were."""

    def __init__(self, flow: Flow, channel: Channel, common: _Common) -> None:
        self._arrays = _bases(channel.arrays())
        self._values = len(channel.masks[0])
        kept = self._kept = list[Any]((common,))
        waits = flow.waits_for(channel.slot)
        self.made = _Channel(
            common.width,
            _place(flow.packing.of(channel.slot)),
            _place(flow.packing.of(waits)) if waits is not None else _Place(0, 0, 0),
            self._values,
            addressof(_columns([mask.array for mask in channel.masks], kept)),
            _set(channel.keys, kept),
            *(_kept(each.array, kept) for each in (channel.starts, channel.counts, channel.onwards)),
            _at(common.adds),
            common.beginnings,
            addressof(common.begun),
            len(common.sources),
            addressof(common.sources),
            LONGEST_ALONE if channel.slot.service in flow.machine.atomic else 0,
        )

    def fits(self, channel: Channel) -> bool:
        return self._values == len(channel.masks[0]) and _are_same(_bases(channel.arrays()), self._arrays)


def _bases(arrays: Iterable[NDArray[Any]]) -> list[object]:
    """What holds the values of arrays that may be parts of larger ones."""
    return [each if each.base is None else each.base for each in arrays]


def _are_same(ones: list[object], others: list[object]) -> bool:
    return len(ones) == len(others) and all(one is other for one, other in zip(ones, others, strict=True))


class _Room:
    """Room for what follows, used again and again."""

    def __init__(self) -> None:
        self.size = 0
        self._rows: Rows = np.empty((0, 0), np.uint64)
        self._origins = np.empty(0, np.int64)

    def empty(self, width: int) -> None:
        self.size = 0
        if self._rows.shape[1] != width:
            self._rows = np.empty((len(self._origins), width), np.uint64)

    def reserve(self, count: int) -> tuple[int, int]:
        """The addresses of the rows, and of the origins, from which on there is room for so many more."""
        if self.size + count > len(self._origins):
            room = 2 * (self.size + count)
            self._rows = with_room(self._rows[: self.size], room)
            self._origins = with_room(self._origins[: self.size], room)
        return _at(self._rows[self.size :]), _at(self._origins[self.size :])

    def held(self) -> tuple[Words, Ints]:
        return list(self._rows[: self.size].T), self._origins[: self.size]


def _side_by_side(words: Words) -> Rows:
    """Configurations with their words side by side: as they lie in memory, where they do already."""
    base = words[0].base
    if base is not None and base.ndim == 2 and base.shape[1] == len(words) and base.flags.c_contiguous:
        first, step = base.ctypes.data, words[0].itemsize
        places = [first + number * step for number in range(len(words))]
        if [word.ctypes.data for word in words] == places and words[0].strides == (base.strides[0],):
            return base[: len(words[0])]
    return np.stack(words, axis=1)


def _function(library: CDLL, name: str, arguments: int) -> Any:
    found = library[name]
    found.restype = c_int64
    found.argtypes = [c_void_p] * arguments
    return found


def _place(place: Place) -> _Place:
    return _Place(place.word, place.shift, place.mask)


def _set(seen: Seen, kept: list[Any]) -> _Set:
    if seen.rows.shape[1] > MOST_WORDS:
        raise Refused("endless", f"a configuration has more than {MOST_WORDS * 64} bits")
    return _Set(seen.rows.shape[1], len(seen.table) - 1, _kept(seen.table, kept), _kept(seen.rows, kept))


def _columns(arrays: Sequence[NDArray[Any]], kept: list[Any]) -> Array[c_void_p]:
    """The addresses of some arrays, which are ``kept`` for as long as these are used."""
    made = (c_void_p * max(1, len(arrays)))(*(_kept(array, kept) for array in arrays))
    kept.append(made)
    return made


def _kept(array: NDArray[Any], kept: list[Any]) -> int:
    kept.append(array)
    return _at(array)


def _at(array: NDArray[Any]) -> int:
    assert array.flags.c_contiguous
    return array.ctypes.data
