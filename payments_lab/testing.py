"""What a team's tests import: the explorer as an assertion, beside the embedded shop and Stripe.

from payments_lab.testing import Faults, assert_holds

def test_nobody_is_charged_twice():
    assert_holds(OurPaymentsService, faults=Faults(crashes=1, duplicates=1, lost_replies=1))
"""

from __future__ import annotations

from typing import Any

from payments_lab.explore.faults import Faults
from payments_lab.explore.invariants import Invariant
from payments_lab.explore.replaying import Replay, replay
from payments_lab.explore.report import Report
from payments_lab.explore.scenario import Cancel, Pay, Placed, Scenario
from payments_lab.explore.verification import verify
from payments_lab.lab import Lab
from payments_lab.local_stripe import LocalStripe
from payments_lab.shop.payments import PaymentsService

__all__ = [
    "Cancel",
    "Faults",
    "Invariant",
    "Lab",
    "LocalStripe",
    "Pay",
    "Placed",
    "Replay",
    "Report",
    "Scenario",
    "assert_holds",
    "assert_mended",
    "replay",
    "verify",
]


def assert_holds(payments: type[PaymentsService], **options: Any) -> Report:
    """The report of :func:`payments_lab.verify`, whose ``options`` these are, when its verdict is "holds".

    AssertionError with the diagram of each violation, or with the reasons why nothing is proved.
    """
    __tracebackhide__ = True
    report = verify(payments, **options)
    if not report.ok:
        raise AssertionError(f"\n{report}")
    return report


def assert_mended(found: str, payments: type[PaymentsService] | None = None, **options: Any) -> Replay:
    """The replay of a token or of a saved file in which nothing breaks any more; its ``options`` are those of
    :func:`payments_lab.explore.replay`. AssertionError with the diagram where something still does.
    """
    __tracebackhide__ = True
    played = replay(found, payments, **options)
    if not played.ok:
        raise AssertionError(f"\n{played}")
    return played
