"""A story: lanes, and what happened on and between them, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Tone = Literal["plain", "good", "warn", "bad"]


class StoryError(ValueError):
    """The story makes no sense; the message names the step."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One party; ``key`` is how steps name it, ``title`` how people do."""

    key: str
    title: str


@dataclass(frozen=True, slots=True)
class Send:
    """A message leaves ``lane``; it arrives where a Receive with the same ``key`` says, later or never."""

    key: str
    lane: str
    label: str


@dataclass(frozen=True, slots=True)
class Receive:
    """The message ``key`` arrives at ``lane``; ``again`` marks a redelivery or a duplicate, ``note`` says more."""

    key: str
    lane: str
    again: bool = False
    note: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Call:
    """A call and its answer are two of these, in opposite directions; ``lost`` never arrives."""

    source: str
    target: str
    label: str
    tone: Tone = "plain"
    reply: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened on one lane."""

    lane: str
    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Crash:
    """The party on ``lane`` loses its memory."""

    lane: str
    text: str = "crashes"


@dataclass(frozen=True, slots=True)
class Mark:
    """The place in the story where something broke, across all lanes."""

    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Time passes."""

    text: str


Step = Send | Receive | Call | Note | Crash | Mark | Gap


@dataclass(frozen=True, slots=True)
class Story:
    """Lanes from left to right, and steps from top to bottom.

    Shows itself as SVG in a notebook and as text elsewhere. Raises StoryError for a step on an unknown lane, two sends
    with one key, or a receive of what nobody sent.
    """

    title: str
    lanes: tuple[Lane, ...]
    steps: tuple[Step, ...]
    conclusion: str = ""

    def __post_init__(self) -> None:
        _check(self)

    def text(self) -> str:
        """The story as a diagram of characters."""
        from payments_lab.diagrams.text import to_text

        return to_text(self)

    def svg(self) -> str:
        """The story as one self-contained SVG element, without scripts."""
        from payments_lab.diagrams.svg import to_svg

        return to_svg(self)

    def mermaid(self) -> str:
        """The story as a Mermaid ``sequenceDiagram``."""
        from payments_lab.diagrams.mermaid import to_mermaid

        return to_mermaid(self)

    def sends(self) -> dict[str, Send]:
        return {step.key: step for step in self.steps if isinstance(step, Send)}

    def __str__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": self.text(), "image/svg+xml": self.svg()}


def _check(story: Story) -> None:
    lanes = {lane.key for lane in story.lanes}
    if not lanes:
        raise StoryError("a story needs at least one lane")
    if len(lanes) != len(story.lanes):
        raise StoryError("two lanes have the same key")
    sent: set[str] = set()
    for number, step in enumerate(story.steps, 1):
        for lane in _lanes_of(step):
            if lane not in lanes:
                raise StoryError(f"step {number} is on the lane {lane!r}, but the lanes are {', '.join(sorted(lanes))}")
        if isinstance(step, Send):
            if step.key in sent:
                raise StoryError(f"step {number} sends {step.key!r} a second time; give it a key of its own")
            sent.add(step.key)
        if isinstance(step, Receive) and step.key not in sent:
            raise StoryError(f"step {number} receives {step.key!r}, which nobody has sent before")


def _lanes_of(step: Step) -> tuple[str, ...]:
    if isinstance(step, Call):
        return (step.source, step.target)
    if isinstance(step, Send | Receive | Note | Crash):
        return (step.lane,)
    return ()
