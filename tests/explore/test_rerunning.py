"""What was remembered is run once more, and code that does something else then is found with its line."""

from __future__ import annotations

import cProfile
import itertools
import pstats
import sys
from typing import Any

from payments_lab import Faults, PaymentsService, verify
from payments_lab.explore import Pay, Scenario
from payments_lab.explore.coroutines import under_control
from payments_lab.explore.machine import Learned, Machine
from payments_lab.explore.rerunning import find_nondeterminism
from payments_lab.explore.schedule import Schedule
from payments_lab.explore.world import Services, World
from tests.explore.services import Naive, ReadsTheClock

ONE_CLICK = Scenario("one-click", (Pay(key="click-1"),), known=True)


class CountsInTheModule(Naive):
    numbers = itertools.count()

    async def before_the_charge(self) -> None:
        await self.payments.find_one({"number": next(self.numbers)})


class RemembersInTheClass(Naive):
    charged: set[str] = set()  # noqa: RUF012 - what the test is about

    async def before_the_charge(self) -> None:
        if "ord_1" in self.charged:
            await self.payments.find_one({"orderId": "ord_1"})
        self.charged.add("ord_1")


def explored(service: type[PaymentsService]) -> Machine:
    """A machine that knows what a service does in the usual order and in some others."""
    world = World(Services(service), ONE_CLICK)
    with under_control():
        machine = Machine(world, Faults(retries=0), Learned())
        schedule = Schedule(machine)
        for choice in range(9):
            schedule.play([choice] * 9)
    return machine


def message(service: Any) -> str:
    (violation,) = verify(service, scenario=ONE_CLICK, faults=Faults(retries=0)).violations
    assert violation.invariant == "nondeterministic"
    return violation.message


def test_a_handler_that_counts_elsewhere_is_named_with_what_it_did_first_and_then() -> None:
    told = message(CountsInTheModule)

    assert "in CountsInTheModule.before_the_charge does something else" in told
    assert "first it asks payments.payments for find_one {'number': 0}, then it asks payments.payments" in told


def test_a_step_that_was_there_once_and_is_not_there_again_is_found() -> None:
    assert "then it asks payments.payments for find_one {'orderId': 'ord_1'}" in message(RemembersInTheClass)


def test_the_ways_to_all_leaves_hold_every_node() -> None:
    machine = explored(PaymentsService)
    with under_control():
        before = machine.tasks.steps
        assert find_nondeterminism(machine, leaves=10_000) == ""

    again = machine.tasks.steps - before
    assert len(machine.tasks.nodes) <= again


def test_a_verification_may_be_profiled_and_still_hears_the_clock() -> None:
    def afterwards() -> None:
        """What the profiler must still see."""

    profiler = cProfile.Profile()
    profiler.enable()
    try:
        told = message(ReadsTheClock)
        afterwards()
    finally:
        profiler.disable()

    assert "time.time" in told
    stats: Any = pstats.Stats(profiler)
    assert "afterwards" in {name for _, _, name in stats.stats}


def test_a_profiler_in_python_is_put_back() -> None:
    def profile(_frame: object, _event: str, _about: object) -> None:
        """Sees everything."""

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        verify(scenario=ONE_CLICK, faults=Faults(retries=0))
        after = sys.getprofile()
    finally:
        sys.setprofile(before)

    assert after is profile
