"""A schedule as a list of whole numbers, each a choice among what may happen next; 0 is the uneventful one.

What may happen in a configuration is put in an order that does not depend on how it was reached, or on what else was
explored before. So any list of numbers is a schedule: a number too large is taken round, and after the last number
everything goes its uneventful way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from payments_lab.explore.machine import Kind, Machine, Move
from payments_lab.explore.ports import Message
from payments_lab.explore.threads import Fate, Role, Slot, Source
from payments_lab.shop.events import SUBJECTS

LONGEST = 2000

_STAGES = {Role.RECOVERY: 1, Role.DELIVERY: 2, Role.REQUEST: 3, Role.TICK: 4, Role.SETUP: 5}
_FAULTS = {Kind.GIVE_UP: 1, Kind.LOST_REPLY: 3, Kind.LOST_REQUEST: 4, Kind.CRASH: 5}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a story: ``choice`` of ``options``, which leads from one configuration to the next."""

    choice: int
    options: int
    before: int
    move: Move
    after: int

    @property
    def is_fault(self) -> bool:
        """Whether something goes wrong here, rather than only in another order."""
        return self.move.copied or _FAULTS.get(self.move.kind, 0) > 1


class Schedule:
    """Plays lists of choices on a machine; ``moves_of`` says what the threads in a slot may do, as the machine does."""

    def __init__(self, machine: Machine, moves_of: Callable[[int, Slot], Iterable[Move]] | None = None) -> None:
        self.machine = machine
        self._moves_of = moves_of or machine.moves
        self._known: dict[int, list[Move]] = {}

    def moves(self, state: int) -> list[Move]:
        """All that may happen next, the uneventful first; see :meth:`may_end`."""
        if state not in self._known:
            self._known[state] = self.find(state)
        return self._known[state]

    def find(self, state: int) -> list[Move]:
        """The same, worked out anew."""
        machine = self.machine
        tick = machine.tick
        slots = [slot for slot in machine.slots if slot.of(state) or (tick is not None and slot is tick.slot)]
        found = [move for slot in slots for move in self._moves_of(state, slot) if move.add or move.spawns]
        passing = machine.time_passes(state)
        found += [passing] if passing is not None else []
        crashes = [move for name in machine.mortal if (move := machine.crash(state, name)) is not None]
        if not found and machine.is_at_rest(state):
            return [*machine.rest(state), *crashes]
        return sorted([*found, *crashes], key=self._order)

    def may_end(self, state: int) -> bool:
        """Whether the story is over when nobody crashes any more; 0 is then to leave it at that."""
        return all(move.kind is Kind.CRASH for move in self.moves(state))

    def play(self, choices: Sequence[int], over: Callable[[int], bool] = lambda state: False) -> list[Step]:
        """The story of a list of choices, up to its end, to the first configuration that is ``over``, or until it goes
        round: the same configuration again after the last choice.
        """
        state = self.machine.root
        steps: list[Step] = []
        seen: set[int] = set()
        while not over(state) and len(steps) < LONGEST and state not in seen:
            if len(steps) >= len(choices):
                seen.add(state)
            moves = [None, *self.moves(state)] if self.may_end(state) else self.moves(state)
            choice = choices[len(steps)] % len(moves) if len(steps) < len(choices) else 0
            move = moves[choice]
            if move is None:
                break
            after = self.machine.follow(state, move)
            steps.append(Step(choice, len(moves), state, move, after))
            state = after
        return steps

    def between(self, before: int, after: int) -> int:
        """The choice that leads from one configuration to the next."""
        for choice, move in enumerate(self.moves(before), self.may_end(before)):
            if self.machine.follow(before, move) == after:
                return choice
        raise LookupError("no single step leads from the one configuration to the other")

    def sign(self, move: Move) -> str:
        """What a move does, in words that are the same in every run of the same code."""
        return json.dumps(self._order(move), default=str)

    def _order(self, move: Move) -> tuple[Any, ...]:
        fault = 2 if move.copied else _FAULTS.get(move.kind, 0)
        if move.slot is None or move.before is None:
            return (fault, 9, move.service, int(move.kind))
        source = self.machine.source_of(move.before)
        begun = move.before.fate is not Fate.FIRST
        stage = _STAGES[source.role]
        return (fault, 0 if begun else stage, stage, *_place(source), move.before.run, *self._stand(move))

    def _stand(self, move: Move) -> tuple[Any, ...]:
        """Where the thread of a move stands: the operation that it waits for, or the answer that is on its way."""
        thread, tasks = move.before, self.machine.tasks
        assert thread is not None
        if move.node is None:
            return (int(thread.fate), int(move.kind))
        answer = tasks.answers.sign(thread.answer) if thread.fate is Fate.REPLIED else ""
        wanted = tasks.wishes[move.node.operation].operation if move.node.operation >= 0 else move.node.outcome
        return (int(thread.fate), str(wanted), answer, int(move.kind))


def _place(source: Source) -> tuple[Any, ...]:
    if source.message is None:
        return (source.what, source.service, source.label, "", "")
    message = source.message
    return (_age(message), source.service, SUBJECTS.index(message.subject), message.message_id, message.data)


def _age(message: Message) -> int:
    """The version that an event carries: the older it is, the sooner it is due."""
    try:
        version = json.loads(message.data)["version"]
    except (ValueError, KeyError, TypeError):
        return 0
    return version if isinstance(version, int) else 0
