"""A story as characters: lanes side by side, one step below the other, for a terminal of 80 to 100 columns."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

from payments_lab.diagrams.characters import ASCII, Line, Pen
from payments_lab.diagrams.plan import Content, Departure, Journey, Row, plan
from payments_lab.diagrams.story import Crash, Gap, Mark, Note, Story
from payments_lab.diagrams.wrapping import cells, clean, wrap

WIDTH = 96
NARROWEST = 7
OUTSIDE = 10
LABEL = 34
HIGHEST = 3
FATE = 13
PROSE = 80


def to_text(story: Story, width: int | None = None, *, ascii: bool = False) -> str:
    """Lines joined by newlines, without blanks at their ends, at most ``width`` columns where the lanes allow it.

    A label stands on its arrow, or above it where it is longer than the arrow; what is too long for that is numbered
    and told under the diagram. ``ascii`` draws with ASCII alone and writes other letters as escapes, for terminals
    that know no better.
    """
    return _Page(story, width or WIDTH, ASCII if ascii else Pen()).finish()


class _Page:
    def __init__(self, story: Story, width: int, pen: Pen) -> None:
        self._story = story
        self._width = width
        self._pen = pen
        self._plan = plan(story)
        self._number = {lane.key: number for number, lane in enumerate(story.lanes)}
        self._row = 0
        self._lines: list[Line] = []
        self._small: list[str] = []
        times = [cells(self._plain(row.at)) for row in self._plan.rows]
        self._gutter = min(max(times, default=0), 16) + 2 if any(times) else 1
        self._titles = self._heads()
        self._at, self._right = self._columns()

    def finish(self) -> str:
        self._over_the_lanes()
        for row in self._plan.rows:
            self._draw(row)
            self._row += 1
        self._across(self._pen.foot)
        title = wrap(self._plain(self._story.title), self._width) if clean(self._story.title) else []
        parts = [title, self._legend(), list(map(str, self._lines)), self._details(), self._conclusion()]
        return "\n\n".join("\n".join(part) for part in parts if part)

    # columns

    def _heads(self) -> list[list[str]]:
        """The lines of every title: one, or one a word, or a letter that is explained above, as room allows."""
        titles = [self._plain(lane.title) for lane in self._story.lanes]
        for lines in ([[title] for title in titles], [title.split() or [""] for title in titles]):
            halves = _halves(lines)
            if self._gutter + halves[0] + sum(_least(halves)[:-1]) + max(halves[-1], OUTSIDE) < self._width:
                return lines
        return [[_letter(number)] for number in range(len(titles))]

    def _legend(self) -> list[str]:
        """What the letters over the lanes stand for, if there are letters."""
        titles = [self._plain(lane.title) for lane in self._story.lanes]
        if [" ".join(lines) for lines in self._titles] == titles:
            return []
        names = self._pen.between.join(f"{_letter(number)} {title}" for number, title in enumerate(titles))
        return [f" {line}" for line in wrap(names, self._width - 1, even=False)]

    def _over_the_lanes(self) -> None:
        tallest = max(len(lines) for lines in self._titles)
        for number in range(tallest):
            line = Line()
            for at, lines in zip(self._at, self._titles, strict=True):
                if number >= tallest - len(lines):
                    word = lines[number - tallest + len(lines)]
                    line.put(at - cells(word) // 2, word)
            self._lines.append(line)
        self._across(self._pen.head)

    def _columns(self) -> tuple[list[int], int]:
        """Where each lane stands, and how far to the right the last one's texts may go."""
        halves = _halves(self._titles)
        least = _least(halves)
        wanted = list(least)
        for row in self._plan.rows:
            self._widen(wanted, row.content)
        least[-1] = max(least[-1], min(wanted[-1], OUTSIDE))
        first = self._gutter + halves[0]
        gaps = _share(self._width - first - 1, least, wanted)
        at = [first]
        for gap in gaps[:-1]:
            at.append(at[-1] + gap)
        return at, at[-1] + gaps[-1]

    def _widen(self, wanted: list[int], content: Content) -> None:
        match content:
            case Journey() if content.source != content.target:
                low, high = sorted((content.source, content.target))
                each = ceil((self._wish(content) + 8) / (high - low))
                for gap in range(low, high):
                    wanted[gap] = max(wanted[gap], each)
            case Journey():
                wanted[content.source] = max(wanted[content.source], self._wish(content) + 6)
            case Departure():
                gap = content.lane - 1 if content.toward < content.lane else content.lane
                fate = 0 if content.fate == "travels" else FATE
                wanted[gap] = max(wanted[gap], min(cells(self._plain(content.label)) + fate, LABEL) + 4)
            case Note() | Crash():
                lane = self._number[content.lane]
                wanted[lane] = max(wanted[lane], min(cells(self._remark(content)), LABEL) + 4)
            case _:
                pass

    def _wish(self, journey: Journey) -> int:
        """Cells that a message would like: for its label with the small print, or for as much of the label as goes."""
        both = cells(self._with_detail(journey))
        return both if both <= LABEL else min(cells(self._caption(journey)), LABEL)

    # rows

    def _draw(self, row: Row) -> None:
        first = len(self._lines)
        match row.content:
            case Journey() if row.content.source == row.content.target:
                self._loop(row.content)
            case Journey():
                self._arrow(row.content)
            case Departure():
                self._departure(row.content)
            case Note():
                self._beside(self._number[row.content.lane], self._remark(row.content), self._pen.stub, self._pen.line)
            case Crash():
                self._beside(self._number[row.content.lane], self._remark(row.content), self._pen.fall, " ")
            case Mark():
                self._mark(row.content)
            case Gap():
                self._gap(row.content)
        if row.at:
            self._lines[first].put(1, self._fitting(self._plain(row.at), self._gutter - 1))

    def _arrow(self, journey: Journey) -> None:
        start, end = self._at[journey.source], self._at[journey.target]
        low, room = min(start, end) + 1, abs(end - start) - 1
        text, above, below = self._placed(journey, room)
        self._centred(low, room, above)
        line, body = self._blank(), self._body(journey, room, cells(text))
        line.put(low, body)
        for between in self._at[min(journey.source, journey.target) + 1 : max(journey.source, journey.target)]:
            if body[between - low] not in (" ", self._pen.lost):
                line.put(between, self._pen.crossing)
        if text:
            line.put(self._label_at(journey, room, cells(text)), f" {text} ")
        self._centred(low, room, below)

    def _centred(self, low: int, room: int, lines: list[str]) -> None:
        for words in lines:
            self._blank().put(low + (room - cells(words)) // 2, words)

    def _placed(self, journey: Journey, room: int) -> tuple[str, list[str], list[str]]:
        """The text on the arrow, and the lines above and below it."""
        caption, detail = self._caption(journey), self._plain(journey.detail)
        both = f"{caption}{self._pen.between}{detail}" if detail else caption
        if cells(both) <= room - 5:
            return both, [], []
        if cells(caption) <= room - 5:
            return caption, [], self._fitting_lines(detail, room)
        above = self._fitting_lines(caption, room)
        below = self._fitting_lines(detail, room)
        return ("", above, below) if len(above) > 1 or cells(caption) <= room - 2 else (above[0], [], below)

    def _fitting_lines(self, text: str, room: int) -> list[str]:
        """A few lines, or the number under which the text is told below; none for no text."""
        if not text:
            return []
        lines = wrap(text, max(room - 2, 1))
        fits = len(lines) == 1 or (room > 14 and len(lines) <= HIGHEST)
        return lines if fits and cells(lines[0]) <= room - 2 else [self._told(text)]

    def _body(self, journey: Journey, room: int, label: int) -> str:
        pen = self._pen
        stroke = {"reply": pen.reply, "error": pen.reply, "redelivery": pen.again}.get(journey.kind, pen.line)
        body = [stroke] * room
        if journey.left is not None:
            body[: room // 3] = pen.under_way * (room // 3)
        if journey.kind == "lost":
            stop = min(max(room * 2 // 3, label + 3), room - 1)
            body[stop:] = [pen.lost, *" " * (room - stop - 1)]
        else:
            body[-1] = pen.right
        if journey.target > journey.source:
            return "".join(body)
        return "".join(reversed(body)).replace(pen.right, pen.left)

    def _label_at(self, journey: Journey, room: int, label: int) -> int:
        """In the middle of the gap beside the sender, or of the whole way when it is too long for that."""
        start, end = self._at[journey.source], self._at[journey.target]
        step = 1 if end > start else -1
        beside = self._at[journey.source + step]
        low, space = min(start, beside) + 1, abs(beside - start) - 1
        if label + 5 > space or journey.kind == "lost":
            low, space = min(start, end) + 1, room
        if journey.kind == "lost":
            return low + 1 if step > 0 else low + space - label - 3
        return low + max((space - label - 2) // 2, 1)

    def _loop(self, journey: Journey) -> None:
        pen, at = self._pen, self._at[journey.source]
        stroke = pen.reply if journey.kind in ("reply", "error", "redelivery") else pen.line
        lines = self._lines_beside(journey.source, self._with_detail(journey), 5)
        for number, words in enumerate(lines + [""] * (2 - len(lines))):
            line = self._blank()
            if number == 0:
                line.put(at + 1, stroke * 2 + pen.out)
            if number == 1:
                line.put(at + 1, (pen.lost if journey.kind == "lost" else pen.left) + stroke + pen.back)
            line.put(at + 5, words)

    def _departure(self, departure: Departure) -> None:
        left = departure.toward < departure.lane
        self._beside(departure.lane, self._departing(departure), self._pen.dot, self._pen.under_way, left=left)

    def _beside(self, lane: int, text: str, sign: str, stroke: str, *, left: bool = False) -> None:
        at = self._at[lane]
        lines = self._lines_left_of(lane, text) if left else self._lines_beside(lane, text, 3)
        for number, words in enumerate(lines):
            line = self._blank()
            if not number:
                line.put(at - 1 if left else at, stroke + sign if left else sign + stroke)
            line.put(at - 2 - cells(words) if left else at + 3, words)

    def _lines_left_of(self, lane: int, text: str) -> list[str]:
        room = self._at[lane] - self._at[lane - 1] - 4
        lines = wrap(text, room)
        return lines if len(lines) <= HIGHEST and room >= min(8, cells(text)) else [self._told(text)]

    def _lines_beside(self, lane: int, text: str, indent: int) -> list[str]:
        """A text to the right of a lane: up to the next one, or over the others, or as a number."""
        at = self._at[lane]
        limit = self._at[lane + 1] if lane + 1 < len(self._at) else max(self._right, self._width) + 1
        own = limit - at - indent - 1
        lines = wrap(text, max(own, 1))
        if len(lines) <= HIGHEST and own >= min(8, cells(text)):
            return lines
        over = min(max(self._right, self._width) - at - indent, 2 * LABEL)
        lines = wrap(text, max(over, 1))
        if len(lines) <= HIGHEST and over >= min(16, cells(text)):
            return lines
        return [self._told(text)]

    def _mark(self, mark: Mark) -> None:
        pen, span = self._pen, self._span()
        lines = [
            f"{pen.bad}{line}" if not number else line
            for number, line in enumerate(wrap(self._plain(mark.text), span - 10))
        ]
        if len(lines) == 1:
            self._band(lines[0], pen.broken, mark)
            return
        self._band("", pen.broken, mark)
        for words in lines:
            self._lines.append(Line())
            self._lines[-1].put(self._gutter + (span - max(map(cells, lines))) // 2, words)
        self._band("", pen.broken, mark)

    def _gap(self, gap: Gap) -> None:
        for words in wrap(self._plain(gap.text), self._span() - 8):
            self._band(words, self._pen.under_way, None)

    def _band(self, text: str, stroke: str, mark: Mark | None) -> None:
        line, span = Line(), self._span()
        line.put(self._gutter, stroke * span)
        for lane in mark.lanes if mark else ():
            line.put(self._at[self._number[lane]], self._pen.concerned)
        if text:
            line.put(self._gutter + (span - cells(text) - 2) // 2, f" {text} ")
        self._lines.append(line)

    def _span(self) -> int:
        return max(self._right, self._gutter + 40) - self._gutter + 1

    def _across(self, tee: str) -> None:
        line = Line()
        for at, half in zip(self._at, _halves(self._titles), strict=True):
            line.put(at - half, self._pen.rule * (2 * half + 1))
            line.put(at, tee)
        self._lines.append(line)

    def _blank(self) -> Line:
        """The next line, with the lifelines on it."""
        line = Line()
        for lane, at in enumerate(self._at):
            line.put(at, self._pen.down if self._plan.down(lane, self._row) else self._pen.life)
        self._lines.append(line)
        return line

    # words

    def _plain(self, text: str) -> str:
        return clean(text) if self._pen is not ASCII else clean(text).encode("ascii", "backslashreplace").decode()

    def _caption(self, journey: Journey) -> str:
        sign = {"error": self._pen.bad, "redelivery": self._pen.once_more}.get(journey.kind, "")
        attempt = f" (attempt {journey.attempt})" if journey.attempt > 1 else ""
        return f"{sign}{self._plain(journey.label)}{attempt}"

    def _with_detail(self, journey: Journey) -> str:
        detail = self._plain(journey.detail)
        return f"{self._caption(journey)}{self._pen.between}{detail}" if detail else self._caption(journey)

    def _departing(self, departure: Departure) -> str:
        """The label, the small print or its number, and what becomes of it."""
        label, detail = self._plain(departure.label), self._plain(departure.detail)
        fate = {"travels": "", "pending": " (on its way)", "lost": f" {self._pen.lost} lost"}[departure.fate]
        if not detail:
            return label + fate
        short = cells(label) + cells(detail) <= LABEL
        return (f"{label}{self._pen.between}{detail}" if short else f"{label} {self._told(detail)}") + fate

    def _remark(self, remark: Note | Crash) -> str:
        if isinstance(remark, Crash):
            return self._plain(remark.text)
        pen = self._pen
        sign = {"plain": pen.plain, "good": pen.good, "warn": pen.warn, "bad": pen.bad}[remark.tone]
        return sign + self._plain(remark.text)

    def _fitting(self, text: str, room: int) -> str:
        return text if cells(text) <= room else self._told(text)

    def _told(self, text: str) -> str:
        """The number under which ``text`` is told below the diagram."""
        if text not in self._small:
            self._small.append(text)
        return f"[{self._small.index(text) + 1}]"

    def _details(self) -> list[str]:
        numbered = (f"[{number}] {text}" for number, text in enumerate(self._small, 1))
        return [f" {line}" for text in numbered for line in _hang(text, min(self._width, PROSE) - 1, 4)]

    def _conclusion(self) -> list[str]:
        if not clean(self._story.conclusion):
            return []
        return [
            f" {line}" for line in wrap(self._plain(self._story.conclusion), min(self._width, PROSE) - 1, even=False)
        ]


def _share(available: int, least: list[int], wanted: list[int]) -> list[int]:
    """What each gets: all that it wants, or where that is too much, up to a common limit, and never too little."""
    limit = max(wanted)
    while limit > 1 and sum(max(few, min(many, limit)) for few, many in zip(least, wanted, strict=True)) > available:
        limit -= 1
    return [max(few, min(many, limit)) for few, many in zip(least, wanted, strict=True)]


def _halves(titles: list[list[str]]) -> list[int]:
    """How far each title reaches to either side of its lane."""
    return [max((max(map(cells, lines)) + 1) // 2, 2) for lines in titles]


def _least(halves: list[int]) -> list[int]:
    """The gaps that the titles need, and what the last one needs to its right."""
    return [max(left + right + 1, NARROWEST) for left, right in pairwise(halves)] + [halves[-1]]


def _hang(text: str, width: int, indent: int) -> list[str]:
    """Wrapped, with all lines but the first indented."""
    first, *others = wrap(text, max(width - indent, 8), even=False)
    return [first, *(" " * indent + line for line in others)]


def _letter(number: int) -> str:
    """A, B, … Z, A2, …"""
    turn, letter = divmod(number, 26)
    return chr(ord("A") + letter) + (str(turn + 1) if turn else "")
