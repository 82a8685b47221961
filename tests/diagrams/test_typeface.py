"""Widths of letters, against the published metrics of Helvetica."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_lab.diagrams.typeface import is_exact, width

# Advances in thousandths of the size. Source: Adobe's Core 14 AFM files, Helvetica.afm and Helvetica-Bold.afm.
HELVETICA = {" ": 278, "A": 667, "i": 222, "m": 833, "W": 944, "0": 556, "@": 1015, "_": 556, ":": 278, "é": 556}
HELVETICA_BOLD = {" ": 278, "A": 722, "i": 278, "m": 889, "W": 944, "0": 556, "@": 975, "_": 556, ":": 333, "é": 556}


@pytest.mark.parametrize(("letter", "advance"), HELVETICA.items())
def test_a_letter_is_as_wide_as_in_helvetica(letter: str, advance: int) -> None:
    assert width(letter, 1000) == pytest.approx(advance)


@pytest.mark.parametrize(("letter", "advance"), HELVETICA_BOLD.items())
def test_a_bold_letter_is_as_wide_as_in_bold_helvetica(letter: str, advance: int) -> None:
    assert width(letter, 1000, bold=True) == pytest.approx(advance)


def test_all_of_ascii_is_known_in_both_weights() -> None:
    printable = "".join(map(chr, range(32, 127)))

    assert is_exact(printable)
    assert width(printable, 1) < width(printable, 1, bold=True)


def test_an_accent_does_not_widen_its_letter_whichever_way_it_is_written() -> None:
    assert width("e\u0301", 13) == width("é", 13) == width("e", 13)


@pytest.mark.parametrize("text", ["日", "🎉", "Ж", "ש", "👩‍👩‍👧", "﷽"])
def test_a_letter_that_is_not_known_is_taken_for_wide(text: str) -> None:
    assert not is_exact(text)
    assert width(text, 10) >= 10


@given(st.text(), st.text())
def test_more_text_is_never_narrower(first: str, second: str) -> None:
    assert width(first + second, 13) >= min(width(first, 13), width(second, 13)) - 1e-9
    assert width(first, 13) >= 0
