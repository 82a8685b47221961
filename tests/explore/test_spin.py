"""The explorer meets exactly as many configurations as SPIN does on a model of the same protocol, written by hand.

https://spinroot.com. A delivery is one step here, in both.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from payments_lab import Faults
from payments_lab.explore import Cancel, Pay, Scenario
from payments_lab.explore.exploring import Plan, start
from payments_lab.explore.machine import Machine, Move
from payments_lab.explore.threads import Fate
from payments_lab.explore.world import Services
from payments_lab.explore.zoo import NaivePaymentsService

MODEL = Path(__file__).with_name("shop.pml")
SCENARIO = Scenario("clicks-and-cancel", (Pay(key="a"), Pay(key="b"), Cancel()), known=True)
PATIENCE = 120


def followed(machine: Machine, state: int) -> list[int]:
    """What follows when every request and every delivery, once begun, runs to its end alone."""
    found: list[int] = []
    for slot in machine.slots:
        threads = slot.threads(state)
        for thread in slot.actors(threads):
            for move in machine.acts(state, slot, threads, thread):
                found.append(_to_the_end(machine, state, move))
    return [target for target in found if target != state]


def _to_the_end(machine: Machine, state: int, move: Move) -> int:
    state = machine.follow(state, move)
    while move.after is not None and move.after.fate in (Fate.RUNS, Fate.REPLIED):
        assert move.slot is not None
        move = machine.acts(state, move.slot, move.slot.threads(state), move.after)[0]
        state = machine.follow(state, move)
    return state


def explored(duplicates: int) -> int:
    """How many configurations there are."""
    counts: list[int] = []

    def walk(machine: Machine) -> None:
        seen = {machine.root}
        waiting = [machine.root]
        while waiting:
            for target in followed(machine, waiting.pop()):
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        counts.append(len(seen))

    faults = Faults(duplicates=duplicates, retries=0)
    start(Plan(Services(NaivePaymentsService), (), faults), SCENARIO, walk)
    return counts[-1]


@pytest.fixture(scope="module")
def spin() -> None:
    if shutil.which("spin") is None or shutil.which("gcc") is None:
        pytest.skip("needs SPIN: apt-get install spin gcc")


def stored(duplicates: int, folder: Path) -> int:
    """SPIN's count, with nothing reduced."""
    subprocess.run(
        ["spin", "-a", f"-DDUPLICATES={duplicates}", str(MODEL)],
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
    found = re.search(r"(\d+) states, stored", said.stdout)
    assert found is not None, said.stdout
    return int(found[1])


@pytest.mark.usefixtures("spin")
@pytest.mark.parametrize("duplicates", [0, 1, 2, 3, 5, 7])
def test_spin_counts_the_same_configurations(duplicates: int, tmp_path: Path) -> None:
    assert explored(duplicates) == stored(duplicates, tmp_path)


def test_more_duplicates_make_more_configurations() -> None:
    counts = [explored(duplicates) for duplicates in range(4)]

    assert counts == sorted(set(counts))
