"""Engines that are explored part by part: collections by their documents, the bus by its message ids."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from payments_lab import Faults, PaymentsService
from payments_lab.explore.exploring import Explored, Plan, explore, start
from payments_lab.explore.machine import Learned, Machine
from payments_lab.explore.packing import Narrow, Packing
from payments_lab.explore.scenario import SCENARIOS, Cancel, Pay, Placed, Scenario
from payments_lab.explore.search import Limits, Search
from payments_lab.explore.world import Services
from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.ports import Operation, scheduled_by
from payments_lab.ports.immediate import immediately
from payments_lab.stores.documents import Document
from payments_lab.stores.embedded import EmbeddedCollection, EmbeddedDatabase

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
def test_room_for_few_parts_or_few_values_of_one_is_made_wider(scenario: str) -> None:
    states, _ = searched(SCENARIOS[scenario], Learned())
    few = Learned(width=2, rooms=defaultdict(lambda: 1))
    again, machine = searched(SCENARIOS[scenario], few)

    assert again == states
    assert few.rooms["bus"] >= machine.stream.parts > 1
    assert few.width > 2


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


def test_a_document_is_asked_once_for_each_of_its_own_states() -> None:
    one = replace(CANCELLED, actions=CANCELLED.actions[:1], orders=CANCELLED.orders[:1])
    asked: list[int] = []
    for scenario in (one, CANCELLED):
        explored = explore(plan(PaymentsService), scenario)
        assert explored.machine is not None
        asked += [engine.asked for engine in explored.machine.engines if engine.name == "orders.orders"]

    assert 0 < asked[1] <= len(THREE) * asked[0]


# what an operation on a collection concerns

AN_ORDER = {"_id": "ord_1", "status": "created", "version": 0}
BY_ID: dict[str, Any] = {
    "find_one": lambda orders: orders.find_one({"_id": "ord_1"}),
    "find": lambda orders: orders.find({"_id": "ord_1"}).to_list(),
    "count_documents": lambda orders: orders.count_documents({"_id": "ord_1", "version": 0}),
    "insert_one": lambda orders: orders.insert_one(dict(AN_ORDER)),
    "update_one": lambda orders: orders.update_one({"_id": "ord_1"}, {"$inc": {"version": 1}}),
    "upsert": lambda orders: orders.update_one({"_id": "ord_1"}, {"$set": {"version": 1}}, upsert=True),
    "replace_one": lambda orders: orders.replace_one({"_id": "ord_1", "version": 0}, {"version": 1}),
    "delete_many": lambda orders: orders.delete_many({"_id": "ord_1"}),
    "find_one_and_update": lambda orders: orders.find_one_and_update({"_id": "ord_1"}, {"$inc": {"version": 1}}),
}
BY_OTHERS: dict[str, Any] = {
    "no filter": lambda orders: orders.find_one(),
    "another field": lambda orders: orders.find_one({"version": 0}),
    "several ids": lambda orders: orders.find_one({"_id": {"$in": ["ord_1"]}}),
    "a number": lambda orders: orders.find_one({"_id": 1}),
    "insert_many": lambda orders: orders.insert_many([dict(AN_ORDER)]),
}
OTHERS: list[Document] = [{"_id": "ord_0", "version": 0}, {"_id": "ord_2", "status": "created", "version": 7}]


def collection(held: list[Document]) -> EmbeddedCollection:
    orders = EmbeddedDatabase("orders")["orders"]
    for document in held:
        immediately(orders.insert_one(dict(document)))
    return orders


def operation_of(call: Any, orders: EmbeddedCollection) -> Operation:
    """What a call asks for at its checkpoint."""
    asked: list[Operation] = []

    class Listening:
        async def step(self, operation: Operation, perform: Any) -> Any:
            asked.append(operation)
            return perform()

    async def listen() -> None:
        with scheduled_by(Listening()):
            await call(orders)

    immediately(listen())
    return asked[0]


def shown(answer: Any) -> Any:
    """What an operation gave, as far as code can see it."""
    return getattr(answer, "raw_result", None) or getattr(answer, "inserted_id", answer)


@pytest.mark.parametrize("call", BY_ID.values(), ids=BY_ID)
@pytest.mark.parametrize("there", [True, False])
def test_what_concerns_one_document_does_the_same_whatever_else_there_is(call: Any, there: bool) -> None:
    held = [AN_ORDER] if there and call is not BY_ID["insert_one"] else []
    alone, among = collection(held), collection([*held, *OTHERS])
    part = alone.concerns(operation_of(call, collection(held)))
    before = among.parts()

    assert part is not None
    answers = [repr(shown(immediately(call(orders)))) for orders in (alone, among)]
    one, all_of_them = alone.parts(), among.parts()

    assert answers[0] == answers[1]
    assert one.get(part) == all_of_them.get(part)
    assert {**all_of_them, part: b""} == {**before, part: b""}


@pytest.mark.parametrize("call", BY_OTHERS.values(), ids=BY_OTHERS)
def test_what_may_concern_others_is_not_taken_apart(call: Any) -> None:
    orders = collection([])

    assert orders.concerns(operation_of(call, orders)) is None


def test_where_an_index_makes_documents_meet_writing_is_not_taken_apart_and_reading_is() -> None:
    payments = EmbeddedDatabase("payments")["payments"]
    immediately(payments.create_index("orderId", unique=True))

    assert payments.concerns(operation_of(BY_ID["update_one"], payments)) is None
    assert payments.concerns(operation_of(BY_ID["find_one"], payments)) is not None


def test_what_is_divided_is_united_to_the_same() -> None:
    orders = collection([AN_ORDER, *OTHERS])

    assert orders.unite(orders.parts()) == orders.snapshot()
    assert orders.unite({}) == collection([]).snapshot()
