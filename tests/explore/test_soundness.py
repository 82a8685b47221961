"""The explorer is held to its word: against plain re-execution, and each reduction on against off.

Every comparison is shown to be able to fail: with a memo whose key forgets something, or with a reduction that takes
every pair of operations for independent, it does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments_lab import Faults, PaymentsService
from payments_lab.explore import SCENARIOS, Cancel, Pay, Placed, Scenario
from payments_lab.explore.engines import Effect, Engine
from payments_lab.explore.evidence import Evidence, Gatherer
from payments_lab.explore.exploring import Explored, Plan, explore, start
from payments_lab.explore.invariants import INVARIANTS
from payments_lab.explore.machine import Machine
from payments_lab.explore.orders import _Engine as OrdersOfEngine
from payments_lab.explore.schedule import Schedule
from payments_lab.explore.search import Limits
from payments_lab.explore.staging import stage
from payments_lab.explore.standing import Standing
from payments_lab.explore.tasks import Tasks
from payments_lab.explore.world import Services
from payments_lab.explore.zoo import BUGS, NaivePaymentsService
from tests.explore.services import (
    ChargesByTheStatus,
    LooksAgainForSoLong,
    Naive,
    Remembers,
    RemembersAtOnce,
    SavesWhileItCharges,
)

CLICK = Scenario("click", (Pay(key="click-1"),), known=True)
CLICK_OR_CANCEL = Scenario("click-or-cancel", (Pay(key="click-1"), Cancel()), known=True)
EXPIRING = Scenario("expiring", (Pay(key="click-1"),), known=True, expires=True)
TWO_ORDERS = Scenario(
    "two-orders", (Pay(key="a"), Pay("ord_2", key="b")), orders=(Placed(), Placed("ord_2", price=3500)), known=True
)
SERVICES: dict[str, type[PaymentsService]] = {
    "hardened": PaymentsService,
    "naive": NaivePaymentsService,
    "naiver": Naive,
    "remembers": Remembers,
    "by-the-status": ChargesByTheStatus,
    "at-once": SavesWhileItCharges,
    "remembers-at-once": RemembersAtOnce,
    "looks-for-so-long": LooksAgainForSoLong,
    **{bug.name: bug.service for bug in BUGS if bug.orders is None},
}
SMALL = ("two-clicks", "pay-and-cancel", "pay-and-expire", "second-card", "stranger")


# against plain re-execution


def same(remembered: Evidence, run: Evidence) -> bool:
    """Whether two pieces of evidence tell of the same shop."""
    return _plain(remembered) == _plain(run)


def _plain(evidence: Evidence) -> tuple[Any, ...]:
    documents = {name: [dict(sorted(each.items())) for each in found] for name, found in evidence.documents.items()}
    messages = sorted((each.subject, each.message_id, each.data) for each in evidence.messages)
    return documents, list(evidence.charges), list(evidence.refunds), messages


def replays_alike(service: type[PaymentsService], scenario: Scenario, faults: Faults, choices: list[int]) -> bool:
    """Whether a schedule comes to the same end from memory and when everything is run anew."""
    plan = Plan(Services(service), INVARIANTS, faults)
    results: list[bool] = []

    def play(machine: Machine) -> None:
        # Another story first, so that much of this one is remembered and not run.
        schedule = Schedule(machine)
        for other in ([], [1], [0, 2, 1]):
            schedule.play(other)
        steps = schedule.play(choices)
        staged = stage(machine, steps)
        last = steps[-1].after
        # A story that goes round for ever is cut off where it is.
        ended = not schedule.moves(last) or schedule.may_end(last)
        results.append(not (ended and staged.busy) and same(Gatherer(machine).gather(last), staged.evidence()))

    start(plan, scenario, play)
    return results[-1]


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    service=st.sampled_from(sorted(SERVICES)),
    scenario=st.sampled_from([*SMALL, "two-orders", "two-clicks-and-cancel"]),
    faults=st.builds(
        Faults,
        crashes=st.integers(0, 2),
        duplicates=st.integers(0, 1),
        lost_replies=st.integers(0, 1),
        retries=st.integers(0, 1),
        reorder=st.booleans(),
    ),
    choices=st.lists(st.integers(0, 5), max_size=25),
)
def test_any_schedule_comes_to_the_same_end_from_memory_and_when_all_is_run(
    service: str, scenario: str, faults: Faults, choices: list[int]
) -> None:
    assert replays_alike(SERVICES[service], SCENARIOS[scenario], faults, choices)


def test_a_message_is_named_by_who_publishes_it_whoever_acts_before_it_is_kept() -> None:
    assert replays_alike(Naive, SCENARIOS["two-clicks"], Faults(retries=0), [0, 2, 0, 2, 0, 1])


def every_schedule(machine: Machine) -> Iterator[list[int]]:
    """Each schedule from the root to an end, as choices: a walk that remembers nothing."""
    schedule = Schedule(machine)
    waiting: list[list[int]] = [[]]
    while waiting:
        choices = waiting.pop()
        state = machine.root
        for choice in choices:
            state = machine.follow(state, schedule.moves(state)[choice - schedule.may_end(state)])
        may_end = schedule.may_end(state)
        if may_end:
            yield choices
        waiting += [[*choices, choice + may_end] for choice in range(len(schedule.moves(state)))]


@pytest.mark.parametrize(
    ("service", "faults"),
    [
        (NaivePaymentsService, Faults(crashes=1, retries=0)),
        (Remembers, Faults(crashes=1, retries=0)),
        (NaivePaymentsService, Faults(lost_replies=1, retries=0)),
        (NaivePaymentsService, Faults(duplicates=1, retries=0)),
        (SavesWhileItCharges, Faults(retries=0)),
        (SavesWhileItCharges, Faults(crashes=1, retries=0)),
        (SavesWhileItCharges, Faults(lost_replies=1, retries=0)),
        (RemembersAtOnce, Faults(crashes=1, retries=0)),
        (SERVICES["asks-anew-when-time-is-up"], Faults(lost_replies=1, retries=0)),
        (SERVICES["cancels-what-is-on-its-way"], Faults(crashes=1, retries=0)),
        (SERVICES["cancels-what-is-on-its-way"], Faults(lost_replies=1, retries=0)),
    ],
)
def test_running_every_schedule_anew_finds_what_the_search_finds(
    service: type[PaymentsService], faults: Faults
) -> None:
    plan = Plan(Services(service), INVARIANTS, faults, stop_at_first=False)
    found = {finding.invariant for finding in explore(plan, CLICK).findings}
    broken: set[str] = set()
    count = 0

    def run(machine: Machine) -> None:
        nonlocal count
        broken.clear()
        schedule = Schedule(machine)
        for choices in every_schedule(machine):
            count += 1
            evidence = stage(machine, schedule.play(choices)).evidence()
            broken.update(rule.name for rule in INVARIANTS if list(rule.check(evidence)))

    start(plan, CLICK, run)

    assert count > 5
    assert broken == found


# each reduction on against off


def outcome(plan: Plan, scenario: Scenario) -> tuple[set[str], frozenset[tuple[bytes, ...]]]:
    """What breaks, and how everything may end."""
    explored = explore(plan, scenario)
    assert explored.complete, explored.stopped
    return _broken(explored), explored.ends


def _broken(explored: Explored) -> set[str]:
    return {finding.invariant for finding in explored.findings}


PATIENT = Limits(seconds=3600)


def plan_for(service: type[PaymentsService], faults: Faults, **options: Any) -> Plan:
    return Plan(Services(service), INVARIANTS, faults, PATIENT, stop_at_first=False, **options)


CASES = [
    *itertools.product(["hardened", "naive", "naiver", "remembers"], SMALL, [Faults()]),
    *itertools.product(["hardened", "naive", "remembers"], ["two-clicks", "stranger"], [Faults(crashes=1)]),
    *itertools.product(["hardened", "naive"], ["stranger"], [Faults(duplicates=1, lost_replies=1)]),
    ("by-the-status", "pay-and-cancel", Faults()),
    ("naive", "second-card", Faults(crashes=1, duplicates=1, lost_replies=1)),
    ("hardened", "second-card", Faults(crashes=1, lost_replies=1)),
    ("remembers-at-once", "two-clicks", Faults()),
    *itertools.product(["at-once"], ["two-clicks", "pay-and-cancel"], [Faults()]),
    *itertools.product(["at-once"], ["second-card", "stranger"], [Faults(crashes=1, lost_replies=1)]),
    ("asks-anew-when-time-is-up", "two-clicks", Faults(lost_replies=1)),
    ("cancels-what-is-on-its-way", "pay-and-cancel", Faults(lost_replies=1)),
    ("cancels-what-is-on-its-way", "stranger", Faults(crashes=1, lost_replies=1)),
    ("naive", "two-orders", Faults()),
    ("hardened", "two-orders", Faults(retries=0)),
    ("naive", "two-clicks", Faults(crashes=1, reorder=False)),
    ("naive", "pay-and-cancel", Faults(crashes=1, recovers_first=False)),
]


@pytest.mark.no_cover
@pytest.mark.parametrize(("service", "scenario", "faults"), CASES)
@pytest.mark.parametrize("off", ["reduce", "merge", "cover"])
def test_a_reduction_hides_neither_a_violation_nor_an_end(
    service: str, scenario: str, faults: Faults, off: str
) -> None:
    hides_nothing(service, scenario, faults, off)


@pytest.mark.parametrize("faults", [Faults(), Faults(lost_replies=1), Faults(crashes=1)])
@pytest.mark.parametrize("off", ["reduce", "cover"])
def test_a_reduction_hides_nothing_of_who_looks_again_and_again(faults: Faults, off: str) -> None:
    """Where tasks that stand alike are told apart, it looks again for ever."""
    hides_nothing("looks-for-so-long", "pay-and-cancel", faults, off)


def hides_nothing(service: str, scenario: str, faults: Faults, off: str) -> None:
    options = {"reduce": {"reduce": True}, "merge": {"merge": False}, "cover": {"cover": False}}[off]
    plan = plan_for(SERVICES[service], faults)
    broken, ends = outcome(plan, SCENARIOS[scenario])

    broken_off, ends_off = outcome(replace(plan, **options), SCENARIOS[scenario])

    assert broken_off == broken
    if service == "remembers" and faults.crashes and off == "reduce":
        # Threads decide one by one how far they get, and see each other's memory meanwhile: more may happen, not less.
        assert ends_off >= ends
    else:
        assert ends_off == ends


@pytest.mark.no_cover
def test_every_reduction_leaves_something_out() -> None:
    plain = plan_for(PaymentsService, Faults(crashes=1))
    states = {name: explore(replace(plain, **options), SCENARIOS["two-clicks"]).states for name, options in LADDER}

    assert states["nothing"] > states["no merge"] > states["cover"]


def test_the_reduction_pays_where_orders_have_nothing_to_do_with_each_other() -> None:
    plain = plan_for(PaymentsService, Faults(retries=0))

    assert explore(replace(plain, reduce=True), TWO_ORDERS).states * 20 < explore(plain, TWO_ORDERS).states


LADDER: list[tuple[str, dict[str, bool]]] = [
    ("no merge", {"merge": False, "cover": True}),
    ("nothing", {"merge": False, "cover": False}),
    ("cover", {}),
]


# each comparison can fail


@pytest.fixture
def forgetful_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A memo of engines whose key forgets the state."""
    asked: dict[tuple[int, int], Effect] = {}
    effect = Engine.effect

    def forgets(self: Engine, state: int, operation: int, wish: Any) -> Effect:
        return asked.setdefault((id(self), operation), effect(self, state, operation, wish))

    monkeypatch.setattr(Engine, "effect", forgets)


