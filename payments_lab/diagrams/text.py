"""A story as characters: lanes side by side, one step below the other."""

from __future__ import annotations

from payments_lab.diagrams.measure import columns, wrap
from payments_lab.diagrams.story import Call, Crash, Mark, Note, Receive, Send, Step, Story

LABEL_LIMIT = 34
NARROWEST = 14
CROSS = "\N{BOX DRAWINGS LIGHT DIAGONAL CROSS}"

_SIGNS = {"plain": "", "good": "✓ ", "warn": "! ", "bad": "✗ "}


def to_text(story: Story) -> str:
    """Lines joined by newlines, without trailing blanks; arrows carry their labels above themselves."""
    page = _Page(story)
    for number, step in enumerate(story.steps):
        page.draw(step, story.steps[number + 1] if number + 1 < len(story.steps) else None)
    return page.finish()


class _Page:
    def __init__(self, story: Story) -> None:
        self.story = story
        self.sends = story.sends()
        self.order = {lane.key: number for number, lane in enumerate(story.lanes)}
        self.received = {step.key for step in story.steps if isinstance(step, Receive)}
        gap = max([NARROWEST, *(columns(lane.title) + 2 for lane in story.lanes), *map(self._needed, story.steps)])
        first = max(columns(story.lanes[0].title) // 2 + 1, 2)
        self.at = {lane.key: first + number * gap for number, lane in enumerate(story.lanes)}
        self.right = first + (len(story.lanes) - 1) * gap
        self.lines: list[str] = [story.title, ""] if story.title else []
        self.lines += [self._titles(), self._lifelines()]

    def draw(self, step: Step, following: Step | None) -> None:
        if isinstance(step, Send):
            self._send(step, following)
        elif isinstance(step, Receive):
            self._receive(step)
        elif isinstance(step, Call):
            self._arrow(step.source, step.target, _SIGNS[step.tone] + step.label, dashed=step.reply, lost=step.lost)
        elif isinstance(step, Note):
            self._beside(step.lane, _SIGNS[step.tone] + step.text)
        elif isinstance(step, Crash):
            self._beside(step.lane, f"✗ {step.text}", mark=CROSS)
        elif isinstance(step, Mark):
            self._band(f"✗ {step.text}", "═")
        else:
            self._band(step.text, "┄")

    def finish(self) -> str:
        self.lines.append(self._lifelines())
        if self.story.conclusion:
            self.lines += ["", *wrap(self.story.conclusion, max(self.right + 8, 72))]
        return "\n".join(line.rstrip() for line in self.lines)

    def _send(self, step: Send, following: Step | None) -> None:
        if isinstance(following, Receive) and following.key == step.key and following.lane != step.lane:
            return
        fate = "" if step.key in self.received else " (on its way)"
        self._beside(step.lane, f"{step.label}{fate}", mark="●")

    def _receive(self, step: Receive) -> None:
        send = self.sends[step.key]
        again = "again: " if step.again else ""
        note = f" ({step.note})" if step.note else ""
        label = f"{_SIGNS[step.tone]}{again}{send.label}{note}"
        if send.lane == step.lane:
            self._beside(step.lane, label, mark="◀")
        else:
            self._arrow(send.lane, step.lane, label, dashed=step.again)

    def _arrow(self, source: str, target: str, label: str, *, dashed: bool = False, lost: bool = False) -> None:
        if source == target:
            self._beside(source, label, mark="◀")
            return
        start, end = self.at[source], self.at[target]
        left, right = min(start, end), max(start, end)
        for line in wrap(label, right - left - 3):
            self.lines.append(self._put(self._lifelines(), left + 1 + (right - left - 1 - columns(line)) // 2, line))
        body = list(("╌" if dashed else "─") * (right - left - 1))
        if lost:
            body[len(body) * 2 // 3 if end > start else len(body) // 3] = CROSS
        head = ("▶" if end > start else "◀") if not lost else ("╌" if dashed else "─")
        body[-1 if end > start else 0] = head
        self.lines.append(self._put(self._lifelines(), left + 1, "".join(body)))

    def _beside(self, lane: str, text: str, mark: str | None = None) -> None:
        """A text to the right of a lane, or to the left of the last one."""
        at = self.at[lane]
        for number, line in enumerate(wrap(text, LABEL_LIMIT)):
            row = self._lifelines()
            if mark and not number:
                row = self._put(row, at, mark)
            fits = self.order[lane] < len(self.order) - 1 or len(self.order) == 1
            self.lines.append(self._put(row, at + 2 if fits else max(at - 1 - columns(line), 0), line))

    def _band(self, text: str, fill: str) -> None:
        for line in wrap(text, max(self.right - 2, 40)):
            span = max(self.right + 3, columns(line) + 6)
            side = (span - columns(line) - 2) // 2
            self.lines.append(f"{fill * side} {line} {fill * (span - columns(line) - 2 - side)}")

    def _needed(self, step: Step) -> int:
        """The lane distance that a step's label wants."""
        if isinstance(step, Receive):
            send = self.sends[step.key]
            extra = (7 if step.again else 0) + (len(step.note) + 3 if step.note else 0) + len(_SIGNS[step.tone])
            return self._spread(send.lane, step.lane, columns(send.label) + extra)
        if isinstance(step, Call):
            return self._spread(step.source, step.target, columns(step.label) + len(_SIGNS[step.tone]))
        return 0

    def _spread(self, source: str, target: str, wanted: int) -> int:
        lanes = abs(self.order[source] - self.order[target]) or 1
        return (min(wanted, LABEL_LIMIT) + 3) // lanes + 1

    def _titles(self) -> str:
        row = ""
        for lane in self.story.lanes:
            row = self._put(row, self.at[lane.key] - columns(lane.title) // 2, lane.title)
        return row

    def _lifelines(self) -> str:
        row = [" "] * (self.right + 1)
        for at in self.at.values():
            row[at] = "│"
        return "".join(row)

    @staticmethod
    def _put(row: str, at: int, text: str) -> str:
        row = row.ljust(at)
        return row[:at] + text + row[at + columns(text) :]
