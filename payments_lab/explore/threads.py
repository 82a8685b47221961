"""What a configuration is made of: threads, the sources that they come from, the slots that they are in."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from payments_lab.explore.fields import Field
from payments_lab.explore.numbering import Numbers
from payments_lab.explore.ports import Message


class Fate(IntEnum):
    """How it stands with a thread."""

    FIRST = 0  # not begun: a message that is pending, a request that is about to be sent
    RUNS = 1  # waits for an operation to happen
    REPLIED = 2  # the operation has happened; the answer is on its way
    DEAD = 3  # does nothing until its service crashes, and begins anew then
    TOLD = 4  # over: a client that has its answer, a dead letter


class Thread(NamedTuple):
    """One task. ``at`` is the number of its source (FIRST, DEAD), of its node (RUNS, REPLIED) or of an outcome (TOLD).

    ``run`` counts a client's retries, or the deliveries of a handler that makes ids; of one that is TOLD it is the
    number of its source. ``answer`` is what is on its way.
    """

    fate: Fate
    at: int
    run: int = 0
    answer: int = -1


Value = tuple[Thread, ...]


class Role(IntEnum):
    """What a source starts."""

    SETUP = 0
    REQUEST = 1
    DELIVERY = 2
    RECOVERY = 3
    TICK = 4


class Slot(Field):
    """Bits that say which threads are in one place. In an ``ordered`` slot only the first one may act."""

    __slots__ = ("ordered", "service", "values")

    def __init__(self, place: Field, service: str, *, ordered: bool = False) -> None:
        super().__init__(place.name, place.shift, place.width)
        self.service = service
        self.ordered = ordered
        self.values: Numbers[Value] = Numbers(())

    def threads(self, state: int) -> Value:
        return self.values.values[self.of(state)]

    def actors(self, threads: Value) -> list[Thread]:
        """The threads that may act, each distinct one once."""
        if self.ordered:
            return [thread for thread in threads if thread.fate is not Fate.TOLD][:1]
        return sorted(set(threads))

    def replaced(self, threads: Value, old: Thread | None, *new: Thread) -> Value:
        """``threads`` with the first ``old`` turned into ``new`` (none: it is gone)."""
        place = threads.index(old) if old is not None else len(threads)
        changed = (*threads[:place], *new, *threads[place + (old is not None) :])
        return changed if self.ordered else tuple(sorted(changed))


class Source:
    """Something that starts threads: a client's request, the delivery of one message to one service, a recovery."""

    __slots__ = ("follow", "label", "message", "number", "role", "service", "slot", "what")

    def __init__(self, number: int, role: Role, service: str, label: str, slot: Slot, what: int = 0) -> None:
        self.number = number
        self.role = role
        self.service = service
        self.label = label
        self.slot = slot
        self.what = what
        self.message: Message | None = None
        self.follow: list[Source] = []

    def first(self, run: int = 0) -> Thread:
        return Thread(Fate.FIRST, self.number, run)


class Environment(NamedTuple):
    """What surrounds the services, with one bit for each of them in the last two.

    ``dying`` are those whose crash has been decided, ``struck`` those of which it has cut something short.
    """

    phase: int
    crashes: int
    duplicates: int
    lost_replies: int
    retries: int = 0
    dying: int = 0
    struck: int = 0
