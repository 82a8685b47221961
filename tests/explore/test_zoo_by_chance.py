"""The zoo without the explorer: stories drawn by chance on the real engines, which know nothing of states or memos.

Each bug shows in some life, by the invariant that it names; the right shops break nothing in lives that are harder.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from payments_lab.explore.faults import Faults
from payments_lab.explore.scenario import EVERYTHING, Scenario
from payments_lab.explore.zoo import BUGS, CORRECT, Bug, Correct
from payments_lab.explore.zoo.scenarios import ANOTHER_CARD_TWICE
from payments_lab.shop.payments import PaymentsService
from tests.explore.by_chance import Outcome, live

pytestmark = pytest.mark.no_cover

LIVES = 1500
HARD = Faults(crashes=1, duplicates=1, lost_replies=1)
HARDER = Faults(
    crashes=2, duplicates=2, lost_replies=2, retries=2, recovers_first=False, services=("orders", "payments")
)
SHOPS = (Correct("the package's own", PaymentsService, "hardened"), *CORRECT)


def lives(bug: Bug | Correct, scenario: Scenario, faults: Faults, count: int) -> list[Outcome]:
    return [live(bug.service, scenario, faults, seed, bug.orders) for seed in range(count)]


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_the_bug_breaks_its_invariant_in_some_life(bug: Bug) -> None:
    assert any(
        bug.invariant in live(bug.service, bug.scenario, bug.faults, seed, bug.orders).broken for seed in range(LIVES)
    )


def test_the_packages_own_services_break_nothing_where_the_bugs_do() -> None:
    own = SHOPS[0]

    for scenario, faults in dict.fromkeys((bug.scenario, bug.faults) for bug in BUGS):
        assert [each.broken for each in lives(own, scenario, faults, 20) if each.broken] == []


@pytest.mark.parametrize("shop", SHOPS, ids=[shop.name for shop in SHOPS])
def test_a_right_shop_breaks_nothing_in_any_life_and_every_fault_bites(shop: Correct) -> None:
    known = replace(EVERYTHING, known=True)
    lived = [
        outcome
        for scenario in (EVERYTHING, known, ANOTHER_CARD_TWICE)
        for faults in (HARD, HARDER)
        for outcome in lives(shop, scenario, faults, 25)
    ]

    assert [outcome.broken for outcome in lived if outcome.broken] == []
    for bites in ("crashes", "lost", "copies", "charges"):
        assert sum(getattr(outcome, bites) for outcome in lived) > 20
