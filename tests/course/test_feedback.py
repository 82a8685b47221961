"""What a check says: one plain line, then the parts, the hint, the picture; as text and as HTML."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from payments_lab.course.feedback import WIDTH, Feedback
from payments_lab.course.outcome import Outcome, Picture
from payments_lab.diagrams import Table

TRIED = Outcome("in time", True, "all 12 states: holds")
EARLY = Outcome("too early", False, "the copy is created, and should be cancelled")
TABLE = Table(("order", "status"), [("ord_1", "created")])


class Drawing:
    """A picture of some words, which a notebook is given in other forms, too."""

    def __init__(self, words: str, **forms: str) -> None:
        self.words = words
        self.forms = forms

    def text(self, width: int | None = None) -> str:
        return self.words

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": self.words, **self.forms}


def with_picture(picture: Picture, *, passed: bool = False, part: str = "too early") -> Outcome:
    return Outcome(part, passed, "the copy is created, and should be cancelled", [picture])


# As text


def test_a_pass_is_one_line_that_says_what_was_tried() -> None:
    assert str(Feedback("03.1-too-early", True, "all 12 states: holds", [TRIED])) == (
        "✓ 03.1-too-early: all 12 states: holds"
    )


def test_every_part_has_a_line_of_its_own_where_there_are_several() -> None:
    feedback = Feedback("03.1-too-early", False, "not yet, 1 of 2 parts pass", [TRIED, EARLY])

    assert feedback.text().splitlines() == [
        "✗ 03.1-too-early: not yet, 1 of 2 parts pass",
        "  ✓ in time: all 12 states: holds",
        "  ✗ too early: the copy is created, and should be cancelled",
    ]


def test_the_hint_comes_after_the_parts() -> None:
    feedback = Feedback("03.1-too-early", False, "not yet", [TRIED, EARLY], "Which version must the copy have?")

    assert feedback.text().splitlines()[-1] == "→ Which version must the copy have?"


def test_a_part_that_raised_shows_the_line_that_did() -> None:
    raised = Outcome("too early", False, "it raises KeyError: 'version'", where='copy["version"]')

    assert "it raises KeyError: 'version', at `copy[\"version\"]`" in Feedback("id", False, "", [TRIED, raised]).text()


def test_the_picture_comes_last_after_an_empty_line() -> None:
    feedback = Feedback("03.1-too-early", False, "not yet", [with_picture(TABLE)], "Look at the copy.")

    assert feedback.text() == f"✗ 03.1-too-early: not yet\n→ Look at the copy.\n\n{TABLE.text()}"


def test_long_lines_are_wrapped_and_hang_under_their_beginning() -> None:
    many = " ".join(["again"] * 60)
    feedback = Feedback("03.1-too-early", False, many, [Outcome("in time", True, many), EARLY], many)

    lines = feedback.text().splitlines()

    assert max(map(len, lines)) <= WIDTH
    assert [line for line in lines if not line.startswith(("✗", "→", " "))] == []
    assert feedback.text().split().count("again") == 180


# As HTML


def test_in_a_notebook_the_parts_are_folded_below_the_line() -> None:
    html = Feedback("03.1-too-early", False, "not yet", [TRIED, EARLY]).html()

    assert html.index("not yet") < html.index("<details><summary>1 of 2 parts pass</summary>")
    assert "<li>✓ in time: all 12 states: holds</li><li>✗ too early:" in html


def test_a_single_part_is_not_told_twice() -> None:
    feedback = Feedback("03.1-too-early", True, "all 12 states: holds", [TRIED])

    assert "<details" not in feedback.html()
    assert feedback.html().count("all 12 states") == 1


def test_a_picture_is_an_output_of_its_own_as_it_shows_itself() -> None:
    words, picture = Feedback("03.1-too-early", False, "not yet", [TRIED, with_picture(TABLE)]).bundles()

    assert picture == TABLE._repr_mimebundle_()
    assert "ord_1" not in words["text/html"] + words["text/plain"]


def test_no_html_holds_a_drawing_of_which_only_words_would_be_left_where_it_is_not_trusted() -> None:
    drawing = Drawing("o<>o", **{"image/svg+xml": "<svg><text>o</text></svg>"})
    words, picture = Feedback("id", False, "", [TRIED, with_picture(drawing)]).bundles()

    assert "<svg" not in words["text/html"]
    assert picture == {"text/plain": "o<>o", "image/svg+xml": "<svg><text>o</text></svg>"}


def test_the_picture_of_what_failed_is_shown_before_that_of_what_passed() -> None:
    good, bad = Drawing("all is well"), Drawing("charged twice")
    outcomes = [with_picture(good, passed=True, part="in time"), with_picture(bad)]

    feedback = Feedback("03.1-too-early", False, "not yet", outcomes)

    assert "charged twice" in feedback.text()
    assert "all is well" not in feedback.text()
    assert "all is well" not in feedback.html()


def test_what_looks_like_html_in_an_answer_is_shown_and_not_obeyed() -> None:
    bad = Outcome("<b>part", False, "<b>line", where="<b>where")
    html = Feedback("<b>id", False, "<b>said", [TRIED, bad], "<b>hint").html()

    assert "<b>" not in html
    assert html.count("&lt;b&gt;") == 6


def test_a_pass_and_a_failure_differ_in_sign_and_in_colour() -> None:
    passed, failed = Feedback("id", True, "").html(), Feedback("id", False, "").html()

    assert "✓" in passed
    assert "--jp-success-color1" in passed
    assert "✗" in failed
    assert "--jp-warn-color0" in failed


def test_a_notebook_is_given_both_forms() -> None:
    feedback = Feedback("03.1-too-early", True, "all 12 states: holds", [TRIED])

    assert feedback.bundles() == [{"text/plain": feedback.text(), "text/html": feedback.html()}]


def test_a_notebook_shows_the_words_first_and_then_the_picture(capsys: pytest.CaptureFixture[str]) -> None:
    InteractiveShell.instance().display_formatter.format(Feedback("id", False, "not yet", [with_picture(TABLE)]))

    assert capsys.readouterr().out == f"✗ id: not yet\n{TABLE.text()}\n"
