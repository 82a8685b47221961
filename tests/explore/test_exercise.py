"""What a search says that it has tried, counted once more by hand."""

from __future__ import annotations

import json

import pytest

from payments_lab import Faults, PaymentsService
from payments_lab.explore.exercise import count_bites
from payments_lab.explore.exploring import Plan, start
from payments_lab.explore.judge import Judge
from payments_lab.explore.machine import Machine
from payments_lab.explore.ports import Message
from payments_lab.explore.scenario import SCENARIOS
from payments_lab.explore.search import Search
from payments_lab.explore.threads import Fate
from payments_lab.explore.world import Services


def of(message: Message) -> tuple[str, int]:
    """The order that an event is about, and the version that it carries, if it does."""
    fields = json.loads(message.data)
    return fields["id"], fields.get("version", -1)


def overtaken(machine: Machine, state: int) -> bool:
    """Whether a service has begun with an event while an older one of the same order still waits for it."""
    waiting: set[tuple[str, Message]] = set()
    for slot in machine.slots:
        for thread in slot.threads(state):
            message = machine.source_of(thread).message if thread.fate is Fate.FIRST else None
            if message is not None:
                waiting.add((slot.service, message))
    kept = machine.stream.kept(machine.states[machine.bus].of(state))
    begun = {(name, each) for each in kept for name in machine.world.hearers(each)} - waiting
    return any(
        service == other and of(late)[0] == of(done)[0] and of(done)[1] > of(late)[1] >= 0
        for service, late in waiting
        for other, done in begun
    )


@pytest.mark.parametrize("scenario", ["pay-and-cancel", "two-clicks"])
def test_a_reordering_is_counted_wherever_a_younger_event_is_ahead(scenario: str) -> None:
    counted: list[tuple[int, int]] = []

    def search(machine: Machine) -> None:
        judge = Judge(machine, ())
        searched = Search(machine, watch=judge)
        searched.run()
        exercised = count_bites(searched, judge)
        counted.append((exercised["reorder"], sum(overtaken(machine, state) for state in searched.parents)))

    start(Plan(Services(PaymentsService), (), Faults(duplicates=1)), SCENARIOS[scenario], search)

    ours, by_hand = counted[-1]
    assert ours == by_hand > 0
