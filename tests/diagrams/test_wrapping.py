"""Texts made safe and broken into lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_lab.diagrams.wrapping import cells, clean, clusters, wrap
from tests.diagrams.examples import words


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("  two\n lines\t", "two lines"),
        ("\x1b[31mred", "�[31mred"),
        ("nul\x00", "nul�"),
        ("turned \u202eround", "turned �round"),
        ("soft\u00adhyphen and\ufeff mark", "softhyphen and mark"),
        ("half \ud800 a pair", "half � a pair"),
        ("\ufffe \ufdd0", "� �"),
        ("👩‍👩‍👧 می‌خواهم", "👩‍👩‍👧 می‌خواهم"),
        ("no\u00a0break", "no break"),
    ],
)
def test_what_a_terminal_would_obey_or_xml_cannot_carry_is_replaced(raw: str, safe: str) -> None:
    assert clean(raw) == safe


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("日本", 4),
        ("é", 1),
        ("🎉", 2),
        ("👩‍👩‍👧", 2),
        ("🇩🇪🇫🇷", 4),
        ("☎️", 2),
        ("👍🏽", 2),
        ("", 0),
        ("ﬀ", 1),
    ],
)
def test_cells_are_counted_as_a_terminal_counts_them(text: str, width: int) -> None:
    assert cells(text) == width


def test_what_the_eye_sees_as_one_is_not_taken_apart() -> None:
    assert list(clusters("ae\u0301👩‍👩‍👧🇩🇪🇫🇷x")) == ["a", "e\u0301", "👩‍👩‍👧", "🇩🇪", "🇫🇷", "x"]


def test_lines_are_as_even_as_their_number_allows() -> None:
    assert wrap("charge 2000 usd to tok_visa", 20) == ["charge 2000 usd", "to tok_visa"]
    assert wrap("one two three four", 14, even=False) == ["one two three", "four"]


def test_a_long_word_is_cut_behind_its_signs_before_it_is_cut_anywhere() -> None:
    assert wrap("402 insufficient_funds", 13) == ["402", "insufficient_", "funds"]
    assert wrap("https://a.test/orders/ord_1", 14) == ["https://a.", "test/orders/", "ord_1"]
    assert wrap("x" * 10, 4, even=False) == ["xxxx", "xxxx", "xx"]


def test_a_word_that_fits_on_a_line_is_never_cut() -> None:
    assert wrap("see order:created", 14) == ["see", "order:created"]


def test_no_text_is_one_empty_line() -> None:
    assert wrap(" \n ", 10) == [""]


@given(words, st.integers(1, 60))
def test_wrapping_loses_nothing_and_keeps_to_the_limit(text: str, limit: int) -> None:
    lines = wrap(text, limit)

    assert "".join("".join(lines).split()) == "".join(clean(text).split())
    assert all(cells(line) <= limit or len(list(clusters(line.rstrip()))) == 1 for line in lines)


@given(words)
def test_clean_is_clean(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    clean(text).encode()
