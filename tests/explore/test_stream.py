"""What the bus has kept, id by id."""

from __future__ import annotations

import pytest

from payments_lab import Faults, PaymentsService
from payments_lab.explore.exploring import Explored, Plan, explore, start
from payments_lab.explore.machine import Learned, Machine
from payments_lab.explore.packing import Narrow, Packing
from payments_lab.explore.scenario import SCENARIOS, Cancel, Pay, Placed, Scenario
from payments_lab.explore.search import Limits, Search
from payments_lab.explore.world import Services
from payments_lab.explore.zoo import NaivePaymentsService

THREE = ("ord_1", "ord_2", "ord_3")
CANCELLED = Scenario("cancelled", tuple(Cancel(name) for name in THREE), orders=tuple(map(Placed, THREE)), known=True)


def plan(service: type[PaymentsService], *, narrow: int = 10**9) -> Plan:
    limits = Limits(narrow=narrow)
    return Plan(Services(service), (), Faults(retries=0), limits, cover=False, atomic=("orders", "payments"))


def searched(scenario: Scenario, learned: Learned) -> tuple[int, Machine]:
    """How many configurations there are when so much is known from the start, and the machine that was searched."""
    found: list[tuple[int, Machine]] = []

    def search(machine: Machine) -> None:
        search = Search(machine, limits=Limits(narrow=10**9), cover=False)
        search.run()
        found.append((search.states, machine))

    start(plan(NaivePaymentsService), scenario, search, learned)
    return found[-1]


def asked_of_the_bus(explored: Explored) -> int:
    assert explored.machine is not None
    return explored.machine.stream.asked


def test_a_publication_does_not_hang_on_what_else_was_published() -> None:
    explored = explore(plan(PaymentsService), CANCELLED)

    created, cancelled = len(THREE), len(THREE)
    assert explored.complete
    assert asked_of_the_bus(explored) == created + cancelled


@pytest.mark.parametrize("scenario", ["two-clicks", "pay-and-cancel"])
def test_room_for_few_messages_or_few_of_one_id_is_made_wider(scenario: str) -> None:
    states, _ = searched(SCENARIOS[scenario], Learned())
    narrow = Learned(width=2, messages=1)
    again, machine = searched(SCENARIOS[scenario], narrow)

    assert again == states
    assert narrow.messages >= machine.stream.ids > 1
    assert narrow.width > 2


def test_more_messages_than_a_word_has_bits_are_walked_in_strokes_too() -> None:
    names = [f"ord_{number}" for number in range(1, 30)]
    many = Scenario("many", (Pay("ord_1"), Pay("ord_2"), Cancel("ord_1")), orders=tuple(map(Placed, names)), known=True)

    one_by_one = explore(plan(NaivePaymentsService), many)
    in_strokes = explore(plan(NaivePaymentsService, narrow=0), many)

    assert one_by_one.complete
    assert (in_strokes.states, in_strokes.transitions) == (one_by_one.states, one_by_one.transitions)
    assert in_strokes.ends == one_by_one.ends


def test_what_is_in_a_slot_that_is_new_is_not_lost_in_packing() -> None:
    def pack(machine: Machine) -> None:
        packing = Packing(machine)
        first = Search(machine, limits=Limits(narrow=10**9))
        first.run()
        with pytest.raises(Narrow):
            packing.pack(first.parents)

    start(plan(PaymentsService), SCENARIOS["pay-and-cancel"], pack)
