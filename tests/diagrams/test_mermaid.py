"""Mermaid: what it reads as syntax is written as entity codes, whatever the story says."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings

from payments_lab.diagrams import Arrow, Crash, Gap, Lane, Mark, Note, Receive, Send, Step, Story, to_mermaid
from payments_lab.diagrams.mermaid import escape
from payments_lab.diagrams.wrapping import clean
from tests.diagrams.examples import HAPPY, HOSTILE, stories, words

LINE = re.compile(
    r"    (?:title \S.*|participant L\d+ as \S.*|Note over L\d+(?:,L\d+)?: .+|rect rgba\([\d., ]+\)|end"
    r"|L\d+(?:->>|-->>|-\)|--\)|-x)L\d+: .+)"
)


def decoded(text: str) -> str:
    """As Mermaid decodes entity codes. Source: https://mermaid.js.org/syntax/sequenceDiagram.html."""
    return re.sub(r"#(\d+);", lambda code: chr(int(code[1])), text)


def lines(*steps: Step) -> list[str]:
    return to_mermaid(Story("", [Lane("a", "Ada"), Lane("b", "Bob"), Lane("c", "Cleo")], steps)).split("\n    ")[4:]


@given(stories(max_steps=30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_story_is_lines_of_the_grammar_and_nothing_else(story: Story) -> None:
    first, *others = to_mermaid(story).split("\n")

    assert first == "sequenceDiagram"
    assert [line for line in others if not LINE.fullmatch(line)] == []


@given(words)
def test_a_text_comes_back_as_it_was_and_has_no_raw_hash_semicolon_or_line_break(text: str) -> None:
    escaped = escape(text)

    assert decoded(escaped).replace("\u200b", "") == clean(text).replace("\u200b", "")
    bare = re.sub(r"#\d+;", "", escaped)
    assert not set(bare) & set("#;\n\r<>{}[]\"'`%&\\|@$")
    assert escaped


@pytest.mark.parametrize("word", ["style a:b#1;", "classDef x:#fff;", "wrap: x", "nowrap: x", ":wrap: x"])
def test_words_that_mermaid_takes_apart_before_it_parses_are_broken_up(word: str) -> None:
    escaped = escape(word)

    assert not re.search(r"style|classDef|^:?(no)?wrap:", escaped)
    assert decoded(escaped) == word


@pytest.mark.parametrize("word", ["ﬂ°°35¶ß", "°"])
def test_the_placeholders_that_mermaid_uses_itself_are_escaped(word: str) -> None:
    assert escape(word).isascii()


def test_a_plain_text_stays_readable() -> None:
    assert escape("order:created v0, 20.00 usd (ch_1)") == "order:created v0, 20.00 usd (ch_1)"
    assert escape("日本 🎉 é") == "日本 🎉 é"


def test_arrows_have_the_heads_and_strokes_of_their_kinds() -> None:
    assert lines(
        Arrow("a", "b", "tell"),
        Arrow("a", "b", "ask", "small print", "call"),
        Arrow("b", "a", "answer", kind="reply"),
        Arrow("b", "a", "refusal", kind="error"),
        Arrow("a", "b", "tell", kind="redelivery"),
        Arrow("a", "b", "gone", kind="lost"),
    ) == [
        "L1->>L2: tell",
        "L1->>L2: ask · small print",
        "L2-->>L1: answer",
        "L2-->>L1: ✗ refusal",
        "L1-->>L2: ↻ tell",
        "L1-xL2: gone",
    ]


def test_a_message_that_travels_is_an_open_arrow_after_a_note() -> None:
    assert lines(Send("1", "a", "hello"), Note("c", "meanwhile", "good"), *[Receive("1", "b")] * 2) == [
        "Note over L1: sends hello",
        "Note over L3: ✓ meanwhile",
        "L1-)L2: hello",
        "L1--)L2: ↻ hello (attempt 2)",
    ]


def test_notes_crashes_marks_and_gaps_are_notes() -> None:
    assert lines(Crash("b", at="12:00"), Gap("a while"), Mark("broken"), Send("1", "a", "x", fate="lost")) == [
        "Note over L2: 12:00 · ✗ crashes",
        "Note over L1,L3: … a while …",
        "rect rgba(200, 40, 30, 0.15)",
        "Note over L1,L3: ✗ broken",
        "end",
        "Note over L1: sends x (lost)",
    ]


def test_title_and_conclusion_frame_the_story() -> None:
    text = to_mermaid(HAPPY).split("\n")

    assert text[1] == "    title A payment, end to end"
    assert text[-1] == "    Note over L1,L4: The order is complete and was charged once."


def test_hostile_titles_stay_titles() -> None:
    for word in HOSTILE:
        text = to_mermaid(Story(word, [Lane("a", word)], [Arrow("a", "a", word)]))
        assert len(text.split("\n")) == (4 if clean(word) else 3)
