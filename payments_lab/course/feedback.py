"""What a student reads after a check: one plain line first, the details folded below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from payments_lab.course.outcome import Outcome, Picture
from payments_lab.diagrams.wrapping import wrap

WIDTH = 96


@dataclass(frozen=True, slots=True)
class Feedback:
    """The answer to a check, as text and as HTML that follows the notebook's theme. ``ok`` is whether it passes.

    A notebook shows its pictures as outputs of their own. Of a drawing inside HTML nothing but its words is left where
    that is not trusted: in every notebook that somebody else has run, and on code hosts.
    """

    exercise: str
    ok: bool
    line: str
    outcomes: Sequence[Outcome] = ()
    hint: str = ""

    def text(self) -> str:
        return "\n\n".join([self._words(), *(picture.text() for picture in self._pictures())])

    def _words(self) -> str:
        lines = _wrapped(f"{_mark(self.ok)} {self.exercise}: {self.line}", "  ")
        lines += [line for each in self._parts() for line in _wrapped(each, "    ", "  ")]
        if self.hint:
            lines += _wrapped(f"→ {self.hint}", "  ")
        return "\n".join(lines)

    def html(self) -> str:
        colour = "var(--jp-success-color1,#2e7d32)" if self.ok else "var(--jp-warn-color0,#b35c00)"
        head = f'<span style="color:{colour};font-weight:600">{_mark(self.ok)} {escape(self.exercise)}</span>'
        hint = f"<p>→ {escape(self.hint)}</p>" if self.hint else ""
        return f"<div><p>{head} {escape(self.line)}</p>{hint}{self._details()}</div>"

    def __str__(self) -> str:
        return self.text()

    def bundles(self) -> list[dict[str, str]]:
        """What a notebook shows, one output after the other: the words, then each picture."""
        words = {"text/plain": self._words(), "text/html": self.html()}
        return [words, *(picture._repr_mimebundle_() for picture in self._pictures())]  # pyright: ignore[reportPrivateUsage]

    def _ipython_display_(self) -> None:
        from IPython.display import display  # pyright: ignore[reportUnknownVariableType]

        for bundle in self.bundles():
            display(bundle, raw=True)

    def _details(self) -> str:
        parts = "".join(f"<li>{escape(each)}</li>" for each in self._parts())
        if not parts:
            return ""
        passed = sum(each.passed for each in self.outcomes)
        summary = f"{passed} of {len(self.outcomes)} parts pass"
        listed = f'<ul style="list-style:none;padding-left:1em">{parts}</ul>'
        return f"<details><summary>{summary}</summary>{listed}</details>"

    def _parts(self) -> list[str]:
        """A line for each part, where there are several; what was said of a part before is not said again."""
        if len(self.outcomes) < 2:
            return []
        before: set[str] = set()
        lines: list[str] = []
        for each in self.outcomes:
            said = "the same" if each.said in before and not each.passed else each.said
            before.add(each.said)
            lines.append(f"{_mark(each.passed)} {each.part}: {said}")
        return lines

    def _pictures(self) -> Sequence[Picture]:
        """Those of the first part that shows any: of a failed one where there is one."""
        first = sorted(self.outcomes, key=lambda each: each.passed)
        return next((each.pictures for each in first if each.pictures), ())


def _mark(ok: bool) -> str:
    return "✓" if ok else "✗"


def _wrapped(text: str, hang: str, indent: str = "") -> list[str]:
    first, *rest = wrap(text, WIDTH - len(hang) - len(indent), even=False)
    return [indent + first, *(hang + line for line in rest)]
