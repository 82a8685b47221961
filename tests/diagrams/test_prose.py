"""The story in sentences."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from payments_lab.diagrams import Arrow, Crash, Gap, Lane, Mark, Note, Receive, Send, Step, Story, to_prose
from payments_lab.diagrams.wrapping import clean
from tests.diagrams.examples import stories, texts_of


def sentences(*steps: Step) -> list[str]:
    lanes = [Lane("a", "Ada"), Lane("b", "Bob")]
    return [line.partition(". ")[2] for line in to_prose(Story("", lanes, steps)).split("\n")]


def test_every_kind_of_arrow_has_its_sentence() -> None:
    assert sentences(
        Arrow("a", "b", "news"),
        Arrow("a", "b", "please", "small print", "call"),
        Arrow("b", "a", "yes", kind="reply"),
        Arrow("b", "a", "no", kind="error"),
        Arrow("a", "b", "news", kind="redelivery"),
        Arrow("a", "b", "gone", kind="lost"),
        Arrow("a", "a", "tick"),
    ) == [
        "Ada tells Bob: news.",
        "Ada asks Bob: please (small print).",
        "Bob answers Ada: yes.",
        "Bob answers Ada with an error: no.",
        "Ada tells Bob again: news.",
        "Ada sends to Bob, but it is lost: gone.",
        "Ada tells itself: tick.",
    ]


def test_a_message_that_travels_is_told_twice() -> None:
    assert sentences(
        Send("1", "a", "news", at="12:00"),
        Crash("b", "crashes"),
        *[Receive("1", "b")] * 2,
        Receive("1", "b", kind="lost"),
        Send("2", "b", "late"),
        Send("3", "b", "gone", fate="lost"),
    ) == [
        "12:00: Ada sends: news.",
        "Bob goes down: crashes.",
        "Bob hears from Ada: news.",
        "Bob hears again (attempt 2) from Ada: news.",
        "Bob misses what Ada sent (attempt 3): news.",
        "Bob sends: late, which is still on its way.",
        "Bob sends: gone, which is lost.",
    ]


def test_notes_marks_and_gaps() -> None:
    assert sentences(
        Note("a", "saved"), Note("a", "saved", "good"), Mark("broken", ["a", "b"]), Mark("broken"), Gap("5 s pass")
    ) == [
        "Ada: saved.",
        "Ada (good): saved.",
        "Here it breaks (Ada, Bob): broken.",
        "Here it breaks: broken.",
        "Meanwhile: 5 s pass.",
    ]


@given(stories(max_steps=30))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_word_of_any_story_is_said(story: Story) -> None:
    said = to_prose(story)

    for text in texts_of(story):
        assert clean(text) in said
