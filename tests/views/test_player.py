"""The counterexample player, stepped through in Python."""

from __future__ import annotations

import asyncio

import pytest

from payments_lab import PaymentsService, verify
from payments_lab.explore.report import Violation
from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.views import Player


@pytest.fixture(scope="module")
def violation() -> Violation:
    report = verify(NaivePaymentsService, scenario="two-clicks", invariants=["charged-at-most-once"])
    return report.violations[0]


@pytest.fixture
def player(violation: Violation) -> Player:
    player = Player(violation)
    assert player.widget.children
    return player


def test_without_a_kernel_it_is_the_whole_diagram(violation: Violation) -> None:
    assert Player(violation)._repr_mimebundle_() == violation._repr_mimebundle_()


def test_it_begins_at_the_beginning(player: Player) -> None:
    assert "step 1 of 9" in player.head.value
    assert player.buttons["previous"].disabled
    assert player.buttons["first"].disabled


def test_every_step_makes_the_diagram_longer_and_marks_what_is_new(player: Player) -> None:
    lengths = [len(player.story(frame).steps) for frame in range(len(player.frames))]

    assert lengths == sorted(set(lengths))
    assert "▶" not in player.story(0).text()
    assert all("▶" in player.story(frame).text() for frame in range(1, len(player.frames) - 1))


def test_the_last_step_is_the_violation(player: Player, violation: Violation) -> None:
    player.buttons["last"].click()

    assert violation.message in player.head.value
    assert player.story(8) == violation.story
    assert player.buttons["next"].disabled
    assert player.buttons["last"].disabled


def test_one_can_step_on_and_back(player: Player) -> None:
    player.buttons["next"].click()
    player.buttons["next"].click()
    assert player.slider.value == 2

    player.buttons["previous"].click()
    assert "step 2 of 9" in player.head.value
    player.refresh()
    player.buttons["first"].click()
    assert player.slider.value == 0


def test_the_documents_of_a_step_say_what_it_changed(player: Player) -> None:
    changed = [[table.title for table in player.documents(frame) if "changed" in table.title] for frame in range(9)]

    assert ["payments.payments, changed"] in changed
    assert changed[0] == []
    assert any("payments.payments" in table.title for table in player.documents(8))


def test_a_finding_about_the_code_has_no_steps_to_play() -> None:
    class Sleeps(PaymentsService):
        async def on_order_created(self, event: object) -> None:
            await asyncio.get_running_loop().create_future()

    report = verify(Sleeps)
    about_the_code = next(each for each in report.violations if not each.choices)

    with pytest.raises(ValueError, match="there are no steps to play"):
        Player(about_the_code)
