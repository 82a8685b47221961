"""Taking thousands of configurations at a time finds what taking one after the other finds, and as much of it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments_lab import Faults, PaymentsService
from payments_lab.explore import SCENARIOS
from payments_lab.explore.compiled import Walk, compilation
from payments_lab.explore.exploring import Explored, Plan, explore, start
from payments_lab.explore.flow import Flow
from payments_lab.explore.invariants import INVARIANTS
from payments_lab.explore.machine import Machine
from payments_lab.explore.packing import Packing
from payments_lab.explore.search import Limits, Search
from payments_lab.explore.seen import Seen
from payments_lab.explore.world import Services
from payments_lab.explore.zoo import BUGS, NaivePaymentsService
from tests.explore.services import Remembers

NEVER = Limits(narrow=10**9)
AT_ONCE = Limits(narrow=0, compiled=10**9)
COMPILED = Limits(narrow=0, compiled=-1)
FAULTS = {
    "none": Faults(),
    "crash": Faults(crashes=1),
    "duplicate": Faults(duplicates=1),
    "lost-reply": Faults(lost_replies=1),
    "in-order": Faults(crashes=1, duplicates=1, reorder=False),
    "no-retries": Faults(crashes=1, lost_replies=1, retries=0),
    "orders-crash-too": Faults(crashes=1, services=("orders", "payments")),
}
SMALL = [(scenario, faults) for scenario in ("second-card", "stranger") for faults in FAULTS]
SMALL += [("pay-and-expire", faults) for faults in ("crash", "duplicate")]


def plan(service: type[PaymentsService], faults: Faults, limits: Limits, *, cover: bool = True) -> Plan:
    return Plan(Services(service), INVARIANTS, faults, limits, stop_at_first=False, cover=cover)


@pytest.fixture(params=["arrays", "compiled"])
def strokes(request: pytest.FixtureRequest) -> Limits:
    """Walking in strokes from the first configuration on, with arrays alone or with what a compiler made."""
    if request.param == "arrays":
        return AT_ONCE
    request.getfixturevalue("compiler")
    return COMPILED


@pytest.fixture
def compiler() -> None:
    if compilation().result(wait=True) is None:
        pytest.skip("needs a C compiler: apt-get install gcc")


def both(
    service: type[PaymentsService], scenario: str, faults: Faults, strokes: Limits, *, cover: bool = True
) -> list[Explored]:
    """In strokes, and step by step; once before, since what an interpreter holds differs in a line's first run."""
    _, wide, narrow = (
        explore(plan(service, faults, limits, cover=cover), SCENARIOS[scenario]) for limits in (NEVER, strokes, NEVER)
    )
    return [wide, narrow]


@pytest.mark.parametrize(("scenario", "faults"), SMALL)
def test_strokes_meet_exactly_what_single_steps_meet(scenario: str, faults: str, strokes: Limits) -> None:
    wide, narrow = both(PaymentsService, scenario, FAULTS[faults], strokes, cover=False)

    assert (wide.states, wide.transitions) == (narrow.states, narrow.transitions)
    assert wide.ends == narrow.ends
    assert wide.complete
    assert narrow.complete
    assert {**wide.exercised, "reorder": 0} == {**narrow.exercised, "reorder": 0}


@pytest.mark.no_cover
@pytest.mark.parametrize("service", [NaivePaymentsService, Remembers])
@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_strokes_find_what_single_steps_find(service: type[PaymentsService], faults: Faults, strokes: Limits) -> None:
    wide, narrow = both(service, "two-clicks", faults, strokes)

    assert {each.invariant for each in wide.findings} == {each.invariant for each in narrow.findings}
    assert wide.ends == narrow.ends


def test_a_finding_of_strokes_is_told_with_as_few_faults_and_choices(strokes: Limits) -> None:
    wide, narrow = both(NaivePaymentsService, "two-clicks", Faults(crashes=1), strokes)

    assert wide.findings
    fewest = {each.invariant: sum(map(bool, each.choices)) for each in narrow.findings}
    assert {each.invariant: sum(map(bool, each.choices)) for each in wide.findings} == fewest


