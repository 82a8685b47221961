"""payments-lab explore and payments-lab replay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from payments_lab.cli import main


def test_explore_without_a_name_lists_scenarios_and_bugs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore"]) == 0

    listed = capsys.readouterr().out
    assert "two-clicks" in listed
    assert "the-course-charges-twice" in listed


def test_the_list_for_programs_has_each_bugs_invariant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "--json"]) == 0

    bugs = json.loads(capsys.readouterr().out)["bugs"]
    assert {"name", "invariant", "sentence"} == set(bugs[0])


def test_the_packages_own_service_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "two-clicks", "--crashes", "1"]) == 0

    assert "PaymentsService: holds in all" in capsys.readouterr().out


def test_a_bug_of_the_zoo_is_drawn_saved_and_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "found.json"

    assert main(["explore", "the-course-charges-twice", "--save", str(place)]) == 1
    assert "✗ ada is charged 2 times" in capsys.readouterr().out
    assert main(["replay", str(place)]) == 1
    assert "✗ ada is charged 2 times" in capsys.readouterr().out


def test_a_mended_service_replays_with_status_0_and_says_that_the_code_has_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "found.json"
    main(["explore", "the-course-charges-twice", "--save", str(place)])

    assert main(["replay", str(place), "--service", "payments_lab:PaymentsService"]) == 0
    assert "The code has changed since" in capsys.readouterr().out


def test_a_service_of_ones_own_is_explored_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    service = "payments_lab.explore.zoo:NaivePaymentsService"

    assert main(["explore", "two-clicks", "--service", service, "--json"]) == 1

    told = json.loads(capsys.readouterr().out)
    assert told["violations"][0]["invariant"] == "charged-at-most-once"
    token = told["violations"][0]["token"]
    assert main(["replay", token, "--service", service, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["stale"] == ""


def test_a_space_too_large_is_unproven_with_status_3() -> None:
    assert main(["explore", "everything", "--max-schedules", "2000"]) == 3


def test_services_that_take_effect_at_once_make_a_space_smaller(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[dict[str, Any]] = []
    for words in ([], ["--atomic", "orders", "--atomic", "expiration"]):
        assert main(["explore", "pay-and-cancel", *words, "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))

    assert told[1]["atomic"] == ["orders", "expiration"]
    assert told[1]["states"] < told[0]["states"] / 4


def test_a_service_that_refuses_everybody_is_unproven_with_status_3(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explore", "two-clicks", "--service", "tests.explore.services:RefusesEverybody"]

    assert main(words) == 3
    assert "nobody ever paid; ada-1 was told AlreadyPaid: no" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["explore", "no-such-thing"],
        ["explore", "two-clicks", "--atomic", "orders", "--reduce"],
        ["explore", "two-clicks", "--atomic", "orders", "--seed", "1"],
        ["explore", "two-clicks", "--crashes", "99"],
        ["explore", "two-clicks", "--service", "no_such_module:Service"],
        ["explore", "two-clicks", "--service", "json:loads"],
        ["explore", "two-clicks", "--service", "json:JSONDecoder"],
        ["replay", "no-such-file"],
        ["replay", "story1-broken"],
    ],
)
def test_what_cannot_be_done_is_wrong_use(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err
