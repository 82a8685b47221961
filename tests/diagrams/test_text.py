"""The diagram of characters: nothing is lost, whatever the story says, and it fits a terminal."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments_lab.diagrams import Arrow, Crash, Gap, Lane, Mark, Note, Receive, Send, Step, Story, to_text
from payments_lab.diagrams.characters import Pen
from payments_lab.diagrams.wrapping import cells, clean
from tests.diagrams.examples import CRASH, EXAMPLES, HAPPY, HOSTILE, stories, texts_of

pen = Pen()
DRAWN = frozenset("".join(str(sign) for sign in astuple(pen)))
LANES = [Lane("a", "Ada"), Lane("b", "Bob"), Lane("c", "Cleo")]


def squashed(text: str) -> str:
    """Without blanks and without what the diagram itself is drawn with."""
    return "".join(letter for letter in text if not letter.isspace() and letter not in DRAWN)


def drawn(*steps: Step, width: int | None = None) -> list[str]:
    """The lines between the heads and the feet."""
    return to_text(Story("", LANES, steps), width).split("\n")[2:-1]


@given(stories())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_word_of_any_story_is_in_the_text(story: Story) -> None:
    shown = squashed(to_text(story))

    for text in texts_of(story):
        assert squashed(clean(text)) in shown
    for lane in story.lanes:
        assert all(squashed(word) in shown for word in clean(lane.title).split())


@given(stories(max_lanes=8, max_steps=20), st.integers(80, 120))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_line_is_wider_than_the_terminal_and_none_ends_in_blanks(story: Story, width: int) -> None:
    lines = to_text(story, width).split("\n")

    assert [line for line in lines if cells(line) > width] == []
    assert [line for line in lines if line != line.rstrip()] == []


@given(stories(max_lanes=8, max_steps=20))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_ascii_is_ascii_and_the_same_story_gives_the_same_text(story: Story) -> None:
    assert to_text(story, ascii=True).isascii()
    assert to_text(story) == to_text(story)


def test_other_letters_are_escaped_in_ascii_before_they_are_measured() -> None:
    lines = to_text(Story("", LANES, [Arrow("a", "b", "né 🎉", "s"), Note("b", "x")]), ascii=True).split("\n")

    assert "n\\xe9 \\U0001f389, s" in lines[2]
    assert [at for at, letter in enumerate(lines[3]) if letter == "|"][-1] == lines[2].rindex("|")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_fit_eighty_columns(name: str) -> None:
    assert max(map(cells, to_text(EXAMPLES[name], 80).split("\n"))) <= 80


def test_a_label_that_fits_stands_on_its_arrow() -> None:
    assert drawn(Arrow("a", "b", "hello"), Arrow("b", "a", "hi", kind="reply")) == [
        "   │── hello ──►│      │",
        "   │◄╌╌╌ hi ╌╌╌╌│      │",
    ]


def test_an_arrow_over_a_lane_crosses_its_line() -> None:
    assert drawn(Arrow("a", "c", "x")) == ["   │─ x ──┼─────►│"]


def test_a_label_longer_than_its_arrow_wraps_above_it() -> None:
    lines = drawn(Arrow("a", "b", "a label of very many words that no terminal has room for"), width=80)

    assert len(lines) == 3
    assert lines[-1].count("─") > 20
    assert not any("►" in line for line in lines[:-1])


def test_a_label_that_would_need_many_lines_is_numbered_and_told_below() -> None:
    text = to_text(Story("", LANES, [Arrow("a", "b", "word " * 60)]))

    above, _, below = text.partition("\n\n")
    assert "[1] ─" in above
    assert below.startswith(" [1] word word")


def test_small_print_follows_its_label_where_there_is_room_else_stands_below_the_arrow() -> None:
    (line,) = drawn(Arrow("a", "c", "pay", "20.00 usd"))
    assert "─ pay · 20.00 usd ─" in line

    label, *small = drawn(Arrow("a", "b", "pay with the card that", "the browser remembers, if it does"))
    assert "─ pay with the card that ─" in label
    assert squashed("".join(small)) == squashed("the browser remembers, if it does")


def test_the_same_small_print_is_told_once() -> None:
    text = to_text(Story("", LANES, [Arrow("a", "b", "word " * 60)] * 2))

    assert text.count("[1]") == 3
    assert "[2]" not in text


def test_errors_redeliveries_and_tones_have_signs() -> None:
    for step, sign in [
        (Arrow("a", "b", "x", kind="error"), "✗ x"),
        (Arrow("a", "b", "x", kind="redelivery"), "↻ x"),
        (Note("a", "x", "good"), "├─ ✓ x"),
        (Note("a", "x", "warn"), "├─ ! x"),
        (Note("a", "x", "bad"), "├─ ✗ x"),
        (Note("a", "x"), "├─ x"),
    ]:
        assert sign in drawn(step)[0]


def test_what_is_lost_ends_in_a_cross_before_its_target() -> None:
    (line,) = drawn(Arrow("a", "b", "x", kind="lost"))
    assert "►" not in line
    assert "×" in line.split("│")[1]

    (line,) = drawn(Send("1", "a", "x", fate="lost"))
    assert "●┄ x × lost" in line


def test_a_message_that_travels_leaves_with_a_dot_and_arrives_on_a_dotted_line() -> None:
    left, _, arrived, again = drawn(Send("1", "a", "hello"), Note("c", "x"), *[Receive("1", "b")] * 2)

    assert "●┄ hello " in left
    assert arrived.startswith("   │┄")
    assert "─►" in arrived
    assert "↻ hello (attempt 2)" in again
    assert "╌►" in again


def test_a_message_that_nobody_receives_is_on_its_way() -> None:
    assert "●┄ hello (on its way)" in drawn(Send("1", "a", "hello"))[0]
    assert "hello (on its way) ┄●" in drawn(Send("1", "c", "hello"))[0]


def test_a_lane_that_is_down_is_dotted_until_it_takes_part_again() -> None:
    crash, meanwhile, back = drawn(Crash("a", "crashes"), Note("b", "x"), Note("a", "back"))

    assert crash.lstrip().startswith("╳")
    assert meanwhile.lstrip().startswith("┊")
    assert back.lstrip().startswith("├")


def test_a_mark_goes_across_all_lanes_and_shows_those_it_concerns() -> None:
    (line,) = drawn(Mark("broken", ["a"]))
    heads = to_text(Story("", LANES, [])).split("\n")[1]

    assert "═ ✗ broken ═" in line
    assert line.index("╪") == heads.index("┬")
    assert cells(line) >= cells(heads)


def test_time_that_passes_goes_across_all_lanes() -> None:
    assert "┄ 5 seconds pass ┄" in drawn(Gap("5 seconds pass"))[0]


def test_a_message_to_oneself_is_a_loop() -> None:
    assert drawn(Arrow("a", "a", "tick")) == [
        "   │──┐ tick │      │",
        "   │◄─┘      │      │",
    ]


def test_margin_labels_stand_to_the_left_of_everything() -> None:
    lines = [line for line in to_text(CRASH).split("\n") if line.startswith(" 12:00")]

    assert [line[1:9] for line in lines] == ["12:00:00", "12:00:01", "12:00:02", "12:00:03", "12:00:08", "12:00:09"]


def test_titles_that_do_not_fit_become_letters_with_a_legend() -> None:
    lanes = [Lane(str(number), f"service number {number}") for number in range(12)]
    text = to_text(Story("Many", lanes, []))

    assert "A service number 0 · B service number 1" in text
    heads = next(line for line in text.split("\n") if line.split() == list("ABCDEFGHIJKL"))
    assert cells(heads) <= 96


def test_titles_of_several_words_stand_in_several_lines_before_that() -> None:
    lanes = [Lane(str(number), "expiration service") for number in range(6)]

    assert to_text(Story("", lanes, [])).split("\n")[0].split() == ["expiration"] * 6


def test_lifelines_stay_straight_beside_wide_characters() -> None:
    lines = drawn(Note("a", "日本 🎉"), Arrow("a", "b", "日本 🎉"), Note("b", "plain"))

    assert len({cells(line[: line.rindex("│")]) for line in lines[:2]}) == 1


def test_an_accent_without_its_letter_takes_no_place_and_is_not_lost() -> None:
    for accented, plain in [
        (Arrow("a", "b", "\u0301abc"), Arrow("a", "b", "abc")),
        (Note("a", "\u0301abc"), Note("a", "abc")),
        (Gap("\u0301abc"), Gap("abc")),
    ]:
        assert "\u0301abc" in drawn(accented)[0]
        assert cells(drawn(accented)[0]) == cells(drawn(plain)[0])


def test_hostile_titles_cannot_leave_their_place() -> None:
    for title in HOSTILE:
        text = to_text(Story(title, [Lane("a", title), Lane("b", "B")], [Arrow("a", "b", title)], title))
        assert "\x1b" not in text
        assert "\u202e" not in text
        text.encode()


def test_without_title_and_conclusion_there_are_only_lanes() -> None:
    assert to_text(Story("", [Lane("a", "Ada")], [])).split("\n") == ["  Ada", " ──┬──", " ──┴──"]


def test_the_first_line_is_the_title_and_the_last_the_conclusion() -> None:
    lines = to_text(HAPPY).split("\n")

    assert lines[0] == "A payment, end to end"
    assert lines[-1] == " The order is complete and was charged once."
