"""A story as a Mermaid sequence diagram, for the pages that draw those.

Source: https://mermaid.js.org/syntax/sequenceDiagram.html (arrows, notes, entity codes).
"""

from __future__ import annotations

import re

from payments_lab.diagrams.plan import Content, Departure, Journey, plan
from payments_lab.diagrams.story import Crash, Gap, Mark, Note, Story
from payments_lab.diagrams.wrapping import clean

_ARROWS = {"event": "->>", "call": "->>", "reply": "-->>", "error": "-->>", "redelivery": "-->>", "lost": "-x"}
_SIGNS = {"error": "✗ ", "redelivery": "↻ ", "plain": "", "good": "✓ ", "warn": "! ", "bad": "✗ "}
_FATES = {"travels": "sends {}", "pending": "sends {} (on its way)", "lost": "sends {} (lost)"}

# Mermaid takes apart some words before it parses: "style" and "classDef" in its search for entity codes, and "wrap:" or
# "nowrap:" at the start of a text. An entity code for the first letter keeps them whole.
_SPECIAL_WORDS = re.compile(r"style|classDef|^:?(?:no)?wrap:")
_SYNTAX = frozenset("#;<>{}[]\"'`%&\\|@$")
_PLACEHOLDERS = frozenset("ﬂ°¶ß")


def to_mermaid(story: Story) -> str:
    """Lines of a ``sequenceDiagram``; lanes are called L1, L2, … so that any title is allowed."""
    writer = _Writer(story)
    lines = [f"title {escape(story.title)}"] if clean(story.title) else []
    lines += [f"participant L{number} as {escape(lane.title)}" for number, lane in enumerate(story.lanes, 1)]
    for row in plan(story).rows:
        at = f"{row.at} · " if row.at else ""
        lines += writer.lines(row.content, at)
    if clean(story.conclusion):
        lines.append(writer.across(story.conclusion))
    return "\n".join(["sequenceDiagram", *(f"    {line}" for line in lines)])


def escape(text: str) -> str:
    """``text`` on one line, with entity codes for what Mermaid would read as syntax; never empty."""
    whole = clean(text)
    heads = {found.start() for found in _SPECIAL_WORDS.finditer(whole)}
    return "".join(_letter(letter, number in heads) for number, letter in enumerate(whole)) or _code("\u200b")


def _letter(letter: str, head: bool) -> str:
    return _code(letter) if head or letter in _SYNTAX or letter in _PLACEHOLDERS else letter


def _code(letter: str) -> str:
    return f"#{ord(letter)};"


class _Writer:
    def __init__(self, story: Story) -> None:
        self._name = {lane.key: f"L{number}" for number, lane in enumerate(story.lanes, 1)}
        self._whole = "L1" if len(story.lanes) == 1 else f"L1,L{len(story.lanes)}"

    def lines(self, content: Content, at: str) -> list[str]:
        match content:
            case Journey():
                return [self._journey(content, at)]
            case Departure():
                text = _with_detail(_FATES[content.fate].format(content.label), content.detail)
                return [f"Note over L{content.lane + 1}: {escape(at + text)}"]
            case Note():
                return [f"Note over {self._name[content.lane]}: {escape(at + _SIGNS[content.tone] + content.text)}"]
            case Crash():
                return [f"Note over {self._name[content.lane]}: {escape(at + '✗ ' + content.text)}"]
            case Mark():
                return ["rect rgba(200, 40, 30, 0.15)", self.across(f"{at}✗ {content.text}"), "end"]
            case Gap():
                return [self.across(f"… {content.text} …")]

    def across(self, text: str) -> str:
        return f"Note over {self._whole}: {escape(text)}"

    def _journey(self, journey: Journey, at: str) -> str:
        arrow = _ARROWS[journey.kind]
        if journey.left is not None and journey.kind != "lost":
            arrow = arrow.replace(">>", ")")
        attempt = f" (attempt {journey.attempt})" if journey.attempt > 1 else ""
        text = _with_detail(f"{at}{_SIGNS.get(journey.kind, '')}{journey.label}{attempt}", journey.detail)
        return f"L{journey.source + 1}{arrow}L{journey.target + 1}: {escape(text)}"


def _with_detail(text: str, detail: str) -> str:
    return f"{text} · {detail}" if detail else text
