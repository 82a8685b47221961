"""A counterexample, step by step: the diagram grows, and the documents of the step stand beside it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

from payments_lab.diagrams import Gap, Story, Table
from payments_lab.views.controls import button, column, page, row, side_by_side, toolkit, whenever
from payments_lab.views.view import View

if TYPE_CHECKING:
    from payments_lab.explore.report import Violation

HERE = "▶"


class Player(View):
    """Step through a violation that :func:`payments_lab.verify` found, to the place where it breaks.

    Without a kernel it is the whole diagram. ValueError for a violation that has no steps.
    """

    def __init__(self, violation: Violation) -> None:
        if not violation.choices:
            raise ValueError(f"{violation.invariant} is about the code itself: there are no steps to play")
        super().__init__(violation)
        self.violation = violation
        self.frames = _frames(violation.lines_by_step)

    def picture(self) -> dict[str, str]:
        return {"text/plain": self.violation.story.text(), "image/svg+xml": self.violation.story.svg()}

    def story(self, frame: int) -> Story:
        """The story as far as a frame, counted from 0, with its newest lines marked; the last one is the whole."""
        whole, told = self.violation.story, self.violation.lines_by_step
        if frame == len(self.frames) - 1:
            return whole
        end = told[self.frames[frame]]
        start = told[self.frames[frame - 1]] if frame else 0
        fresh = [step if isinstance(step, Gap) else replace(step, at=HERE) for step in whole.steps[start:end]]
        return Story(whole.title, whole.lanes, (*whole.steps[:start], *(fresh if frame else whole.steps[:end])))

    def documents(self, frame: int) -> list[Table]:
        """The documents of every collection after a frame; the title says which ones it changed."""
        now = self.violation.tables(self.frames[frame])
        if not frame:
            return now
        before = {table.title: table.text() for table in self.violation.tables(self.frames[frame - 1])}
        changed = {table.title for table in now if before.get(table.title) != table.text()}
        return [replace(table, title=f"{table.title}, changed") if table.title in changed else table for table in now]

    def build(self) -> Any:
        last = len(self.frames) - 1
        self.slider = toolkit().IntSlider(value=0, min=0, max=last, description="Step", readout=False)
        self.slider.layout.width = "24em"
        whenever(self.slider, self._fill)
        self.buttons = {
            "first": button("« First", "back to the beginning", partial(self._go, -last)),
            "previous": button("◀ Back", "one step back", partial(self._go, -1)),
            "next": button("Next ▶", "one step on", partial(self._go, 1), style="primary"),
            "last": button("Last »", "to where it breaks", partial(self._go, last)),
        }
        self.head, self.diagram, self.books = page(), page(), page()
        self._fill()
        return column(row(self.slider, *self.buttons.values()), self.head, self.books, self.diagram)

    def refresh(self) -> None:
        """A story that has happened does not change."""

    def _go(self, steps: int) -> None:
        self.slider.value = max(0, min(self.slider.max, self.slider.value + steps))

    def _fill(self) -> None:
        frame, last = self.slider.value, self.slider.max
        for name in ("first", "previous"):
            self.buttons[name].disabled = frame == 0
        for name in ("next", "last"):
            self.buttons[name].disabled = frame == last
        self.head.value = f'<span aria-live="polite">{self._words(frame, last)}</span>'
        self.books.value = side_by_side(*(table.html() for table in self.documents(frame)))
        self.diagram.value = self.story(frame).svg()

    def _words(self, frame: int, last: int) -> str:
        place = f"step {frame + 1} of {last + 1}"
        if frame < last:
            return place
        broken = f"{self.violation.invariant}: {self.violation.message}"
        return f'{place} &nbsp; <b style="color:var(--jp-error-color1,#b3261e)">{escape(broken)}</b>'


def _frames(told: list[int]) -> list[int]:
    """The steps that add a line to the story, and the last one."""
    grown = [step for step, lines in enumerate(told) if lines > (told[step - 1] if step else 0)]
    return grown if grown[-1] == len(told) - 1 else [*grown, len(told) - 1]
