"""Every colour can be seen on what it stands on, by day and by night."""

from __future__ import annotations

import re

import pytest

from payments_lab.diagrams.palette import DARK, LIGHT, style_sheet
from tests.diagrams.examples import EXAMPLES

WORDS = [
    *[("ink", ground) for ground in ("paper", "head", "note", "good-note", "warn-note", "bad-note")],
    ("soft", "paper"),
    ("soft", "bad-note"),
    ("bad", "bad-note"),
]
LINES = [*[(line, "paper") for line in ("event", "ink", "soft", "life", "good", "warn", "bad")]]
LINES += [("good", "good-note"), ("warn", "warn-note"), ("bad", "bad-note")]

# What JupyterLab 4 puts in the place of paper and ink; its light ink is black at 87 % on white.
JUPYTER = [("#ffffff", "#212121", LIGHT), ("#111111", "#ffffff", DARK), ("#212121", "#ffffff", DARK)]


def contrast(one: str, other: str) -> float:
    """Source: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Source: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_measure_itself_is_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_words_have_a_contrast_of_four_and_a_half(colours: dict[str, str]) -> None:
    low = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in WORDS}

    assert {pair: round(each, 2) for pair, each in low.items() if each < 4.5} == {}


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_lines_have_a_contrast_of_three(colours: dict[str, str]) -> None:
    low = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in LINES}

    assert {pair: round(each, 2) for pair, each in low.items() if each < 3} == {}


@pytest.mark.parametrize(("paper", "ink", "colours"), JUPYTER)
def test_the_colours_hold_on_jupyterlab_s_own_paper(paper: str, ink: str, colours: dict[str, str]) -> None:
    assert all(contrast(colours[line], paper) >= 3 for line in ("event", "life", "good", "warn", "bad"))
    assert contrast(colours["soft"], paper) >= 4.5
    assert all(contrast(ink, colours[ground]) >= 4.5 for ground in ("head", "note", "good-note", "bad-note"))


def test_both_palettes_name_the_same_meanings() -> None:
    assert list(LIGHT) == list(DARK)


def test_every_colour_in_a_picture_is_one_of_the_palette_by_its_name() -> None:
    for story in EXAMPLES.values():
        for names, colours in re.findall(r'class="([^"]*(?:fill|stroke)-[^"]*)"(.*?)/?>', story.svg()):
            for name in names.split():
                use, _, meaning = name.partition("-")
                assert f'{use}="{LIGHT[meaning]}"' in colours


def test_the_style_sheet_reaches_no_other_part_of_a_page() -> None:
    selectors = re.findall(r"(?:^|[{};])([^{};@]+)\{", style_sheet())

    assert selectors
    assert all(".story-picture" in selector for selector in selectors)
