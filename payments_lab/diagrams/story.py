"""A story: lanes, and what happened on and between them, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["event", "call", "reply", "error", "redelivery", "lost"]
Tone = Literal["plain", "good", "warn", "bad"]
Fate = Literal["pending", "lost"]


@dataclass(frozen=True, slots=True)
class Lane:
    """One party; ``key`` is how steps name it, ``title`` how people do."""

    key: str
    title: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """A message that leaves and arrives in one step; from a lane to itself it is a loop.

    ``detail`` is the small print under the label, ``at`` a label in the margin: a time, a step's number.

    - ``event``: something is told;
    - ``call``: something is asked, and ``reply`` or ``error`` is the answer, an arrow the other way;
    - ``redelivery``: the same once more;
    - ``lost``: it leaves ``source`` and never reaches ``target``.
    """

    source: str
    target: str
    label: str
    detail: str = ""
    kind: Kind = "event"
    at: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    """A message leaves ``lane``; every Receive with the same ``key`` is an arrival of it, now or many steps later.

    For a message that no step receives, ``fate`` says whether it is still on its way or lost, and ``toward`` where it
    was going (the lane beside it, when left out).
    """

    key: str
    lane: str
    label: str
    detail: str = ""
    fate: Fate = "pending"
    toward: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Receive:
    """The message ``key`` arrives at ``lane``.

    ``attempt`` counts the deliveries to this lane from 1, by itself when left out; all but the first are redeliveries.
    ``kind`` is one of an Arrow's, where it is something else: ``lost`` never reaches the lane.
    """

    key: str
    lane: str
    attempt: int | None = None
    kind: Kind | None = None
    detail: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened on one lane."""

    lane: str
    text: str
    tone: Tone = "plain"
    at: str = ""


@dataclass(frozen=True, slots=True)
class Crash:
    """The party on ``lane`` stops and loses its memory; it is down until it next takes part in a step."""

    lane: str
    text: str = "crashes"
    at: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """The place in the story where something broke: across all lanes, in red; ``lanes`` are those that it concerns."""

    text: str
    lanes: Sequence[str] = ()
    at: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Time passes."""

    text: str


Step = Arrow | Send | Receive | Note | Crash | Mark | Gap


@dataclass(frozen=True, slots=True)
class Story:
    """Lanes from left to right, steps from top to bottom, and what to take away from it.

    Shows itself as SVG in a notebook and as text elsewhere; the same story gives the same bytes. Raises StoryError for
    a story that makes no sense, and says which step.
    """

    title: str
    lanes: Sequence[Lane]
    steps: Sequence[Step] = ()
    conclusion: str = ""

    def __post_init__(self) -> None:
        from payments_lab.diagrams.sense import check

        object.__setattr__(self, "lanes", tuple(self.lanes))
        object.__setattr__(self, "steps", tuple(self.steps))
        check(self)

    def text(self, width: int | None = None, *, ascii: bool = False) -> str:
        """The story as a diagram of characters; see :func:`payments_lab.diagrams.text.to_text`."""
        from payments_lab.diagrams.text import to_text

        return to_text(self, width, ascii=ascii)

    def svg(self) -> str:
        """The story as one self-contained SVG element, without scripts."""
        from payments_lab.diagrams.svg import to_svg

        return to_svg(self)

    def mermaid(self) -> str:
        """The story as a Mermaid ``sequenceDiagram``."""
        from payments_lab.diagrams.mermaid import to_mermaid

        return to_mermaid(self)

    def prose(self) -> str:
        """The story told in numbered sentences, for those who listen to it."""
        from payments_lab.diagrams.prose import to_prose

        return to_prose(self)

    def __str__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": self.text(), "image/svg+xml": self.svg()}
