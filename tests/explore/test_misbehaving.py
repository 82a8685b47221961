"""Whatever code under test does, it is told with its line: no hang, no silent nonsense, no traceback of ours."""

from __future__ import annotations

import gc
import threading
import warnings
from typing import Any

import pytest

from payments_lab import Faults, Lab, verify
from payments_lab.explore import Pay, Scenario
from payments_lab.explore.report import Report
from tests.explore import misbehaving, services

ONE_CLICK = Scenario("one-click", (Pay(key="click-1"),), known=True)


def told(service: Any) -> Report:
    return verify(service, scenario=ONE_CLICK, faults=Faults(retries=0))


@pytest.mark.parametrize(
    ("service", "kind", "words"),
    [
        (misbehaving.BlocksTheThread, "stuck", "blocks the thread (time.sleep)"),
        (misbehaving.WaitsForAnotherThread, "stuck", "waits for another thread"),
        (misbehaving.CallsStripeWithoutAnAwait, "stuck", "waits for Stripe without an await"),
        (misbehaving.UsesAPool, "stuck", "waits for another thread"),
        (misbehaving.StartsAProcess, "nondeterministic", "starts a process"),
        (misbehaving.CallsTheNetwork, "nondeterministic", "talks to the network by itself"),
        (misbehaving.ChargesByTheLibrarysOwnClient, "nondeterministic", "talks to the network by itself"),
        (misbehaving.CatchesWhatItIsRefused, "asyncio", "loop.time"),
        (misbehaving.WantsToBeCalledLater, "asyncio", "call_later"),
        (misbehaving.TakesATimeoutOfAnotherFramework, "asyncio", "loop.time"),
        (misbehaving.CancelsByAnotherFramework, "asyncio", "the inside of a task"),
        (misbehaving.GoesToAnExecutor, "asyncio", "run_in_executor"),
        (misbehaving.Exits, "exit", "raises SystemExit"),
        (misbehaving.PressesCtrlC, "exit", "raises KeyboardInterrupt"),
        (misbehaving.Cancels, "exit", "raises CancelledError"),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else "",
)
def test_what_cannot_be_explored_is_told_with_its_line(service: Any, kind: str, words: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = told(service)

    assert [violation.invariant for violation in report.violations] == [kind]
    assert words in report.violations[0].message
    assert f"in {service.__name__}.before_the_charge" in report.violations[0].message


def test_a_forgotten_await_is_told_with_its_line() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (violation,) = told(misbehaving.ForgetsAnAwait).violations

    assert violation.invariant == "unawaited"
    assert "in before_the_charge calls insert_one and does not await it" in violation.message


def test_what_an_error_kept_from_being_awaited_is_not_forgotten() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own, whenever it finds out
        report = told(misbehaving.FailsBeforeItAwaits)
        violations, reasons = report.violations, report.reasons
        del report
        gc.collect()

    assert violations == []
    assert "LookupError: nobody has paid yet" in " ".join(reasons)


def test_a_lock_that_copies_of_a_service_share_is_refused_once_somebody_waits_for_it() -> None:
    (violation,) = verify(misbehaving.SharesALock, scenario="two-clicks").violations

    assert violation.invariant == "asyncio"
    assert "a lock, an event or a queue" in violation.message


def test_a_loop_that_catches_everything_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments_lab.explore.coroutines.PATIENCE", 0.2)

    (violation,) = told(misbehaving.SpinsAndCatchesEverything).violations

    assert violation.invariant == "stuck"
    assert "SpinsAndCatchesEverything.before_the_charge has not come to its next await" in violation.message


def test_a_tool_that_measures_coverage_is_let_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments_lab.explore.coroutines.PATIENCE", 0.1)

    (violation,) = told(misbehaving.SpinsWhileItIsMeasured).violations

    assert violation.invariant == "stuck"
    assert misbehaving.MEASURED.count("begun") == misbehaving.MEASURED.count("done") > 0


def test_a_loop_without_end_ends_in_any_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments_lab.explore.coroutines.PATIENCE", 0.2)
    found: list[Report] = []

    def verify_twice() -> None:
        found.append(told(services.Spins))
        found.append(told(services.Naive))

    thread = threading.Thread(target=verify_twice)
    thread.start()
    thread.join()

    spinning, right = found
    assert spinning.violations[0].invariant == "stuck"
    assert "Spins.before_the_charge" in spinning.violations[0].message
    assert right.verdict == "holds"


@pytest.mark.parametrize(
    ("service", "words"),
    [
        (misbehaving.IsNotAsync, "IsNotAsync.create_charge is no `async def`: it gives {'order_id': 'ord_1'"),
        (misbehaving.AsksForSomethingElse, "AsksForSomethingElse.create_charge cannot be called with order_id, token"),
        (misbehaving.CannotStart, "CannotStart(ports) cannot start: RuntimeError: no settings (misbehaving.py:"),
    ],
)
def test_a_service_that_is_none_is_told_so(service: Any, words: str) -> None:
    (violation,) = told(service).violations

    assert violation.invariant == "interface"
    assert words in violation.message


def test_where_nobody_pays_for_a_mistake_in_the_code_its_line_is_told() -> None:
    report = told(misbehaving.ForgetsToAwait)

    assert report.verdict == "unproven"
    assert report.reasons[0] == "nobody ever paid"
    assert "ada-1 was told TypeError: 'coroutine' object is not subscriptable (misbehaving.py:" in report.reasons[1]
    assert "in ForgetsToAwait.create_charge" in report.reasons[1]


def test_a_story_of_code_that_is_not_the_same_twice_is_told_with_that() -> None:
    report = verify(services.ReadsTheClock, scenario="two-clicks")

    assert [violation.invariant for violation in report.violations] == ["charged-at-most-once", "nondeterministic"]
    assert "in ReadsTheClock.before_the_charge reads the machine's clock" in report.violations[1].message


def test_what_is_no_class_of_a_service_is_refused() -> None:
    with pytest.raises(TypeError, match=r"extends PaymentsService, not <class 'str'>"):
        verify(str)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"give it the class: verify\(Naive\)"):
        verify(Lab(payments=services.Naive).payments)  # pyright: ignore[reportArgumentType]