def test_strokes_find_a_story_that_goes_round_for_ever(strokes: Limits) -> None:
    bug = next(each for each in BUGS if each.name == "never-acknowledges")
    found = explore(plan(bug.service, bug.faults, strokes), bug.scenario)

    assert "nothing-is-stuck" in {each.invariant for each in found.findings}


def test_a_step_that_forgets_what_it_depends_on_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = explore(plan(PaymentsService, Faults(crashes=1), NEVER, cover=False), SCENARIOS["pay-and-expire"])
    right = Packing.mask

    def forgetful(self: Packing, bits: int) -> list[int]:
        environment = self.of(self.fields[0])
        return [mask & (environment.mask << environment.shift) for mask in right(self, bits)]

    monkeypatch.setattr(Packing, "mask", forgetful)
    try:
        wide = explore(plan(PaymentsService, Faults(crashes=1), AT_ONCE, cover=False), SCENARIOS["pay-and-expire"])
    except LookupError:
        return  # it came to a configuration that there is not

    assert wide.states != narrow.states


def test_without_numpy_a_search_goes_on_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments_lab.explore.search.find_spec", lambda name: None)
    found = explore(plan(PaymentsService, Faults(), AT_ONCE), SCENARIOS["two-clicks"])

    assert found.complete


def test_the_limits_hold_for_strokes_too() -> None:
    few = explore(plan(PaymentsService, Faults(crashes=1), Limits(states=500, narrow=0)), SCENARIOS["two-clicks"])
    none = explore(plan(PaymentsService, Faults(crashes=1), Limits(seconds=0, narrow=0)), SCENARIOS["two-clicks"])

    assert (few.stopped, few.complete) == ("states", False)
    assert (none.stopped, none.complete) == ("seconds", False)


# one move


def test_what_follows_many_is_what_follows_each(strokes: Limits) -> None:
    """Every configuration of a small space, each field as it is after one step of the machine."""
    compared: list[int] = []
    walk = compilation().result() if strokes is COMPILED else None

    def compare(machine: Machine) -> None:
        search = Search(machine, limits=NEVER, cover=False)
        search.run()
        packing = Packing(machine)
        flow = Flow(machine, packing, search.entry, search.looks_at, search.bitten)
        flow.use(walk)
        following = {state: targets for state in search.parents if (targets := search.visit(state))}
        words, origins, _ = flow.follow(packing.pack([*following]))
        reached: list[list[int]] = [[] for _ in following]
        for row, origin in enumerate(origins):
            reached[origin].append(packing.unpack(int(word[row]) for word in words))
        for state, targets in zip(following, reached, strict=True):
            if targets:
                assert sorted(targets) == sorted(following[state])
                compared.append(state)

    start(plan(PaymentsService, Faults(crashes=1, duplicates=1), NEVER), SCENARIOS["stranger"], compare)

    assert len(compared) > 1000


