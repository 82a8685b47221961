"""Every finding comes to the same end on the real simulator, where nothing is remembered."""

from __future__ import annotations

import pytest

from payments_lab import Faults, verify
from payments_lab.bus.records import Happening
from payments_lab.explore.invariants import find
from payments_lab.explore.zoo import BUGS, Bug, NaivePaymentsService


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_of_the_zoo_breaks_the_same_rule_on_the_simulator(bug: Bug) -> None:
    report = verify(
        bug.service, orders=bug.orders, scenario=bug.scenario, faults=bug.faults, invariants=[bug.invariant]
    )
    violation = report.violations[0]

    (invariant,) = find([bug.invariant])
    complaints = list(invariant.check(violation.stage().evidence()))

    assert complaints


def test_the_stage_tells_the_same_story_message_by_message() -> None:
    report = verify(NaivePaymentsService, scenario="two-clicks", faults=Faults(crashes=1), stop_at_first=False)

    for violation in report.violations:
        staged = violation.stage()
        (invariant,) = find([violation.invariant])
        assert violation.message in list(invariant.check(staged.evidence()))
        delivered = [record for record in staged.bus.log if record.happening is Happening.DELIVERED]
        told = [line for line in violation.trace if "orders tells payments" in line]
        assert len(delivered) >= len(told)
