"""A story as one self-contained SVG element: no scripts, its own paper, readable by day and by night.

Every row has a band of its own and all of its words stand in that band, so no two texts can overlap. The line of a
message that travels slants through the bands between its departure and its arrival, under the words.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from math import hypot

from payments_lab.diagrams import captions
from payments_lab.diagrams.captions import STROKES, Stroke
from payments_lab.diagrams.columns import MARGIN, PAD, columns
from payments_lab.diagrams.palette import LIGHT, PICTURE, style_sheet
from payments_lab.diagrams.plan import Departure, Journey, Row, plan
from payments_lab.diagrams.prose import to_prose
from payments_lab.diagrams.sheet import ASIDE, LABEL, STRONG, TITLE, Block, Face, Sheet, escaped, number
from payments_lab.diagrams.story import Crash, Gap, Mark, Note, Story
from payments_lab.diagrams.typeface import FAMILY
from payments_lab.diagrams.wrapping import clean

ABOVE = 10.0
TALL = 620.0
FAR = 220.0


def to_svg(story: Story) -> str:
    """The story as an ``<svg>`` element; the same story gives the same bytes."""
    return _Picture(story).svg()


class _Picture:
    def __init__(self, story: Story) -> None:
        self._story = story
        self._plan = plan(story)
        self._rows = self._plan.rows
        self._number = {lane.key: number for number, lane in enumerate(story.lanes)}
        self._left_in = {row.content.left for row in self._rows if isinstance(row.content, Journey)}
        self._sheet = Sheet()
        self._at: dict[int, float] = {}
        self._breaks: list[tuple[float, float]] = []
        self._columns = columns(story, self._plan)
        self._x, self._room = self._columns.at, self._columns.room
        self._right = self._columns.right
        self._y = MARGIN

    def svg(self) -> str:
        if clean(self._story.title):
            self._paragraph(self._story.title, TITLE)
            self._y += 12
        self._titles()
        top = self._y
        for index, row in enumerate(self._rows):
            self._draw(index, row)
        self._y += 16
        self._lives(top, self._y)
        if self._y - top > TALL:
            self._titles()
        if clean(self._story.conclusion):
            self._y += 14
            self._paragraph(self._story.conclusion, LABEL)
        return self._wrapped(self._right + MARGIN, self._y + MARGIN)

    def _wrapped(self, width: float, height: float) -> str:
        title = clean(self._story.title) or "Sequence diagram"
        words = "\n".join(line for line in to_prose(self._story).splitlines())
        body = "\n".join(self._sheet.elements())
        name = "story-" + hashlib.sha256(f"{title}\n{words}\n{body}".encode()).hexdigest()[:12]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{PICTURE}" role="img" '
            f'aria-labelledby="{name}-title" aria-describedby="{name}-words" width="{number(width)}" '
            f'height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}" '
            f'font-family="{FAMILY}" font-size="13">\n'
            f'<title id="{name}-title">{escaped(title)}</title>\n<desc id="{name}-words">{escaped(words)}</desc>\n'
            f"<style>{style_sheet()}</style>\n"
            f'<rect class="fill-paper stroke-edge" x="0.5" y="0.5" width="{number(width - 1)}" '
            f'height="{number(height - 1)}" rx="6" fill="{LIGHT["paper"]}" stroke="{LIGHT["edge"]}"/>\n'
            f"{body}\n</svg>"
        )

    # rows

    def _draw(self, index: int, row: Row) -> None:
        self._y += ABOVE
        top, time = self._y, captions.time(row.at)
        self._sheet.block(time, MARGIN, top + 1, colour="soft", clear=False)
        match row.content:
            case Journey() if row.content.source == row.content.target:
                self._loop(index, row.content)
            case Journey() if row.content.left is not None:
                self._arrival(index, row.content)
            case Journey():
                self._straight(index, row.content)
            case Departure():
                self._departure(index, row.content)
            case Note():
                self._note(index, row.content)
            case Crash():
                self._crash(index, row.content)
            case Mark():
                self._mark(row.content)
            case Gap():
                self._gap(row.content)
        self._y = max(self._y, top + time.height)

    def _straight(self, index: int, journey: Journey) -> None:
        start, end = self._x[journey.source], self._x[journey.target]
        label = captions.label(journey, abs(end - start) - 28)
        low, high = self._space(journey, label.width)
        self._sheet.block(label, (low + high - label.width) / 2, self._y, anchor="middle")
        self._y += label.height + (8 if journey.kind == "lost" else 4)
        self._at[index] = self._y
        self._line(journey, start, self._y, end, self._y)
        if index in self._left_in:
            self._sheet.dot(start, self._y, STROKES[journey.kind].colour)
        self._y += 5
        detail = captions.small(journey.detail, abs(end - start) - 28)
        low, high = self._space(journey, detail.width)
        self._sheet.block(detail, (low + high - detail.width) / 2, self._y, colour="soft", anchor="middle")
        self._y += detail.height

    def _space(self, journey: Journey, wanted: float) -> tuple[float, float]:
        """Where a text over an arrow is centred: the gap beside the sender, or the whole way when it is too wide."""
        start, end = self._x[journey.source], self._x[journey.target]
        beside = self._x[journey.source + (1 if end > start else -1)]
        return (start, beside) if wanted + 28 <= abs(beside - start) else (start, end)

    def _arrival(self, index: int, journey: Journey) -> None:
        start, end = self._x[journey.source], self._x[journey.target]
        step = 1 if end > start else -1
        gap = abs(end - self._x[journey.target - step])
        left = self._at[journey.left or 0]
        tip = self._y + 3
        if self._late(journey, tip):
            tip += 12
            start, left = self._lead(end, tip, -step * min(gap * 0.6, 110.0), STROKES[journey.kind].colour)
        self._at[index] = tip
        self._line(journey, start, left, end, tip)
        self._y = tip + 6
        room = gap - 26
        for block, colour in ((captions.label(journey, room), "ink"), (captions.small(journey.detail, room), "soft")):
            left = end - 12 - block.width if step > 0 else end + 12
            self._sheet.block(block, left, self._y, colour=colour, anchor="end" if step > 0 else "start")
            self._y += block.height

    def _late(self, journey: Journey, y: float) -> bool:
        """Whether this is a redelivery of what left far above ``y``."""
        return journey.attempt > 1 and journey.left is not None and y - self._at[journey.left] > FAR

    def _lead(self, end: float, tip: float, across: float, colour: str) -> tuple[float, float]:
        """Where the line of a late redelivery begins: near its end, behind some dots that stand for the long way.

        What is delivered again comes from whoever kept it. A line from the first sending, long ago, would only run
        through everything that has happened since.
        """
        start, left = end + across, tip - 16
        more = across * 0.2
        self._sheet.line(_path(start + more, left - 3.2, start, left), colour, width=1.3, dash="1.5 3", layer="travels")
        return start, left

    def _departure(self, index: int, departure: Departure) -> None:
        x, step = self._x[departure.lane], -1 if departure.toward < departure.lane else 1
        blocks = [
            (captions.label(departure, self._room), "ink"),
            (captions.small(departure.detail, self._room), "soft"),
        ]
        for block, colour in blocks:
            left = x + 10 if step > 0 else x - 10 - block.width
            self._sheet.block(block, left, self._y, colour=colour, anchor="start" if step > 0 else "end")
            self._y += block.height
        self._y += 8 if departure.fate == "lost" else 4
        self._at[index] = self._y
        self._sheet.dot(x, self._y, "event")
        if departure.fate == "travels":
            return
        self._sheet.line(f"M{number(x)} {number(self._y)}h{step * 26}", "event")
        self._sheet.line(f"M{number(x + step * 30)} {number(self._y)}h{step * 24}", "event", dash="2 4")
        if departure.fate == "lost":
            self._cross(x + step * 60, self._y)
        fate = captions.small("lost" if departure.fate == "lost" else "on its way", 90.0)
        self._y += 5
        self._sheet.block(fate, x + 10 if step > 0 else x - 10 - fate.width, self._y, colour="soft")
        self._y += fate.height

    def _loop(self, index: int, journey: Journey) -> None:
        x, stroke = self._x[journey.source], STROKES[journey.kind]
        left = None if journey.left is None or self._late(journey, self._y) else self._at[journey.left]
        label, detail = captions.label(journey, self._room), captions.small(journey.detail, self._room)
        self._at[index] = self._y + 5
        out, back = left if left is not None else self._y + 5, self._y + 17
        self._sheet.line(
            f"M{number(x)} {number(out)}h16q8 0 8 8V{number(back - 6)}q0 6 -8 6H{number(x + 6)}",
            stroke.colour,
            dash=stroke.dash,
            layer="lines" if left is None else "travels",
        )
        if journey.kind == "lost":
            self._cross(x + 9, back)
        else:
            self._tip(x + 20, back, x, back, stroke)
        top = self._y
        for block, colour in ((label, "ink"), (detail, "soft")):
            self._sheet.block(block, x + 32, top, colour=colour)
            top += block.height
        self._y = max(top, back + 5)

    def _note(self, index: int, note: Note) -> None:
        fill, stroke = ("note", "edge") if note.tone == "plain" else (f"{note.tone}-note", note.tone)
        self._boxed(index, self._number[note.lane], captions.remark(note, self._room), fill, stroke)

    def _crash(self, index: int, crash: Crash) -> None:
        self._boxed(index, self._number[crash.lane], captions.remark(crash, self._room), "bad-note", "bad")
        x = self._x[self._number[crash.lane]]
        self._at[index] = self._y + 9
        self._cross(x, self._y + 9)
        self._y += 15

    def _boxed(self, index: int, lane: int, block: Block, fill: str, stroke: str) -> None:
        wide, tall = block.width + 2 * PAD, block.height + 8
        left = self._x[lane] - wide / 2
        self._at[index] = self._y
        self._sheet.box(left, self._y, wide, tall, fill, stroke)
        self._sheet.block(block, left + PAD, self._y + 4, clear=False)
        self._y += tall

    def _mark(self, mark: Mark) -> None:
        self._y += 4
        middle = (self._columns.left + self._right) / 2
        block = captions.block(mark.text, self._right - self._columns.left - 20, STRONG, "bad")
        left, right, tall = MARGIN / 2, self._right + MARGIN / 2, block.height + 14
        self._sheet.shape(f"M{number(left)} {number(self._y)}H{number(right)}v{number(tall)}H{number(left)}Z",
                          "bad-note", layer="bands")  # fmt: skip
        for y in (self._y, self._y + tall):
            self._sheet.line(f"M{number(left)} {number(y)}H{number(right)}", "bad", width=2, layer="bands")
        for key in mark.lanes:
            x = self._x[self._number[key]]
            self._sheet.shape(f"M{number(x - 6)} {number(self._y - 8)}h12l-6 8Z", "bad")
        self._sheet.block(block, middle - block.width / 2, self._y + 7, colour="bad", clear=False)
        self._y += tall + 4

    def _gap(self, gap: Gap) -> None:
        self._y += 2
        left, right = MARGIN / 2, self._right + MARGIN / 2
        block = captions.block(gap.text, right - left - 80, ASIDE)
        middle, half, tall = (left + right) / 2, block.width / 2 + 12, block.height
        self._breaks.append((self._y - 6, self._y + tall + 6))
        y = self._y + tall / 2
        for start, end in ((left, middle - half), (middle + half, right)):
            self._sheet.line(f"M{number(start)} {number(y)}H{number(end)}", "life", width=1.2, dash="1.5 5")
        self._sheet.block(block, middle - block.width / 2, self._y, colour="soft", anchor="middle")
        self._y += tall + 2

    def _titles(self) -> None:
        tall = max(head.height for head in self._columns.heads) + 10
        for x, head in zip(self._x, self._columns.heads, strict=True):
            wide = head.width + 2 * PAD
            self._sheet.box(x - wide / 2, self._y, wide, tall, "head", "edge")
            top = self._y + (tall - head.height) / 2
            self._sheet.block(head, x - head.width / 2, top, anchor="middle", clear=False)
        self._y += tall

    def _lives(self, top: float, bottom: float) -> None:
        for lane, x in enumerate(self._x):
            down = [
                (self._at[outage.start], bottom if outage.end is None else self._at[outage.end])
                for outage in self._plan.outages
                if outage.lane == lane
            ]
            ends = sorted({top, bottom, *(y for span in (*self._breaks, *down) for y in span)})
            for start, end in pairwise(ends):
                middle = (start + end) / 2
                if any(low < middle < high for low, high in self._breaks):
                    continue
                dead = any(low < middle < high for low, high in down)
                self._sheet.line(f"M{number(x)} {number(start)}V{number(end)}", "life", width=1.2 if dead else 1,
                                 dash="1.5 5" if dead else "", layer="lives")  # fmt: skip

    def _paragraph(self, text: str, face: Face) -> None:
        block = captions.block(text, max(min(self._right - MARGIN, 640.0), 280.0), face, even=False)
        self._sheet.block(block, MARGIN, self._y)
        self._right = max(self._right, MARGIN + block.width)
        self._y += block.height

    # lines

    def _line(self, journey: Journey, x: float, y: float, end: float, tip: float) -> None:
        stroke = STROKES[journey.kind]
        layer = "lines" if journey.left is None else "travels"
        if journey.kind == "lost":
            stop_x, stop_y = x + (end - x) * 0.66, y + (tip - y) * 0.66
            self._sheet.line(_path(x, y, stop_x, stop_y), stroke.colour, layer=layer)
            self._sheet.line(_path(stop_x, stop_y, end, tip), "life", dash="1.5 5", layer=layer)
            self._cross(stop_x, stop_y)
            return
        back = 5 if stroke.filled else 1
        length = hypot(end - x, tip - y)
        self._sheet.line(
            _path(x, y, end - (end - x) * back / length, tip - (tip - y) * back / length),
            stroke.colour,
            dash=stroke.dash,
            layer=layer,
            width=1.5 if journey.left is None else 1.3,
        )
        self._tip(x, y, end, tip, stroke)

    def _tip(self, x: float, y: float, end: float, tip: float, stroke: Stroke) -> None:
        """An arrow head at the end of a line, turned as the line is."""
        length = hypot(end - x, tip - y)
        across, down = (end - x) / length, (tip - y) / length
        end -= across
        corners = [(end - across * 9 + side * down * 4, tip - down * 9 - side * across * 4) for side in (1, -1)]
        (one_x, one_y), (two_x, two_y) = corners
        path = f"M{number(one_x)} {number(one_y)}L{number(end)} {number(tip)}L{number(two_x)} {number(two_y)}"
        if stroke.filled:
            self._sheet.shape(path + "Z", stroke.colour)
        else:
            self._sheet.line(path, stroke.colour)

    def _cross(self, x: float, y: float) -> None:
        self._sheet.line(f"M{number(x - 5)} {number(y - 5)}l10 10m0 -10l-10 10", "bad", width=2.2)


def _path(x: float, y: float, end: float, tip: float) -> str:
    return f"M{number(x)} {number(y)}L{number(end)} {number(tip)}"
