"""The explorer meets exactly as many configurations as SPIN does on a model of the same protocol, written by hand.

https://spinroot.com. A delivery is one step here, in both; which is how the explorer takes services that are atomic.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from payments_lab import Faults
from payments_lab.explore import Cancel, Pay, Placed, Scenario
from payments_lab.explore.exploring import Explored, Plan, explore
from payments_lab.explore.search import Limits
from payments_lab.explore.world import Services
from payments_lab.explore.zoo import NaivePaymentsService

pytestmark = pytest.mark.no_cover

MODEL = Path(__file__).with_name("shop.pml")
PATIENCE = 120


def clicks_and_cancels(orders: int) -> Scenario:
    """Two clicks and a cancellation for each order."""
    names = [f"ord_{number}" for number in range(1, orders + 1)]
    actions = [action for name in names for action in (Pay(name, key=f"{name}-a"), Pay(name, key=f"{name}-b"))]
    cancels = [Cancel(name) for name in names]
    return Scenario("clicks-and-cancels", (*actions, *cancels), orders=tuple(map(Placed, names)), known=True)


def explored(orders: int, duplicates: int, *, narrow: int = 20_000) -> Explored:
    """The whole space, where every request and every delivery takes effect at once and nothing covers another."""
    faults = Faults(duplicates=duplicates, retries=0)
    services = Services(NaivePaymentsService)
    plan = Plan(services, (), faults, Limits(narrow=narrow), cover=False, atomic=("orders", "payments"))
    return explore(plan, clicks_and_cancels(orders))


@pytest.fixture(scope="module")
def spin() -> None:
    if shutil.which("spin") is None or shutil.which("gcc") is None:
        pytest.skip("needs SPIN: apt-get install spin gcc")


def stored(orders: int, duplicates: int, folder: Path) -> tuple[int, int]:
    """SPIN's count of states and of steps between them, with nothing reduced."""
    subprocess.run(
        ["spin", "-a", f"-DDUPLICATES={duplicates}", f"-DORDERS={orders}", str(MODEL)],
        cwd=folder,
        check=True,
        timeout=PATIENCE,
        capture_output=True,
    )
    subprocess.run(
        ["gcc", "-O2", "-DSAFETY", "-DNOREDUCE", "-w", "-o", "pan", "pan.c"], cwd=folder, check=True, timeout=PATIENCE
    )
    said = subprocess.run(
        ["./pan", "-m100000"], cwd=folder, check=True, timeout=PATIENCE, capture_output=True, text=True
    )
    assert "errors: 0" in said.stdout
    states = re.search(r"(\d+) states, stored", said.stdout)
    steps = re.search(r"(\d+) transitions", said.stdout)
    assert states is not None, said.stdout
    assert steps is not None, said.stdout
    return int(states[1]), int(steps[1])


@pytest.mark.usefixtures("spin")
@pytest.mark.parametrize(("orders", "duplicates"), [(1, 0), (1, 1), (1, 3), (1, 7), (2, 0), (2, 2)])
def test_spin_counts_the_same_configurations_and_steps(orders: int, duplicates: int, tmp_path: Path) -> None:
    found = explored(orders, duplicates)

    # SPIN counts the step into its first state, too.
    assert (found.states, found.transitions + 1) == stored(orders, duplicates, tmp_path)
    assert found.complete


@pytest.mark.parametrize("orders", [1, 2])
def test_in_strokes_there_are_as_many(orders: int) -> None:
    wide, narrow = (explored(orders, 1, narrow=narrow) for narrow in (0, 10**9))

    assert (wide.states, wide.transitions) == (narrow.states, narrow.transitions)


def test_more_duplicates_make_more_configurations() -> None:
    counts = [explored(1, duplicates).states for duplicates in range(4)]

    assert counts == sorted(set(counts))
