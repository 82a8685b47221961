"""The explorer: real handlers under every order of events and every small set of faults."""

from payments_lab.explore.evidence import Evidence
from payments_lab.explore.faults import Faults
from payments_lab.explore.invariants import INVARIANTS, Invariant
from payments_lab.explore.replaying import Replay, replay
from payments_lab.explore.report import Report, Violation
from payments_lab.explore.scenario import SCENARIOS, Cancel, Pay, Placed, Scenario
from payments_lab.explore.token import StaleToken
from payments_lab.explore.verification import verify

__all__ = [
    "INVARIANTS",
    "SCENARIOS",
    "Cancel",
    "Evidence",
    "Faults",
    "Invariant",
    "Pay",
    "Placed",
    "Replay",
    "Report",
    "Scenario",
    "StaleToken",
    "Violation",
    "replay",
    "verify",
]
