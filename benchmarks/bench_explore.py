"""The explorer: how soon it finds a double charge, beside Hypothesis and SPIN; how fast it walks, and over what."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.harness import Row, medians, seconds

MODEL = Path(__file__).parent.parent / "tests" / "explore" / "shop.pml"
WALKS = 20_000


def rows() -> list[Row]:
    return [*_beside_hypothesis(), *_beside_spin(), _cold(), _swarm(), _share(), _walking(), _everything()]


def _find() -> None:
    from payments_lab.explore import verify
    from payments_lab.explore.zoo import NaivePaymentsService

    assert not verify(NaivePaymentsService, scenario="two-clicks").ok


def _meet() -> None:
    """The search alone, up to the first double charge: no story is told, and none is shrunk."""
    from payments_lab.explore.exploring import Plan, start
    from payments_lab.explore.faults import Faults
    from payments_lab.explore.invariants import INVARIANTS
    from payments_lab.explore.judge import Judge
    from payments_lab.explore.scenario import TWO_CLICKS
    from payments_lab.explore.search import Search
    from payments_lab.explore.world import Services
    from payments_lab.explore.zoo import NaivePaymentsService
    from payments_lab.garbage import without_garbage_collection

    def search(machine: Any) -> None:
        judge = Judge(machine, INVARIANTS)
        Search(machine, watch=judge).run()
        assert judge.breaches

    with without_garbage_collection():
        start(Plan(Services(NaivePaymentsService), INVARIANTS, Faults()), TWO_CLICKS, search)


def _beside_hypothesis() -> list[Row]:
    """Find and shrink, from an empty memo, in a warm process; Hypothesis steers the same services step by step."""
    _find()
    peer = statistics.median(seconds(_find_with_hypothesis) for _ in range(3))
    met, ours = (statistics.median(seconds(find) for _ in range(15)) for find in (_meet, _find))
    name = "Hypothesis RuleBasedStateMachine, same world, found and shrunk"
    return [
        Row("explorer: first double charge", ours * 1000, peer * 1000, "ms", name, "100 times", "lower"),
        Row(
            "explorer: first double charge, met",
            met * 1000,
            ours * 1000,
            "ms",
            "met, told and shrunk",
            "20 ms",
            "lower",
        ),
    ]


def _find_with_hypothesis() -> None:
    import hypothesis
    from hypothesis import HealthCheck, settings
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

    from payments_lab.explore.coroutines import under_control
    from payments_lab.explore.evidence import Gatherer
    from payments_lab.explore.faults import Faults
    from payments_lab.explore.machine import Learned, Machine
    from payments_lab.explore.scenario import TWO_CLICKS
    from payments_lab.explore.schedule import Schedule
    from payments_lab.explore.world import Services, World
    from payments_lab.explore.zoo import NaivePaymentsService

    class Shop(RuleBasedStateMachine):
        """The same services and engines, with nothing remembered from one story to the next."""

        def __init__(self) -> None:
            super().__init__()
            world = World(Services(NaivePaymentsService), TWO_CLICKS)
            with under_control():
                self.machine = Machine(world, Faults(), Learned())
            self.schedule = Schedule(self.machine)
            self.state = self.machine.root

        @rule(choice=st.integers(0, 7))
        def step(self, choice: int) -> None:
            with under_control():
                moves = self.schedule.moves(self.state)
                if moves:
                    self.state = self.machine.follow(self.state, moves[choice % len(moves)])

        @invariant()
        def nobody_is_charged_twice(self) -> None:
            assert len(Gatherer(self.machine).gather(self.state).charges) < 2

        def teardown(self) -> None:
            self.machine.tasks.close()

    kept = settings(
        max_examples=2000, stateful_step_count=40, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    quiet = settings(kept, print_blob=False, report_multiple_bugs=False, verbosity=hypothesis.Verbosity.quiet)
    try:
        run_state_machine_as_test(Shop, settings=quiet)
    except AssertionError:
        return
    raise RuntimeError("Hypothesis did not find the double charge")


ORDERS = 3


def clicks_and_cancels(orders: int) -> Any:
    """Two clicks and a cancellation for each order, as in the model."""
    from payments_lab.explore import Cancel, Pay, Placed, Scenario

    names = [f"ord_{number}" for number in range(1, orders + 1)]
    clicks = [Pay(name, key=f"{name}-{click}") for name in names for click in "ab"]
    placed = tuple(map(Placed, names))
    return Scenario("clicks-and-cancels", (*clicks, *map(Cancel, names)), orders=placed, known=True)


def plan_of_spins_space() -> Any:
    """Requests and deliveries take effect at once, as in the model, and nothing covers another."""
    from payments_lab.explore.exploring import Plan
    from payments_lab.explore.faults import Faults
    from payments_lab.explore.search import Limits
    from payments_lab.explore.world import Services
    from payments_lab.explore.zoo import NaivePaymentsService

    faults, limits = Faults(duplicates=1, retries=0), Limits(narrow=0, compiled=-1)
    return Plan(Services(NaivePaymentsService), (), faults, limits, cover=False, atomic=("orders", "payments"))


def _beside_spin() -> list[Row]:
    """The whole of SPIN's way to an answer: translate, compile, run. Where it is not installed there is no row."""
    from payments_lab.explore.compiled import compilation
    from payments_lab.explore.exploring import explore

    if shutil.which("spin") is None or shutil.which("gcc") is None:
        return []
    ours = statistics.median(seconds(_find) for _ in range(5))
    peer = statistics.median(seconds(_run_spin) for _ in range(3))
    name = "SPIN on a model by hand, translated, compiled and run"
    found = Row("explorer: first double charge", ours * 1000, peer * 1000, "ms", name, "sooner", "lower")
    states: set[int] = set()

    def exhaust() -> float:
        explored = explore(plan_of_spins_space(), clicks_and_cancels(ORDERS))
        states.add(explored.states)
        return explored.seconds

    def exhaust_with_spin() -> float:
        stored, clock = _run_spin(ORDERS)
        states.add(stored)
        return clock

    # Both clocks start when what there is to compile is compiled.
    compilation().result(wait=True)
    ours, peer = medians(exhaust, exhaust_with_spin, rounds=5)
    (walked,) = states
    name = f"SPIN's own clock, the same {walked:,} states; every way back is kept here"
    return [found, Row("explorer: a space exhausted", ours, peer, "s", name, "1.0", "lower")]


