"""What a search really tried: how often each kind of fault, and of event, came up in it."""

from __future__ import annotations

import json
from functools import lru_cache

from payments_lab.explore.judge import Judge
from payments_lab.explore.machine import Kind, Machine, Move
from payments_lab.explore.numbering import Numbers
from payments_lab.explore.ports import Message
from payments_lab.explore.search import Search
from payments_lab.explore.threads import Fate, Role, Slot

SAMPLE = 20_000

_NAMES: tuple[str, ...] = ("payment", "duplicate", "reorder", "crash", "lost reply", "retry", "version conflict")
_KINDS = {Kind.CRASH: "crash", Kind.LOST_REPLY: "lost reply", Kind.LOST_REQUEST: "lost reply"}


def count_bites(search: Search, judge: Judge) -> dict[str, int]:
    """How many of the steps that were taken were a duplicate, a crash, a lost reply, a retry, a version conflict.

    ``payment`` counts the ends at which somebody has paid, ``reorder`` the configurations, among SAMPLE of
    them, in which a younger event has overtaken an older one.
    """
    found: dict[str, int] = dict.fromkeys(_NAMES, 0)
    for what, times in search.bites():
        for name in _names(search.machine, what):
            found[name] += times
    found["payment"] = judge.paid
    if search.machine.faults.reorder:
        found["reorder"] = sum(map(_Order(search.machine).is_broken, search.sample(SAMPLE)))
    return found


def _names(machine: Machine, what: Move | Kind) -> list[str]:
    if isinstance(what, Kind):
        return [_KINDS[what]] if what in _KINDS else []
    names = [_KINDS[what.kind]] if what.kind in _KINDS else []
    if what.copied:
        names.append("duplicate")
    if what.before is None or what.kind is Kind.GIVE_UP:
        return names
    source = machine.source_of(what.before)
    if source.role is Role.REQUEST and what.before.fate is Fate.FIRST and what.before.run:
        names.append("retry")
    if source.role is Role.DELIVERY and what.next is not None and what.next.outcome == "again":
        names.append("version conflict")
    return names


class _Order:
    """Whether events are in order, judged once for all configurations in which the same ones wait.

    A set of deliveries is a number here: the bit of each is set.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._deliveries: Numbers[tuple[str, Message]] = Numbers()
        self._slots: list[tuple[Slot, dict[int, int]]] = [(slot, {}) for slot in machine.slots]
        self._kept: dict[int, int] = {}
        self._younger: dict[tuple[int, int], int] = {}
        self._judged: dict[tuple[int, int], bool] = {}

    def is_broken(self, state: int) -> bool:
        """Whether some service has begun with an event of an order while one of a lower version still waits."""
        waiting = 0
        for slot, known in self._slots:
            value = (state >> slot.shift) & slot.mask
            if value:
                bits = known.get(value)
                waiting |= self._wait(slot, value, known) if bits is None else bits
        machine = self._machine
        bus = machine.states[machine.bus].of(state)
        broken = self._judged.get((waiting, bus))
        if broken is None:
            broken = self._judged[(waiting, bus)] = self._judge(waiting, bus)
        return broken

    def _wait(self, slot: Slot, value: int, known: dict[int, int]) -> int:
        """The deliveries in a slot that have not begun."""
        first = [thread for thread in slot.values.values[value] if thread.fate is Fate.FIRST]
        sources = [self._machine.sources[thread.at] for thread in first]
        waiting = [(source.service, source.message) for source in sources if source.message is not None]
        known[value] = bits = sum({1 << self._deliveries.of(each) for each in waiting})
        return bits

    def _judge(self, waiting: int, bus: int) -> bool:
        begun = self._all(bus) & ~waiting
        while waiting:
            late = (waiting & -waiting).bit_length() - 1
            if begun & self._younger_than(late):
                return True
            waiting &= waiting - 1
        return False

    def _all(self, bus: int) -> int:
        """The deliveries of what the bus has kept, whether they have begun or not."""
        known = self._kept.get(bus)
        if known is None:
            machine = self._machine
            deliveries = [(name, each) for each in machine.stream.kept(bus) for name in machine.world.hearers(each)]
            known = self._kept[bus] = sum({1 << self._deliveries.of(each) for each in deliveries})
        return known

    def _younger_than(self, late: int) -> int:
        """The deliveries to the same service of events of the same order and a higher version."""
        key = (late, len(self._deliveries))
        known = self._younger.get(key)
        if known is None:
            service, message = self._deliveries.values[late]
            known = self._younger[key] = sum(
                1 << number
                for number, (name, other) in enumerate(self._deliveries.values)
                if name == service and _is_younger(other, message)
            )
        return known


def _is_younger(message: Message, other: Message) -> bool:
    order, version = _version(message)
    other_order, other_version = _version(other)
    return order == other_order and version > other_version >= 0


@lru_cache(maxsize=4096)
def _version(message: Message) -> tuple[str, int]:
    """The order that an event is about and the version that it carries; -1 for one that carries none."""
    try:
        fields = json.loads(message.data)
        return str(fields["id"]), int(fields["version"])
    except (ValueError, KeyError, TypeError):
        return "", -1
