"""A story as one self-contained SVG element: no scripts, its own paper, readable by day and by night.

Every step has a band of its own, and all of its text stands in that band, so no two texts can overlap. A message's
line may slant through the bands between its sending and its arrival; text there has a halo of paper.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from payments_lab.diagrams.measure import width, wrap
from payments_lab.diagrams.story import Call, Crash, Gap, Mark, Note, Receive, Send, Step, Story, Tone

SIZE = 13.0
LINE = 17.0
WRAP = 36
MARGIN = 22.0
NARROWEST = 130.0
PAD = 9.0

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SIGNS = {"plain": "", "good": "✓ ", "warn": "! ", "bad": "✗ "}

_STYLE = """
.paper{fill:#fdfcf9;stroke:#d9d5cb}.life{stroke:#b9b4a8;stroke-dasharray:2 4}.title{font-weight:600;font-size:15px}
text{fill:#26241f;font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:13px}
.halo{paint-order:stroke;stroke:#fdfcf9;stroke-width:4px;stroke-linejoin:round}
.head{fill:#ece7da;stroke:#b9b4a8}.headtext{font-weight:600}
.line{fill:none;stroke:#3b5b8c;stroke-width:1.6}.again{stroke-dasharray:6 4;stroke:#9a5b00}.reply{stroke-dasharray:3 3}
.tip{fill:#3b5b8c;stroke:none!important}.tip.again{fill:#9a5b00}.dot{fill:#3b5b8c}
.good{stroke:#2c6e3f}.tip.good{fill:#2c6e3f}.warn{stroke:#9a5b00}.tip.warn{fill:#9a5b00}.bad{stroke:#b3261e}
.tip.bad{fill:#b3261e}.box{fill:#f1eee5;stroke:#b9b4a8}.box.good{fill:#e3f1e4;stroke:#2c6e3f}
.box.warn{fill:#fbeecf;stroke:#9a5b00}.box.bad{fill:#fbe3e0;stroke:#b3261e}.mark{fill:#b3261e}.marktext{fill:#ffffff;
font-weight:600}.gap{stroke:#8d887c;stroke-dasharray:1 5}.gaptext{fill:#5d594f;font-style:italic}.cross{stroke:#b3261e;
stroke-width:2.4}.conclusion{font-style:italic}
@media (prefers-color-scheme:dark){.paper{fill:#1d1f23;stroke:#3c4047}.life{stroke:#5a5f68}text{fill:#e8e6e1}
.halo{stroke:#1d1f23}.head{fill:#2c3037;stroke:#5a5f68}.line{stroke:#8fb3e8}.again{stroke:#e6b35a}
.tip{fill:#8fb3e8}.tip.again{fill:#e6b35a}.dot{fill:#8fb3e8}.good{stroke:#7cc48f}.tip.good{fill:#7cc48f}
.warn{stroke:#e6b35a}.tip.warn{fill:#e6b35a}.bad{stroke:#f2857c}.tip.bad{fill:#f2857c}.box{fill:#2c3037;stroke:#5a5f68}
.box.good{fill:#1f3325;stroke:#7cc48f}.box.warn{fill:#3a2f17;stroke:#e6b35a}.box.bad{fill:#41211f;stroke:#f2857c}
.gaptext{fill:#b5b1a7}.cross{stroke:#f2857c}}
""".replace("\n", "")


@dataclass(frozen=True, slots=True)
class TextBox:
    """Where a text stands: its left, top, width and height in pixels."""

    text: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """The SVG, and where each text in it stands."""

    svg: str
    texts: tuple[TextBox, ...]


def to_svg(story: Story) -> str:
    """The story as an ``<svg>`` element; the same story gives the same bytes."""
    return draw(story).svg


def draw(story: Story) -> Drawing:
    """The SVG with the geometry of its texts."""
    return _Sheet(story).drawing()


class _Sheet:
    def __init__(self, story: Story) -> None:
        self.story = story
        self.sends = story.sends()
        self.received = {step.key for step in story.steps if isinstance(step, Receive)}
        self.order = {lane.key: number for number, lane in enumerate(story.lanes)}
        self.x = self._columns()
        self.right = max(self._reach(step) for step in (None, *story.steps))
        self.shapes: list[str] = []
        self.words: list[str] = []
        self.texts: list[TextBox] = []
        self.sent_at: dict[str, float] = {}
        self.y = MARGIN

    def drawing(self) -> Drawing:
        self._head()
        top = self.y
        for step in self.story.steps:
            self._step(step)
        self.y += 8
        lives = [f'<path class="life" d="M{x:g} {top:g}V{self.y:g}"/>' for x in self.x.values()]
        self._conclusion()
        height = self.y + MARGIN - 6
        total = self.right + MARGIN
        title, words = self.story.title or "sequence diagram", self.story.text()
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label={quoteattr(_clean(title))} '
            f'width="{total:g}" height="{height:g}" viewBox="0 0 {total:g} {height:g}">'
            f"<title>{_text(title)}</title><desc>{_text(words)}</desc><style>{_STYLE}</style>"
            f'<rect class="paper" x="0.5" y="0.5" width="{total - 1:g}" height="{height - 1:g}" rx="8"/>'
            f"{''.join(lives)}{''.join(self.shapes)}{''.join(self.words)}</svg>"
        )
        return Drawing(svg, tuple(self.texts))

    # columns

    def _columns(self) -> dict[str, float]:
        lanes = self.story.lanes
        heads = [width(_title(lane.title), SIZE) * 1.08 + 2 * PAD for lane in lanes]
        gaps = [max(NARROWEST, (a + b) / 2 + 14) for a, b in pairwise(heads)]
        for step in self.story.steps:
            self._widen(gaps, step)
        left = MARGIN + max([heads[0] / 2, *(self._left_of_first(step) for step in self.story.steps)])
        places = {lanes[0].key: left}
        for lane, gap in zip(lanes[1:], gaps, strict=True):
            left += gap
            places[lane.key] = left
        return places

    def _widen(self, gaps: list[float], step: Step) -> None:
        ends = self._ends(step)
        if ends is None:
            return
        low, high = sorted(self.order[lane] for lane in ends)
        wanted = _block(self._label(step)) + 40
        missing = wanted - sum(gaps[low:high])
        if missing > 0:
            for number in range(low, high):
                gaps[number] += missing / (high - low)

    def _ends(self, step: Step) -> tuple[str, str] | None:
        """The two lanes of an arrow; None for what stands on one lane."""
        if isinstance(step, Call) and step.source != step.target:
            return step.source, step.target
        if isinstance(step, Receive) and self.sends[step.key].lane != step.lane:
            return self.sends[step.key].lane, step.lane
        return None

    def _left_of_first(self, step: Step) -> float:
        lane = _lane_of(step)
        if lane is None or self.order[lane] or self._ends(step):
            return 0
        return _block(self._label(step)) / 2 + PAD if isinstance(step, Note | Crash) else 10

    def _reach(self, step: Step | None) -> float:
        """How far to the right a step stands out."""
        last = self.story.lanes[-1]
        if step is None:
            heading = MARGIN + width(self.story.title, SIZE) * 1.3
            return max(self.x[last.key] + width(_title(last.title), SIZE) * 0.54 + PAD, heading, 420.0)
        lane = _lane_of(step)
        if lane is None or self._ends(step):
            return 0
        words = _block(self._label(step))
        return self.x[lane] + (words / 2 + PAD if isinstance(step, Note | Crash) else words + 16)

    # drawing

    def _head(self) -> None:
        if self.story.title:
            self._put([self.story.title], MARGIN, self.y, "title", factor=1.3)
            self.y += 30
        for lane in self.story.lanes:
            title = _title(lane.title)
            wide = width(title, SIZE) * 1.08 + 2 * PAD
            x = self.x[lane.key] - wide / 2
            self.shapes.append(f'<rect class="head" x="{x:g}" y="{self.y:g}" width="{wide:g}" height="27" rx="5"/>')
            self._put([title], self.x[lane.key], self.y + 5, "headtext", anchor="middle", factor=1.08)
        self.y += 27

    def _step(self, step: Step) -> None:
        lines = self._label(step)
        if isinstance(step, Send):
            self._send(step, lines)
        elif isinstance(step, Receive | Call):
            self._arrow(step, lines)
        elif isinstance(step, Note | Crash):
            self._box(step, lines)
        elif isinstance(step, Mark):
            self._mark(lines)
        else:
            self._gap(lines)

    def _send(self, step: Send, lines: list[str]) -> None:
        if step.key in self.received:
            self.y += 12
            x, y = self.x[step.lane], self.y
            self.shapes.append(f'<circle class="dot" cx="{x:g}" cy="{y:g}" r="3.6"/>')
            self.sent_at[step.key] = y
            return
        self.y += 10
        x, y = self.x[step.lane], self.y + LINE / 2
        self.shapes.append(f'<circle class="dot" cx="{x:g}" cy="{y:g}" r="3.6"/>')
        self._put(lines, x + 12, self.y, "halo")
        self.y += len(lines) * LINE

    def _arrow(self, step: Receive | Call, lines: list[str]) -> None:
        ends = self._ends(step)
        kind = _classes(step)
        if ends is None:
            self._beside(step, lines)
            return
        source, target = ends
        self.y += 8
        top = self.y
        self.y += len(lines) * LINE + 5
        start, end, y = self.x[source], self.x[target], self.y
        away = 1 if end > start else -1
        self._put(
            lines,
            (start + end) / 2
            if abs(self.order[source] - self.order[target]) == 1
            else end - away * (_block(lines) / 2 + 16),
            top,
            "halo",
            anchor="middle",
        )
        from_y = self.sent_at.get(step.key, y) if isinstance(step, Receive) else y
        if isinstance(step, Call) and step.lost:
            stop = start + (end - start) * 0.62
            self.shapes.append(f'<path class="line {kind}" d="M{start:g} {y:g}H{stop:g}"/>{_cross(stop, y)}')
        else:
            tip = _tip(start, from_y, end, y)
            self.shapes.append(
                f'<path class="line {kind}" d="M{start:g} {from_y:g}L{end - away * 4:g} {y:g}"/>'
                f'<path class="tip {kind}" d="{tip}"/>'
            )
        self.y += 5

    def _beside(self, step: Receive | Call, lines: list[str]) -> None:
        lane = step.lane if isinstance(step, Receive) else step.source
        self.y += 8
        x, y = self.x[lane], self.y + LINE / 2
        tip = _tip(x + 20, y, x, y)
        self.shapes.append(f'<path class="tip {_classes(step)}" d="{tip}"/>')
        self._put(lines, x + 14, self.y, "halo")
        self.y += len(lines) * LINE

    def _box(self, step: Note | Crash, lines: list[str]) -> None:
        tone = "bad" if isinstance(step, Crash) else step.tone
        wide, tall = _block(lines) + 2 * PAD, len(lines) * LINE + 8
        self.y += 8
        x = self.x[step.lane]
        self.shapes.append(
            f'<rect class="box {tone}" x="{x - wide / 2:g}" y="{self.y:g}" width="{wide:g}" height="{tall:g}" rx="4"/>'
        )
        self._put(lines, x, self.y + 3, "", anchor="middle")
        self.y += tall
        if isinstance(step, Crash):
            self.shapes.append(_cross(x, self.y + 9))
            self.y += 14

    def _mark(self, lines: list[str]) -> None:
        tall = len(lines) * LINE + 10
        self.y += 10
        self.shapes.append(
            f'<rect class="mark" x="{MARGIN / 2:g}" y="{self.y:g}" width="{self.right:g}" height="{tall:g}" rx="4"/>'
        )
        self._put(lines, (self.right + MARGIN) / 2, self.y + 4, "marktext", anchor="middle", factor=1.08)
        self.y += tall

    def _gap(self, lines: list[str]) -> None:
        self.y += 10
        middle = (self.right + MARGIN) / 2
        half = _block(lines) / 2 + 10
        y = self.y + len(lines) * LINE / 2
        self.shapes.append(
            f'<path class="gap" d="M{MARGIN / 2:g} {y:g}H{middle - half:g}'
            f'M{middle + half:g} {y:g}H{self.right + MARGIN / 2:g}"/>'
        )
        self._put(lines, middle, self.y, "gaptext halo", anchor="middle")
        self.y += len(lines) * LINE

    def _conclusion(self) -> None:
        if not self.story.conclusion:
            return
        limit = max(int((self.right - MARGIN) / (SIZE * 0.62)), 40)
        lines = wrap(self.story.conclusion, limit)
        self.y += 16
        self._put(lines, MARGIN, self.y, "conclusion")
        self.right = max(self.right, MARGIN + _block(lines))
        self.y += len(lines) * LINE

    def _put(
        self, lines: list[str], x: float, y: float, kind: str, *, anchor: str = "start", factor: float = 1.0
    ) -> None:
        for number, line in enumerate(lines):
            top = y + number * LINE
            wide = width(line, SIZE) * factor
            self.words.append(
                f'<text class="{kind}" x="{x:g}" y="{top + 13:g}" text-anchor="{anchor}">{_text(line)}</text>'
            )
            left = x - wide / 2 if anchor == "middle" else x
            self.texts.append(TextBox(line, left, top, wide, LINE))

    def _label(self, step: Step) -> list[str]:
        if isinstance(step, Send):
            return wrap(f"{step.label} (on its way)", WRAP)
        if isinstance(step, Receive):
            note = f" ({step.note})" if step.note else ""
            again = "again: " if step.again else ""
            return wrap(f"{_SIGNS[step.tone]}{again}{self.sends[step.key].label}{note}", WRAP)
        if isinstance(step, Call):
            return wrap(_SIGNS[step.tone] + step.label, WRAP)
        if isinstance(step, Note):
            return wrap(_SIGNS[step.tone] + step.text, WRAP)
        if isinstance(step, Crash):
            return wrap(f"✗ {step.text}", WRAP)
        limit = max(int((self.right - MARGIN) / (SIZE * 0.72)), 30)
        return wrap(f"✗ {step.text}" if isinstance(step, Mark) else step.text, limit)


def _block(lines: list[str]) -> float:
    return max(width(line, SIZE) for line in lines)


def _title(title: str) -> str:
    return " ".join(title.split())


def _lane_of(step: Step) -> str | None:
    if isinstance(step, Call):
        return step.source
    return None if isinstance(step, Mark | Gap) else step.lane


def _classes(step: Receive | Call) -> str:
    names: list[Tone | str] = [step.tone] if step.tone != "plain" else []
    if isinstance(step, Receive) and step.again:
        names.append("again")
    if isinstance(step, Call) and step.reply:
        names.append("reply")
    return " ".join(names)


def _tip(start_x: float, start_y: float, end_x: float, end_y: float) -> str:
    """An arrow head at the end of a line, turned as the line is."""
    length = ((end_x - start_x) ** 2 + (end_y - start_y) ** 2) ** 0.5 or 1.0
    across, down = (end_x - start_x) / length, (end_y - start_y) / length
    back_x, back_y = end_x - across * 10, end_y - down * 10
    return (
        f"M{end_x:.1f} {end_y:.1f}L{back_x - down * 4.5:.1f} {back_y + across * 4.5:.1f}"
        f"L{back_x + down * 4.5:.1f} {back_y - across * 4.5:.1f}Z"
    )


def _cross(x: float, y: float) -> str:
    return f'<path class="cross" d="M{x - 5:g} {y - 5:g}l10 10m-10 0l10 -10"/>'


def _clean(text: str) -> str:
    """Without the characters that XML cannot carry."""
    return _UNPRINTABLE.sub("", text)


def _text(text: str) -> str:
    return escape(_clean(text))
