"""Where the lanes of a drawn story stand: as close together as their words allow."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import fsum

from payments_lab.diagrams import captions
from payments_lab.diagrams.plan import Content, Departure, Journey, Plan
from payments_lab.diagrams.sheet import STRONG, TITLE, Block
from payments_lab.diagrams.story import Crash, Note, Story
from payments_lab.diagrams.wrapping import clean

MARGIN = 20.0
PAD = 9.0
PAGE = 860.0
NARROWEST = 92.0
WIDEST_HEAD = 150.0
WIDEST_TITLE = 560.0
LEAST_WIDTH = 320.0


@dataclass(frozen=True, slots=True)
class Columns:
    """``at`` is where each lane stands, between ``left`` and ``right``; words wrap to ``room``; all in pixels."""

    at: tuple[float, ...]
    left: float
    right: float
    room: float
    heads: tuple[Block, ...]


def columns(story: Story, plan: Plan) -> Columns:
    """The columns that ``story`` needs."""
    return _Layout(story, plan).columns()


class _Layout:
    def __init__(self, story: Story, plan: Plan) -> None:
        self._title = clean(story.title)
        self._rows = plan.rows
        self._number = {lane.key: number for number, lane in enumerate(story.lanes)}
        self._room = min(max(PAGE / max(len(story.lanes) - 1, 1) - 34, 100.0), 230.0)
        self._heads = tuple(captions.block(lane.title, WIDEST_HEAD, STRONG) for lane in story.lanes)
        halves = [head.width / 2 + PAD for head in self._heads]
        self._gaps = [max(NARROWEST, left + right + 12) for left, right in pairwise(halves)]
        self._outside = [halves[0], halves[-1]]

    def columns(self) -> Columns:
        for row in self._rows:
            self._widen(row.content)
        for row in self._rows:
            self._stretch(row.content)
        times = max((captions.time(row.at).width for row in self._rows), default=0.0)
        edge = MARGIN + (times + 14 if times else 0)
        at = [edge + self._outside[0]]
        for gap in self._gaps:
            at.append(at[-1] + gap)
        title = min(TITLE.width(self._title), WIDEST_TITLE)
        right = max(at[-1] + self._outside[1], MARGIN + title, LEAST_WIDTH)
        return Columns(tuple(at), edge, right, self._room, self._heads)

    def _widen(self, content: Content) -> None:
        """Room for what stands between two neighbours, or outside of the first and the last."""
        match content:
            case Journey() if content.source == content.target:
                self._right_of(content.source, captions.width(content, self._room) + 46)
            case Journey() if content.left is not None:
                beside = self._left_of if content.source < content.target else self._right_of
                beside(content.target, captions.width(content, self._room) + 28)
            case Journey() if abs(content.source - content.target) == 1:
                self._right_of(min(content.source, content.target), captions.width(content, self._room) + 30)
            case Departure():
                beside = self._left_of if content.toward < content.lane else self._right_of
                beside(content.lane, captions.width(content, self._room) + 28)
            case Note() | Crash():
                half = captions.remark(content, self._room).width / 2 + PAD
                lane = self._number[content.lane]
                self._left_of(lane, half + (12 if lane else 0))
                self._right_of(lane, half + (12 if lane < len(self._gaps) else 0))
            case _:
                pass

    def _left_of(self, lane: int, wanted: float) -> None:
        if lane:
            self._gaps[lane - 1] = max(self._gaps[lane - 1], wanted)
        else:
            self._outside[0] = max(self._outside[0], wanted)

    def _right_of(self, lane: int, wanted: float) -> None:
        if lane < len(self._gaps):
            self._gaps[lane] = max(self._gaps[lane], wanted)
        else:
            self._outside[1] = max(self._outside[1], wanted)

    def _stretch(self, content: Content) -> None:
        """Room for a label over several gaps."""
        if not isinstance(content, Journey) or content.left is not None:
            return
        low, high = sorted((content.source, content.target))
        missing = captions.width(content, self._room * 1.3) + 30 - fsum(self._gaps[low:high])
        if high - low > 1 and missing > 0:
            for gap in range(low, high):
                self._gaps[gap] += missing / (high - low)
