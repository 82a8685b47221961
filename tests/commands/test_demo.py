"""``payments-lab demo``: the whole flow, drawn for people and told to programs, the same on every run."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from payments_lab import cli


def run(*words: str) -> bytes:
    command = [sys.executable, "-m", "payments_lab", "demo", *words]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_the_order_is_created_replicated_charged_and_completed() -> None:
    told = json.loads(run("--json"))

    assert told["order"]["status"] == "complete"
    assert (told["charge"]["amount"], told["charge"]["currency"]) == (told["order"]["price"], "usd")
    assert told["payment"]["id"]
    assert told["payment"]["stripeId"] == told["charge"]["id"]
    assert told["events"] == ["order:created", "payment:created", "order:completed"]


@pytest.mark.parametrize("form", [(), ("--json",)])
@pytest.mark.parametrize("seed", ["0", "7"])
def test_the_same_seed_tells_the_same_story_to_the_byte(seed: str, form: tuple[str, ...]) -> None:
    assert run("--seed", seed, *form) == run("--seed", seed, *form)


def test_another_seed_tells_another_story() -> None:
    assert json.loads(run("--json", "--seed", "7"))["order"] != json.loads(run("--json"))["order"]


def test_people_see_a_diagram_of_services_and_events(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo"]) == 0

    picture = capsys.readouterr().out
    for word in ("orders", "expiration", "payments", "Stripe", "order:created v0", "order:completed v1"):
        assert word in picture


def test_a_seed_that_is_no_number_is_wrong_use() -> None:
    assert cli.main(["demo", "--seed", "lucky"]) == 2
