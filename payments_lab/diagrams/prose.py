"""A story told in sentences: what a screen reader says of the picture."""

from __future__ import annotations

from payments_lab.diagrams.plan import Content, Departure, Journey, plan
from payments_lab.diagrams.story import Crash, Gap, Mark, Note, Story
from payments_lab.diagrams.wrapping import clean

_TOLD = {
    "event": "{source} tells {target}: {label}",
    "call": "{source} asks {target}: {label}",
    "reply": "{source} answers {target}: {label}",
    "error": "{source} answers {target} with an error: {label}",
    "redelivery": "{source} tells {target} again{attempt}: {label}",
    "lost": "{source} sends to {target}, but it is lost: {label}",
}
_ARRIVED = {
    "event": "{target} hears from {source}: {label}",
    "call": "{target} is asked by {source}: {label}",
    "reply": "{target} hears the answer of {source}: {label}",
    "error": "{target} hears of an error from {source}: {label}",
    "redelivery": "{target} hears again{attempt} from {source}: {label}",
    "lost": "{target} misses what {source} sent{attempt}: {label}",
}
_FATES = {"travels": "", "pending": ", which is still on its way", "lost": ", which is lost"}
_TONES = {"plain": "", "good": " (good)", "warn": " (watch out)", "bad": " (bad)"}


def to_prose(story: Story) -> str:
    """The title, one numbered sentence a row, and the conclusion, a line each."""
    teller = _Teller(story)
    lines: list[str] = []
    for number, row in enumerate(plan(story).rows, 1):
        at = f"{clean(row.at)}: " if row.at else ""
        lines.append(f"{number}. {at}{teller.sentence(row.content)}.")
    return "\n".join(filter(None, [clean(story.title), *lines, clean(story.conclusion)]))


class _Teller:
    def __init__(self, story: Story) -> None:
        self._titles = [clean(lane.title) for lane in story.lanes]
        self._of = {lane.key: clean(lane.title) for lane in story.lanes}

    def sentence(self, content: Content) -> str:
        match content:
            case Journey():
                return self._journey(content)
            case Departure():
                lane, detail = self._titles[content.lane], _small(content.detail)
                return f"{lane} sends: {clean(content.label)}{detail}{_FATES[content.fate]}"
            case Note():
                return f"{self._of[content.lane]}{_TONES[content.tone]}: {clean(content.text)}"
            case Crash():
                return f"{self._of[content.lane]} goes down: {clean(content.text)}"
            case Mark():
                lanes = ", ".join(self._of[lane] for lane in content.lanes)
                return f"Here it breaks{f' ({lanes})' if lanes else ''}: {clean(content.text)}"
            case Gap():
                return f"Meanwhile: {clean(content.text)}"

    def _journey(self, journey: Journey) -> str:
        told = (_TOLD if journey.left is None else _ARRIVED)[journey.kind].format(
            source=self._titles[journey.source],
            target="itself" if journey.source == journey.target else self._titles[journey.target],
            label=clean(journey.label),
            attempt=f" (attempt {journey.attempt})" if journey.attempt > 1 else "",
        )
        return told + _small(journey.detail)


def _small(detail: str) -> str:
    return f" ({clean(detail)})" if detail else ""
