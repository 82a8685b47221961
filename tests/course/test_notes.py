"""A note in a notebook: plain words, or code, safe to show."""

from __future__ import annotations

from payments_lab.course.notes import Note


def test_a_note_reads_as_its_words_in_a_terminal() -> None:
    assert str(Note("Go on and see.")) == "Go on and see."


def test_a_note_is_a_paragraph_in_a_notebook_beside_its_text() -> None:
    assert Note("Go on and see.")._repr_mimebundle_() == {
        "text/plain": "Go on and see.",
        "text/html": "<p>Go on and see.</p>",
    }


def test_a_note_of_code_keeps_its_lines() -> None:
    bundle = Note("if early:\n    raise NotYet", code=True)._repr_mimebundle_()

    assert bundle["text/html"] == "<pre>if early:\n    raise NotYet</pre>"


def test_what_looks_like_html_in_a_note_is_shown_and_not_obeyed() -> None:
    for note in (Note("<b>price</b> & more"), Note("<b>price</b> & more", code=True)):
        assert "&lt;b&gt;price&lt;/b&gt; &amp; more" in note._repr_mimebundle_()["text/html"]
        assert note._repr_mimebundle_()["text/plain"] == "<b>price</b> & more"


def test_a_note_takes_what_jupyter_asks_of_a_mime_bundle() -> None:
    assert set(Note("well")._repr_mimebundle_(include=None, exclude=None)) == {"text/plain", "text/html"}