def _run_spin(orders: int = 1) -> tuple[int, float]:
    """How many states the compiled model stored, and how long it ran by its own clock."""
    with tempfile.TemporaryDirectory() as folder:
        for command in (
            ["spin", "-a", "-DDUPLICATES=1", f"-DORDERS={orders}", str(MODEL)],
            ["gcc", "-O2", "-DSAFETY", "-DNOREDUCE", "-w", "-o", "pan", "pan.c"],
            ["./pan", "-m1000000"],
        ):
            said = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    states = re.findall(r"(\d+) states, stored", said.stdout)
    return int(states[0]), float(re.findall(r"elapsed time ([0-9.]+) seconds", said.stdout)[0])


def _cold() -> Row:
    """A fresh Python, from its start until it says what it found, beside one that only loads what both need."""
    find = (
        "from payments_lab import verify; from payments_lab.explore.zoo.naive import NaivePaymentsService; "
        "print(verify(NaivePaymentsService, scenario='two-clicks').verdict, flush=True)"
    )
    load = "import stripe, httpx, mongomock, pydantic; print('violated', flush=True)"
    ours, peer = medians(lambda: _until_answered(find), lambda: _until_answered(load), rounds=9)
    name = "loading stripe, httpx, mongomock and pydantic"
    return Row("explorer: first double charge, cold", ours * 1000, peer * 1000, "ms", name, "500 ms", "lower")


def _until_answered(code: str) -> float:
    """Seconds from the start of a Python that runs ``code`` to the line that it prints."""
    compiled = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    start = perf_counter()
    with subprocess.Popen([sys.executable, "-c", code], env=compiled, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        took = perf_counter() - start
    assert said == "violated\n"
    return took


def _swarm() -> Row:
    """Random schedules over a warm memo, beside the same ones where every step is worked out anew."""
    from payments_lab.explore.exploring import Plan, start
    from payments_lab.explore.faults import Faults
    from payments_lab.explore.sampling import Uniform
    from payments_lab.explore.scenario import TWO_CLICKS
    from payments_lab.explore.schedule import Schedule
    from payments_lab.explore.search import Search
    from payments_lab.explore.world import Services

    rates: list[float] = []

    def measure(machine: Any) -> None:
        walker = Uniform(Search(machine))
        for seed in range(WALKS):
            walker.walk(seed)
        warm = seconds(lambda: [walker.walk(seed) for seed in range(WALKS)])
        anew = seconds(lambda: [Schedule(machine).play([seed % 3, seed % 2]) for seed in range(100)])
        rates[:] = [WALKS / warm, 100 / anew]

    start(Plan(Services(), (), Faults(retries=0)), TWO_CLICKS, measure)
    name = "schedules whose steps are worked out anew"
    return Row("explorer: random schedules", rates[0], rates[1], "/s", name, "80,000 a second")


def _share() -> Row:
    """How often the code under test really runs, beside how many steps are explored with it."""
    from payments_lab.explore import Faults, verify

    report = verify(scenario="two-clicks", faults=Faults(crashes=1, duplicates=1, lost_replies=1))
    return Row(
        "explorer: real runs of the code",
        report.handler_calls,
        report.transitions,
        "",
        "steps explored",
        "under 1 %",
        "lower",
    )


def _walking() -> Row:
    """Steps a second, with everything that there is to explore, beside the same search with no covering of faults."""
    from payments_lab.explore.exploring import Plan, explore
    from payments_lab.explore.faults import Faults
    from payments_lab.explore.scenario import TWO_CLICKS
    from payments_lab.explore.world import Services

    faults = Faults(crashes=1, duplicates=1, lost_replies=1)
    ours = explore(Plan(Services(), (), faults), TWO_CLICKS)
    peer = explore(Plan(Services(), (), faults, cover=False), TWO_CLICKS)
    return Row(
        "explorer: two clicks with a fault of each kind",
        ours.seconds,
        peer.seconds,
        "s",
        f"{peer.states:,} states where nothing covers another; ours {ours.states:,}",
        "",
        "lower",
    )


def _everything() -> Row:
    """Two clicks, a cancellation and an expiration with a fault of each kind, to the end; beside one kind at a time."""
    from payments_lab.explore import Faults, verify

    atomic = ("orders", "expiration")
    whole = verify(
        scenario="everything", faults=Faults(crashes=1, duplicates=1, lost_replies=1), atomic=atomic, seconds=600
    )
    kinds = (Faults(crashes=1), Faults(duplicates=1), Faults(lost_replies=1))
    apart = [verify(scenario="everything", faults=each, atomic=atomic) for each in kinds]
    assert whole.ok
    return Row(
        f"explorer: everything at once, {whole.states:,} states",
        whole.transitions / whole.seconds,
        sum(each.transitions for each in apart) / sum(each.seconds for each in apart),
        "steps/s",
        "one kind of fault at a time",
    )
