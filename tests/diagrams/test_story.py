"""What makes sense as a story, and how one shows itself."""

from __future__ import annotations

from typing import Any

import pytest

from payments_lab.diagrams import Arrow, Crash, Gap, Lane, Mark, Note, Receive, Send, Step, Story, StoryError
from tests.diagrams.examples import HAPPY

LANES = [Lane("orders", "Orders"), Lane("payments", "Payments")]


def test_a_story_shows_itself_as_text_and_as_svg() -> None:
    bundle = HAPPY._repr_mimebundle_(include=None, exclude=None)

    assert list(bundle) == ["text/plain", "image/svg+xml"]
    assert bundle["text/plain"] == str(HAPPY) == HAPPY.text()
    assert bundle["image/svg+xml"] == HAPPY.svg()


def test_a_story_speaks_every_form_by_a_method() -> None:
    assert HAPPY.mermaid().startswith("sequenceDiagram")
    assert HAPPY.prose().startswith("A payment, end to end\n1. ")
    assert HAPPY.text(ascii=True).isascii()


def test_lists_become_tuples_so_that_a_story_stays_as_it_is() -> None:
    steps: list[Step] = [Note("orders", "one")]
    story = Story("", LANES, steps)

    steps.append(Note("orders", "two"))

    assert story.steps == (Note("orders", "one"),)
    assert story == Story("", tuple(LANES), (Note("orders", "one"),))


NONSENSE: list[tuple[Any, str]] = [
    ([Arrow("order", "payments", "x")], "step 1 names the lane 'order', which is not there; did you mean 'orders'?"),
    ([Note("shop", "x")], "step 1 names the lane 'shop', which is not there; the lanes are 'orders', 'payments'"),
    ([Mark("x", ["moon"])], "step 1 names the lane 'moon'"),
    ([Send("1", "orders", "x", toward="moon")], "step 1 names the lane 'moon'"),
    ([Receive("1", "payments")], "step 1 receives '1', which is not there; nothing is yet; put Send('1', lane, label)"),
    (
        [Send("created", "orders", "x"), Receive("creatd", "payments")],
        "step 2 receives 'creatd', which is not there; did you mean 'created'?",
    ),
    (
        [Receive("1", "payments"), Send("1", "orders", "x")],
        "step 1 receives '1', which only step 2 sends; a message cannot arrive before it leaves",
    ),
    (
        [Send("1", "orders", "x"), Send("1", "orders", "y")],
        "step 2 sends '1', as step 1 did before; a message is sent once and may be received many times",
    ),
    ([Send("1", "orders", "x"), Receive("1", "payments", attempt=0)], "attempts are counted from 1"),
    ([Arrow("orders", "payments", "x", kind="evnt")], "has the kind 'evnt', which is not there; did you mean 'event'?"),  # type: ignore[arg-type]
    ([Send("1", "orders", "x"), Receive("1", "payments", kind="late")], "step 2 has the kind 'late'"),  # type: ignore[arg-type]
    ([Send("1", "orders", "x", fate="gone")], "has the fate 'gone', which is not there; the fates are 'pending'"),  # type: ignore[arg-type]
    ([Note("orders", "x", "red")], "has the tone 'red', which is not there; the tones are 'plain', 'good'"),  # type: ignore[arg-type]
    ([Mark("x", "orders")], "step 1 marks the lanes 'orders'; write a list, such as ['orders']"),
    (["orders says hello"], "step 1 is 'orders says hello'; a step is one of Arrow, Send, Receive, Note, Crash, Mark"),
]


@pytest.mark.parametrize(("steps", "lesson"), NONSENSE, ids=[lesson[:40] for _, lesson in NONSENSE])
def test_a_story_that_makes_no_sense_is_refused_with_what_to_try(steps: list[Any], lesson: str) -> None:
    with pytest.raises(StoryError) as refusal:
        Story("", LANES, steps)

    assert lesson in str(refusal.value)


@pytest.mark.parametrize(
    ("lanes", "lesson"),
    [
        ([], "a story needs at least one lane"),
        ([Lane("a", "A"), Lane("a", "B")], "two lanes have the key 'a'"),
        (["orders"], "'orders' is no lane; write Lane('key', 'Title')"),
    ],
)
def test_lanes_that_make_no_sense_are_refused(lanes: list[Any], lesson: str) -> None:
    with pytest.raises(StoryError) as refusal:
        Story("", lanes)

    assert lesson in str(refusal.value)


def test_steps_are_counted_from_one_in_a_refusal() -> None:
    with pytest.raises(StoryError, match="step 3"):
        Story("", LANES, [Gap("a"), Crash("orders"), Note("nobody", "x")])
