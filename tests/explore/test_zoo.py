"""The explorer held to its word: it finds every bug of the zoo, and accuses nothing that is right."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from payments_lab import verify
from payments_lab.explore.faults import Faults
from payments_lab.explore.replaying import Replay, replay
from payments_lab.explore.report import Report, Violation
from payments_lab.explore.scenario import Scenario
from payments_lab.explore.token import read
from payments_lab.explore.zoo import BUGS, CORRECT, Bug, Correct
from payments_lab.explore.zoo.scenarios import ANOTHER_CARD, PAY_OR_CANCEL, PAY_OR_EXPIRE, TWO_CLICKS
from payments_lab.shop.payments import PaymentsService

PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"
SHOPS = (Correct("the package's own", PaymentsService, "hardened"), *CORRECT)

by_bug = pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
by_shop = pytest.mark.parametrize("shop", SHOPS, ids=[shop.name for shop in SHOPS])


@cache
def found(bug: Bug) -> Report:
    return verify(bug.service, scenario=bug.scenario, faults=bug.faults, orders=bug.orders, stop_at_first=False)


def named(bug: Bug) -> Violation:
    (violation,) = [each for each in found(bug).violations if each.invariant == bug.invariant]
    return violation


def again(bug: Bug, choices: tuple[int, ...]) -> Replay:
    token = replace(read(named(bug).token), choices=choices, checks=())
    return replay(str(token), bug.service, orders=bug.orders, invariants=[bug.invariant])


def with_one_choice_less(choices: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for number, choice in enumerate(choices):
        yield choices[:number] + choices[number + 1 :]
        if choice:
            yield (*choices[:number], 0, *choices[number + 1 :])


def with_one_fault_less(faults: Faults) -> Iterator[Faults]:
    for kind in ("crashes", "duplicates", "lost_replies"):
        if getattr(faults, kind):
            yield faults.without(kind)
    if faults.reorder:
        yield replace(faults, reorder=False)


@by_bug
def test_the_bug_is_found_by_its_invariant(bug: Bug) -> None:
    assert found(bug).verdict == "violated"
    assert bug.invariant in [violation.invariant for violation in found(bug).violations]


@by_bug
def test_the_bugs_story_replays_from_its_token_and_nothing_in_it_can_be_left_out(bug: Bug) -> None:
    violation = named(bug)

    replayed = replay(violation.token, bug.service, orders=bug.orders, invariants=[bug.invariant])
    assert [(each.invariant, each.message) for each in replayed.violations] == [(bug.invariant, violation.message)]
    assert not replayed.stale
    for fewer in with_one_choice_less(violation.choices):
        assert again(bug, fewer).ok, f"{fewer} breaks it, too"


@by_bug
def test_the_bug_needs_every_fault_that_it_names(bug: Bug) -> None:
    for fewer in with_one_fault_less(bug.faults):
        report = verify(bug.service, scenario=bug.scenario, faults=fewer, orders=bug.orders, invariants=[bug.invariant])
        assert report.violations == []


@pytest.mark.no_cover
def test_the_packages_own_services_are_not_accused_where_a_bug_is() -> None:
    for scenario, faults in dict.fromkeys((bug.scenario, bug.faults) for bug in BUGS):
        report = verify(scenario=scenario, faults=faults)

        assert report.violations == []
        assert report.complete


@by_shop
@pytest.mark.parametrize(
    ("scenario", "faults"),
    [
        (PAY_OR_CANCEL, Faults(crashes=1)),
        (PAY_OR_CANCEL, Faults(duplicates=1)),
        (PAY_OR_EXPIRE, Faults(crashes=1)),
        (TWO_CLICKS, Faults(lost_replies=1, reorder=False)),
        (ANOTHER_CARD, Faults(crashes=1, lost_replies=1)),
    ],
    ids=lambda each: each.name if isinstance(each, Scenario) else each.words().replace(", reordering", ""),
)
def test_a_right_shop_holds_in_the_whole_space(shop: Correct, scenario: Scenario, faults: Faults) -> None:
    report = verify(shop.service, scenario=scenario, faults=faults, orders=shop.orders)

    assert report.complete
    assert (report.verdict, report.violations, report.reasons) == ("holds", [], ())


def test_the_zoo_is_large_and_its_names_are_unique() -> None:
    assert len(BUGS) >= 44
    assert len(CORRECT) >= 10
    names = [each.name for each in (*BUGS, *CORRECT)]
    assert len(set(names)) == len(names)
    assert all(each.sentence for each in (*BUGS, *CORRECT))


def test_one_service_of_the_zoo_is_loaded_without_the_others() -> None:
    code = "import sys, payments_lab.explore.zoo as zoo; zoo.NaivePaymentsService; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    assert "payments_lab.explore.zoo.naive" in loaded
    assert "payments_lab.explore.zoo.refunds" not in loaded


def test_the_page_in_the_docs_is_what_the_zoo_prints(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("payments_lab.explore.zoo", run_name="__main__")

    printed = capsys.readouterr().out
    assert PAGE.read_text(encoding="utf-8") == printed, "write it: python -m payments_lab.explore.zoo > docs/zoo.md"
