"""A story as rows, the same for every way to draw it: which messages go straight, which are on their way for a while.

A Send whose Receive is the very next step becomes one straight journey, unless their labels in the margin tell two
times. Any other Send is a departure, with an arrival in a later row or never.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from payments_lab.diagrams.story import Arrow, Crash, Gap, Kind, Mark, Note, Receive, Send, Step, Story


@dataclass(frozen=True, slots=True)
class Journey:
    """A message that arrives, or is lost just before; lanes are numbered from the left, from 0.

    ``left`` is the row in which it left, None when that is this one. ``attempt`` counts deliveries to the target.
    """

    source: int
    target: int
    label: str
    detail: str
    kind: Kind
    attempt: int = 1
    left: int | None = None


@dataclass(frozen=True, slots=True)
class Departure:
    """A message that leaves and does not arrive in this row: it ``travels``, is ``pending`` at the end, or ``lost``."""

    lane: int
    toward: int
    label: str
    detail: str
    fate: Literal["travels", "pending", "lost"]


Content = Journey | Departure | Note | Crash | Mark | Gap


@dataclass(frozen=True, slots=True)
class Row:
    """What one row shows; ``at`` is the label in the margin, empty where it only repeats the one above."""

    at: str
    content: Content


@dataclass(frozen=True, slots=True)
class Outage:
    """A lane that is down from the row ``start`` to the row ``end``, or to the end of the story (None)."""

    lane: int
    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The rows of a story and the times at which its lanes were down."""

    rows: tuple[Row, ...]
    outages: tuple[Outage, ...]

    def down(self, lane: int, row: int) -> bool:
        """Whether ``lane`` is down below ``row``."""
        return any(
            outage.lane == lane and outage.start <= row and (outage.end is None or row < outage.end)
            for outage in self.outages
        )


def plan(story: Story) -> Plan:
    """The rows of ``story``."""
    rows = _Planner(story).rows()
    return Plan(rows, tuple(_outages(story, rows)))


class _Planner:
    def __init__(self, story: Story) -> None:
        self._steps = story.steps
        self._number = {lane.key: number for number, lane in enumerate(story.lanes)}
        self._sends = {step.key: step for step in story.steps if isinstance(step, Send)}
        self._left: dict[str, int] = {}
        self._deliveries: Counter[tuple[str, str]] = Counter()
        self._names = _names(self._sends.values(), self._travelling())

    def rows(self) -> tuple[Row, ...]:
        rows: list[Row] = []
        last = ""
        for number, step in enumerate(self._steps):
            if isinstance(step, Send) and self._straight(number):
                self._left[step.key] = len(rows)
                continue
            at = getattr(step, "at", "") or self._sent_at(number, step)
            rows.append(Row("" if at == last else at, self._content(step, len(rows))))
            last = at or last
        return tuple(rows)

    def _content(self, step: Step, row: int) -> Content:
        match step:
            case Arrow():
                ends = self._number[step.source], self._number[step.target]
                return Journey(*ends, step.label, step.detail, step.kind)
            case Send():
                self._left[step.key] = row
                return self._departure(step)
            case Receive():
                return self._arrival(step, row)
            case _:
                return step

    def _departure(self, send: Send) -> Departure:
        lane = self._number[send.lane]
        goals = [step.lane for step in self._steps if isinstance(step, Receive) and step.key == send.key]
        goal = goals[0] if goals else send.toward
        beside = lane + 1 if lane + 1 < len(self._number) else max(lane - 1, 0)
        toward = self._number[goal] if goal else beside
        return Departure(lane, toward, self._names[send.key], send.detail, "travels" if goals else send.fate)

    def _arrival(self, step: Receive, row: int) -> Journey:
        send = self._sends[step.key]
        self._deliveries[step.key, step.lane] += 1
        attempt = step.attempt or self._deliveries[step.key, step.lane]
        left = self._left[step.key]
        details = (send.detail if left == row else "", step.detail)
        return Journey(
            self._number[send.lane],
            self._number[step.lane],
            self._names[step.key],
            "; ".join(dict.fromkeys(filter(None, details))),
            step.kind or ("redelivery" if attempt > 1 else "event"),
            attempt,
            None if left == row else left,
        )

    def _sent_at(self, number: int, step: Step) -> str:
        """The label of a straight Send for the Receive that draws it."""
        before = self._steps[number - 1] if number else None
        return before.at if isinstance(step, Receive) and isinstance(before, Send) and before.key == step.key else ""

    def _straight(self, number: int) -> bool:
        send = self._steps[number]
        after = self._steps[number + 1] if number + 1 < len(self._steps) else None
        if not isinstance(send, Send) or not isinstance(after, Receive) or after.key != send.key:
            return False
        return after.at in ("", send.at) or not send.at

    def _travelling(self) -> set[str]:
        """Keys of the messages that more than one row tells of."""
        straight = {
            step.key for number, step in enumerate(self._steps) if isinstance(step, Send) and self._straight(number)
        }
        arrivals = Counter(step.key for step in self._steps if isinstance(step, Receive))
        return {key for key in self._sends if arrivals[key] > 1 or (arrivals[key] and key not in straight)}


def _names(sends: Iterable[Send], travelling: set[str]) -> dict[str, str]:
    """The label of every message, numbered where two look alike and the reader would have to guess which arrives."""
    alike: dict[str, list[str]] = defaultdict(list)
    for send in sends:
        alike[send.label].append(send.key)
    names: dict[str, str] = {}
    for label, keys in alike.items():
        guess = len(keys) > 1 and not travelling.isdisjoint(keys)
        names |= {key: f"{label} #{number}" if guess else label for number, key in enumerate(keys, 1)}
    return names


def _outages(story: Story, rows: tuple[Row, ...]) -> Iterator[Outage]:
    number = {lane.key: index for index, lane in enumerate(story.lanes)}
    active = [_active(row.content, number) for row in rows]
    for start, row in enumerate(rows):
        if isinstance(row.content, Crash):
            lane = number[row.content.lane]
            back = (later for later in range(start + 1, len(rows)) if lane in active[later])
            yield Outage(lane, start, next(back, None))


def _active(content: Content, number: dict[str, int]) -> set[int]:
    """The lanes that take part; a message lost on its way does not reach its target."""
    match content:
        case Journey():
            parties = set[int]() if content.kind == "lost" else {content.target}
            return parties | ({content.source} if content.left is None else set())
        case Departure():
            return {content.lane}
        case Note() | Crash():
            return {number[content.lane]}
        case _:
            return set()
