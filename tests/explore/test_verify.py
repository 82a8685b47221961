"""What verify says of right services and of wrong ones."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from payments_lab import Faults, PaymentsService, verify
from payments_lab.explore import SCENARIOS, Evidence, Invariant, Pay, Scenario, StaleToken, replay
from payments_lab.explore.coroutines import under_control
from payments_lab.explore.search import Limits
from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.explore.zoo.scenarios import ONE_CLICK
from tests.explore import services
from tests.explore.services import Naive

ONE_OF_EACH = Faults(crashes=1, duplicates=1, lost_replies=1)


def test_the_hardened_service_holds_in_every_usual_scenario_whatever_is_reordered() -> None:
    report = verify()

    assert report.verdict == "holds"
    assert report.ok
    assert report.complete
    assert report.exercised["payment"]
    assert report.exercised["reorder"]
    assert report.exercised["version conflict"]


def test_the_hardened_service_holds_under_one_fault_of_each_kind() -> None:
    report = verify(faults=ONE_OF_EACH, scenario=["second-card", "stranger", "yen"])

    assert report.verdict == "holds"
    assert all(report.exercised[fault] for fault in ("duplicate", "crash", "lost reply", "retry"))
    assert report.handler_calls < report.transitions / 10


def test_two_clicks_charge_twice_where_nothing_stands_between_the_look_and_the_charge() -> None:
    report = verify(NaivePaymentsService, scenario="two-clicks")

    violation = report.violations[0]
    assert report.verdict == "violated"
    assert violation.invariant == "charged-at-most-once"
    assert violation.message == "ada is charged 2 times for ord_1: 4000 usd instead of 2000"
    assert sum(map(bool, violation.choices)) == 2


@pytest.mark.parametrize(
    ("scenario", "faults", "invariant"),
    [
        ("two-clicks", Faults(), "charged-at-most-once"),
        ("two-clicks", Faults(crashes=1), "charge-has-payment"),
        ("two-clicks", Faults(crashes=1), "payment-is-published"),
        ("two-clicks", Faults(crashes=1), "paid-order-completes"),
        ("pay-and-expire", Faults(), "cancelled-order-keeps-no-money"),
        ("pay-and-cancel", Faults(), "cancelled-order-keeps-no-money"),
    ],
)
def test_the_course_as_it_ends_loses_money_in_each_of_these_ways(scenario: str, faults: Faults, invariant: str) -> None:
    report = verify(NaivePaymentsService, scenario=scenario, faults=faults, invariants=[invariant])

    assert [violation.invariant for violation in report.violations] == [invariant]


def test_taking_any_one_choice_out_of_a_finding_makes_it_pass() -> None:
    report = verify(NaivePaymentsService, faults=Faults(crashes=1), stop_at_first=False)

    for violation in report.violations:
        for number, choice in enumerate(violation.choices):
            if choice:
                fewer = (*violation.choices[:number], 0, *violation.choices[number + 1 :])
                assert violation.invariant not in _broken_by(violation, fewer)


def _broken_by(violation: Any, choices: tuple[int, ...]) -> set[str]:
    from dataclasses import replace

    from payments_lab.explore.token import read

    token = replace(read(violation.token), choices=choices, checks=())
    return {each.invariant for each in replay(str(token), NaivePaymentsService).violations}


def test_the_first_story_has_no_fault_where_none_is_needed() -> None:
    report = verify(Naive, scenario="two-clicks", faults=ONE_OF_EACH, invariants=["charged-at-most-once"])

    assert "crashes" not in report.violations[0].diagram().text()


def test_the_diagram_tells_who_was_charged_and_marks_the_step() -> None:
    violation = verify(NaivePaymentsService, scenario="two-clicks").violations[0]

    text = violation.diagram().text()
    assert "charge 2000 usd to tok_visa" in text
    assert "payments ②" in text
    assert "✗ ada is charged 2 times" in text
    assert violation.diagram().svg().startswith("<svg")
    assert violation.message in violation.trace[-2]
    assert violation.trace[-1] == "It takes 2 steps out of the usual order."


def test_who_asked_is_told_the_error_that_was_met_and_no_other_that_comes_to_the_same() -> None:
    faults = Faults(lost_replies=1)
    violation = verify(NaivePaymentsService, scenario=ONE_CLICK, faults=faults).violations[0]

    assert "✗ APIConnectionError: the connection was lost" in violation.diagram().text()


def test_the_documents_after_each_step_stand_beside_the_story() -> None:
    violation = verify(NaivePaymentsService, scenario="two-clicks").violations[0]

    assert violation.lines_by_step == sorted(violation.lines_by_step)
    last = violation.tables(len(violation.lines_by_step) - 1)
    assert {table.title for table in last} == {"orders.orders", "payments.orders", "payments.payments"}


def test_the_same_verification_finds_the_same_story() -> None:
    first, second = (verify(NaivePaymentsService, faults=ONE_OF_EACH).violations[0] for _ in range(2))

    assert first.token == second.token
    assert str(first.diagram()) == str(second.diagram())


def test_a_token_replays_to_the_same_violation() -> None:
    report = verify(NaivePaymentsService, faults=Faults(crashes=1), stop_at_first=False)

    for violation in report.violations:
        played = replay(violation.token, NaivePaymentsService, strict=True)
        assert (violation.invariant, violation.message) in {
            (each.invariant, each.message) for each in played.violations
        }


def test_a_token_of_a_scenario_of_ones_own_needs_nothing_else() -> None:
    scenario = Scenario("mine", (Pay(key="a"), Pay(key="b", token="tok_mastercard")), sentence="Two cards.")

    violation = verify(NaivePaymentsService, scenario=scenario).violations[0]

    assert replay(violation.token, NaivePaymentsService, strict=True).violations


def test_a_mended_service_passes_the_story_and_the_first_step_that_differs_is_named() -> None:
    token = verify(NaivePaymentsService, scenario="two-clicks").violations[0].token

    played = replay(token, PaymentsService)

    assert played.ok
    assert played.stale.startswith("step ")
    with pytest.raises(StaleToken, match="step"):
        replay(token, PaymentsService, strict=True)


def test_a_saved_finding_replays_from_its_file(tmp_path: Path) -> None:
    place = verify(NaivePaymentsService, scenario="two-clicks").violations[0].save(tmp_path / "found.json")

    assert json.loads(place.read_text())["services"]["payments"].endswith("NaivePaymentsService")
    assert replay(place).violations[0].invariant == "charged-at-most-once"


@pytest.mark.parametrize("text", ["story1-", "story1-abc", "story0-AAAA", "hello"])
def test_what_is_no_token_is_refused_by_a_value_error(text: str) -> None:
    with pytest.raises((ValueError, OSError)):
        replay(text, NaivePaymentsService)


def test_verify_works_inside_a_running_event_loop() -> None:
    async def cell() -> str:
        verdict = verify(NaivePaymentsService, scenario="two-clicks").verdict
        await asyncio.sleep(0)
        return verdict

    assert asyncio.run(cell()) == "violated"


def test_a_sleep_is_a_place_where_others_run() -> None:
    assert verify(services.Sleeps, scenario="two-clicks").violations[0].invariant == "charged-at-most-once"


def test_what_a_service_keeps_in_itself_is_gone_after_a_crash() -> None:
    calm = verify(services.Remembers, scenario="two-clicks", invariants=["charged-at-most-once"])
    crash = verify(
        services.Remembers, scenario="two-clicks", faults=Faults(crashes=1), invariants=["charged-at-most-once"]
    )

    assert calm.verdict == "holds"
    assert crash.verdict == "violated"


def test_of_two_operations_at_once_each_may_be_the_last() -> None:
    def second_is_last(evidence: Evidence) -> Iterator[str]:
        for order in evidence.documents["payments.orders"]:
            if order.get("last", "second") != "second":
                yield "the first word is the last"

    rule = Invariant("second-is-last", second_is_last, at_rest=True)
    scenario = Scenario("one-click", (Pay(key="click-1"),), known=True)
    (violation,) = verify(services.WritesTwiceAtOnce, scenario=scenario, invariants=[rule]).violations

    story = str(violation.diagram())
    assert violation.message == "the first word is the last"
    assert "waits" not in story
    assert not replay(violation.token, services.WritesTwiceAtOnce, invariants=[rule]).ok
    assert list(second_is_last(violation.stage().evidence())) == [violation.message]


# code that cannot be explored


@pytest.mark.parametrize(
    ("service", "kind", "line"),
    [
        (services.ReadsTheClock, "nondeterministic", "time.time"),
        (services.ReadsTheDate, "nondeterministic", "datetime.now"),
        (services.ThrowsDice, "nondeterministic", "random number"),
        (services.StartsThreads, "nondeterministic", "starts a thread"),
        (services.CountsForEver, "stuck", "waited 300 times"),
        (services.LeavesATaskBehind, "asyncio", "before_the_charge starts a task that is still under way"),
        (services.TakesALock, "asyncio", "asyncio.Lock"),
    ],
)
def test_code_that_cannot_be_explored_is_a_finding_with_its_line(service: Any, kind: str, line: str) -> None:
    scenario = Scenario("one-click", (Pay(key="click-1"),), known=True)
    report = verify(service, scenario=scenario, faults=Faults(retries=0))

    assert [violation.invariant for violation in report.violations] == [kind]
    assert line in report.violations[0].message
    assert report.violations[0].token == ""


@pytest.mark.parametrize("service", [services.ReadsTheClock, services.ThrowsDice, services.StartsThreads])
def test_the_line_of_a_finding_is_that_of_the_code_under_test(service: Any) -> None:
    scenario = Scenario("one-click", (Pay(key="click-1"),), known=True)

    message = verify(service, scenario=scenario, faults=Faults(retries=0)).violations[0].message

    assert f"{Path(services.__file__).name}:" in message
    assert f"in {service.__name__}.before_the_charge" in message


def test_a_log_may_ask_for_the_name_of_the_current_task_as_it_does_from_python_3_12_on() -> None:
    log: dict[str, Any] = {"__name__": logging.__name__, "asyncio": asyncio}
    exec("def current_task(): return {}.get(asyncio.get_running_loop())", log)

    with under_control():
        assert log["current_task"]() is None


def test_a_handler_may_write_a_log() -> None:
    scenario = Scenario("one-click", (Pay(key="click-1"),), known=True)

    assert verify(services.Logs, scenario=scenario, faults=Faults(retries=0)).verdict == "holds"


def test_a_handler_that_blocks_is_stopped_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments_lab.explore.coroutines.PATIENCE", 0.2)

    violation = verify(services.Spins, scenario="two-clicks").violations[0]

    assert violation.invariant == "stuck"
    assert "Spins.before_the_charge" in violation.message


def test_a_service_that_touches_anothers_documents_trespasses() -> None:
    from payments_lab.stores.embedded import EmbeddedDatabase

    services.Trespasses.foreign = EmbeddedDatabase("orders")["orders"]

    violation = verify(services.Trespasses, scenario="two-clicks").violations[0]

    assert violation.invariant == "trespass"
    assert "orders.orders" in violation.message


def test_an_event_that_is_never_acknowledged_is_stuck() -> None:
    report = verify(services.NeverHears, scenario="two-clicks", invariants=["nothing-is-stuck"])

    assert report.verdict == "violated"
    assert "order:completed to payments" in report.violations[0].message


def test_a_handler_that_goes_round_for_ever_is_stuck() -> None:
    report = verify(services.NeverEnds, scenario="two-clicks")

    assert report.violations[0].invariant == "nothing-is-stuck"
    assert "never done" in report.violations[0].message


@pytest.mark.parametrize("faults", [Faults(crashes=1, retries=0), Faults(lost_replies=1, retries=0)], ids=Faults.words)
@pytest.mark.parametrize("narrow", [0, 20_000])
def test_a_client_who_waits_for_ever_is_stuck_although_a_fault_would_end_it(
    faults: Faults, narrow: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments_lab.explore.verification.Limits", partial(Limits, narrow=narrow))
    one_click = Scenario("one-click", (Pay(key="click-1"),), known=True)
    report = verify(services.WaitsForAnAnswer, scenario=one_click, faults=faults, invariants=["nothing-is-stuck"])

    assert report.verdict == "violated"
    assert "ada-1" in report.violations[0].message


def test_each_request_has_context_variables_of_its_own() -> None:
    report = verify(services.KnowsItsRequest, scenario="two-clicks", faults=ONE_OF_EACH)

    assert report.verdict == "holds", report.violations


def test_what_a_crash_would_mend_is_wrong_without_one() -> None:
    """A service with something in its memory may crash when all is done, and need not."""
    faults = Faults(crashes=1, retries=0)
    (violation,) = verify(
        services.PublishesAfterARestart, scenario="stranger", faults=faults, invariants=["paid-order-completes"]
    ).violations

    assert "crash" not in violation.diagram().text()
    assert violation.choices == ()
    assert verify(services.PublishesAfterARestart, scenario="stranger", invariants=["paid-order-completes"]).violations


# greens that prove nothing


def test_a_service_that_refuses_every_payment_proves_nothing() -> None:
    report = verify(services.RefusesEverybody, scenario="two-clicks", invariants=["charged-at-most-once"])

    assert report.verdict == "unproven"
    assert "nobody ever paid" in report.reasons
    assert report.status == 3


def test_a_fault_that_never_bites_proves_nothing() -> None:
    report = verify(scenario="two-clicks", faults=Faults(crashes=1, services=("expiration",)))

    assert report.verdict == "unproven"
    assert "a crash was asked for, and none ever happened" in report.reasons


def test_an_invariant_about_nothing_proves_nothing() -> None:
    report = verify(scenario="two-clicks", invariants=["a-declined-buyer-may-retry"])

    assert report.verdict == "unproven"
    assert "a-declined-buyer-may-retry was about nothing" in report.reasons[0]


def test_no_invariant_proves_nothing() -> None:
    report = verify(scenario="stranger", invariants=[])

    assert report.verdict == "unproven"
    assert "invariants is empty" in report.reasons[0]


def test_a_space_that_is_not_exhausted_proves_nothing() -> None:
    report = verify(scenario="everything", max_states=5000)

    assert report.verdict == "unproven"
    assert not report.complete
    assert "more than 5,000 states" in report.reasons[0]


def test_an_interrupted_search_gives_the_report_so_far() -> None:
    def press_ctrl_c(_: object) -> None:
        raise KeyboardInterrupt

    report = verify(scenario="everything", progress=press_ctrl_c)

    assert report.verdict == "unproven"
    assert "it was interrupted" in report.reasons[0]
    assert report.states


# random schedules


def test_random_schedules_find_the_double_charge_and_repeat_from_their_seed() -> None:
    first, second = (verify(NaivePaymentsService, scenario="two-clicks", seed=7) for _ in range(2))

    assert first.violations[0].invariant == "charged-at-most-once"
    assert first.violations[0].token == second.violations[0].token
    assert replay(first.violations[0].token, NaivePaymentsService, strict=True).violations


def test_random_schedules_prove_nothing() -> None:
    report = verify(scenario="everything", faults=ONE_OF_EACH, seed=0, schedules=300)

    assert report.verdict == "unproven"
    assert "only 300 random schedules were played" in report.reasons[0]
    assert all(report.exercised[fault] for fault in ("duplicate", "crash", "lost reply"))


# rules of one's own


def test_a_rule_of_ones_own_is_held_like_any_other() -> None:
    def nobody_pays_by_visa(evidence: Evidence) -> list[str]:
        return [f"{charge['id']} is a Visa" for charge in evidence.charges if charge["paid"]]

    report = verify(scenario="two-clicks", invariants=[Invariant("no-visa", nobody_pays_by_visa, at_rest=False)])

    assert report.violations[0].invariant == "no-visa"
    assert report.violations[0].message == "ch_1 is a Visa"


def test_unknown_names_are_told_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="charged-at-most-once"):
        verify(invariants=["no-such-rule"])
    with pytest.raises(ValueError, match="two-clicks"):
        verify(scenario="no-such-story")
    with pytest.raises(ValueError, match="from 0 to 7"):
        Faults(crashes=8)
    with pytest.raises(ValueError, match="no service"):
        Faults(services=("shipping",))


def test_schedules_are_counted_without_being_walked() -> None:
    report = verify(scenario=SCENARIOS["stranger"])

    assert report.schedules > report.states


def test_a_report_for_programs_has_what_the_one_for_people_has() -> None:
    report = verify(NaivePaymentsService, scenario="two-clicks")

    told = report.as_json()
    assert told["verdict"] == "violated"
    assert told["violations"][0]["token"] == report.violations[0].token
    assert report.violations[0].token in str(report)
    assert "<svg" in report._repr_mimebundle_()["text/html"]


def test_what_goes_round_for_ever_without_a_fault_is_told_as_a_story_that_ends_where_it_repeats() -> None:
    from payments_lab.explore.zoo import BUGS

    bug = next(each for each in BUGS if each.name == "never-acknowledges")

    report = verify(bug.service, scenario=bug.scenario, faults=bug.faults, invariants=["nothing-is-stuck"])

    assert report.violations[0].invariant == "nothing-is-stuck"
    assert len(report.violations[0].trace) < 30