@pytest.fixture
def deaf_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A memo of tasks whose key forgets what they were told."""
    tell = Tasks.tell

    def deaf(self: Tasks, node: Any, answer: int, phase: int, memory: int = 0) -> Any:
        if node.children:
            return self.nodes[next(iter(node.children.values()))]
        return tell(self, node, answer, phase, memory)

    monkeypatch.setattr(Tasks, "tell", deaf)


@pytest.fixture
def blind_standing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks that stand at the same line are taken for alike, whatever they hold in hand."""
    key = Standing.key

    def blind(self: Standing, coroutine: Any, *more: object) -> Any:
        chain = key(self, coroutine, *more)[0]
        return tuple((link[0], link[1]) if isinstance(link, tuple) and len(link) > 1 else link for link in chain)

    monkeypatch.setattr(Standing, "key", blind)


@pytest.fixture
def all_independent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pair of operations is taken for independent."""
    monkeypatch.setattr(OrdersOfEngine, "_differ", lambda *_: False)


def _fails(check: Callable[[], bool]) -> bool:
    try:
        return not check()
    except Exception:
        return True


@pytest.mark.usefixtures("forgetful_engine")
def test_a_memo_that_forgets_the_state_is_noticed() -> None:
    assert _fails(lambda: replays_alike(PaymentsService, SCENARIOS["two-clicks"], Faults(), [0, 0, 1, 1, 0, 1]))


@pytest.mark.usefixtures("deaf_tasks")
def test_a_memo_that_forgets_what_a_task_was_told_is_noticed() -> None:
    assert _fails(lambda: replays_alike(PaymentsService, SCENARIOS["two-clicks"], Faults(), [1]))


@pytest.mark.usefixtures("blind_standing")
def test_taking_different_tasks_for_alike_is_noticed() -> None:
    plan = plan_for(PaymentsService, Faults(lost_replies=1))

    def agrees() -> bool:
        return outcome(plan, SCENARIOS["second-card"]) == outcome(replace(plan, merge=False), SCENARIOS["second-card"])

    assert _fails(agrees)


@pytest.mark.usefixtures("all_independent")
def test_taking_everything_for_independent_is_noticed() -> None:
    plain = plan_for(NaivePaymentsService, Faults())

    def agrees() -> bool:
        scenarios = [SCENARIOS[name] for name in SMALL]
        return all(outcome(replace(plain, reduce=True), each) == outcome(plain, each) for each in scenarios)

    assert _fails(agrees)