@pytest.mark.no_cover
@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("atomic", [(), ("orders", "expiration"), ("orders", "payments")])
@pytest.mark.parametrize("faults", ["crash", "duplicate", "in-order"])
@pytest.mark.parametrize("stroke", [7, 1 << 16])
def test_what_is_compiled_gives_the_same_in_the_same_order(
    faults: str, atomic: tuple[str, ...], stroke: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first configuration on or from somewhere in between, one stroke a level or many; once before, too."""
    met: list[tuple[list[int], list[int]]] = []
    compiled: list[int] = []
    act = Walk.act

    def counted(self: Walk, *arguments: Any) -> Any:
        compiled[-1] += 1
        return act(self, *arguments)

    def search(machine: Machine) -> None:
        searched = Search(machine, limits=limits)
        searched.run()
        everything = list(searched.sample(10**6))
        met.append((everything, searched.way(everything[-1])))

    monkeypatch.setattr("payments_lab.explore.strokes.STROKE", stroke)
    monkeypatch.setattr(Walk, "act", counted)
    for limits in (NEVER, AT_ONCE, COMPILED, Limits(narrow=0, compiled=30)):
        compiled.append(0)
        given = replace(plan(NaivePaymentsService, FAULTS[faults], limits), atomic=atomic)
        start(given, SCENARIOS["pay-and-expire"], search)

    _, arrays, at_once, later = met
    assert len(arrays[0]) > 50
    assert at_once == arrays
    assert later == arrays
    assert compiled[2] > compiled[3] > compiled[1] == 0


def test_packing_anew_keeps_every_configuration(strokes: Limits) -> None:
    walk = compilation().result() if strokes is COMPILED else None

    def compare(machine: Machine) -> None:
        before = Packing(machine)
        seen = Seen(before.words)
        seen.walk = walk
        seen.add(before.pack([machine.root]))
        search = Search(machine, limits=NEVER)
        search.run()
        after = Packing(machine)
        seen.move(after.places_from(before), after.words)
        assert after.unpack(seen.rows[0].tolist()) == machine.root
        assert seen.find(after.pack([machine.root])).tolist() == [0]

    start(plan(PaymentsService, Faults(), NEVER), SCENARIOS["two-clicks"], compare)


# the set


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**64 - 1)), max_size=40), max_size=8))
def test_a_set_of_many_knows_what_is_new(batches: list[list[tuple[int, int]]]) -> None:
    seen, compiled, model = Seen(2), Seen(2), dict[tuple[int, int], int]()
    compiled.walk = compilation().result(wait=True)
    for batch in batches:
        words = [np.array([pair[place] for pair in batch], np.uint64) for place in range(2)]
        fresh = [pair for pair in batch if pair not in model]
        numbers, new = seen.add(words)
        for pair, number in zip(batch, numbers, strict=True):
            assert model.setdefault(pair, int(number)) == number
        assert sorted(batch[row] for row in new) == sorted(set(fresh))
        assert [int(each) for each in seen.find(words)] == [model[pair] for pair in batch]
        assert [each.tolist() for each in compiled.add(words)] == [numbers.tolist(), new.tolist()]
        assert compiled.find(words).tolist() == numbers.tolist()
    assert seen.size == len(model)
    assert sorted(model.values()) == list(range(len(model)))


def test_a_set_grows(strokes: Limits) -> None:
    seen, count = Seen(1), 200_000
    seen.walk = compilation().result() if strokes is COMPILED else None
    for start_at in range(0, count, 50_000):
        seen.add([np.arange(start_at, start_at + 60_000, dtype=np.uint64)])

    assert seen.size == count + 10_000
    assert seen.find([np.array([0, count, count + 10_000], np.uint64)]).tolist() == [0, count, -1]


# the compiler


@pytest.mark.parametrize(
    ("compiler", "warning"), [("", ""), ("no-such-compiler", "No such file"), ("false", "ended with 1")]
)
def test_without_a_compiler_a_search_goes_on_with_arrays(
    compiler: str, warning: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", compiler)
    compilation.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match=warning) if warning else nullcontext():
            assert compilation().result(wait=True) is None
        found = explore(plan(PaymentsService, Faults(), COMPILED), SCENARIOS["two-clicks"])
    finally:
        compilation.cache_clear()

    assert found.complete


# services that take effect at once


@pytest.mark.no_cover
@pytest.mark.parametrize("service", [PaymentsService, NaivePaymentsService])
@pytest.mark.parametrize("scenario", ["pay-and-cancel", "pay-and-expire", "stranger"])
@pytest.mark.parametrize("faults", [Faults(), Faults(crashes=1), Faults(duplicates=1), Faults(lost_replies=1)])
def test_orders_and_expiration_that_take_effect_at_once_lead_to_the_same_ends(
    service: type[PaymentsService], scenario: str, faults: Faults
) -> None:
    each_await = plan(service, faults, Limits())
    at_once = replace(each_await, atomic=("orders", "expiration"))
    one, other = explore(each_await, SCENARIOS[scenario]), explore(at_once, SCENARIOS[scenario])

    assert one.ends == other.ends
    assert {found.invariant for found in one.findings} == {found.invariant for found in other.findings}
    assert service is NaivePaymentsService or other.states < one.states
