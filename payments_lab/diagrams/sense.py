"""Whether a story makes sense; and if not, what is wrong with which step and what to try."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, get_args

from payments_lab.diagrams.story import (
    Arrow,
    Crash,
    Fate,
    Gap,
    Kind,
    Lane,
    Mark,
    Note,
    Receive,
    Send,
    Step,
    Story,
    Tone,
)


class StoryError(ValueError):
    """The story makes no sense; the message names the step and says what to try."""


def check(story: Story) -> None:
    """Raise StoryError for the first thing that makes no sense."""
    _check_lanes(story.lanes)
    keys = [lane.key for lane in story.lanes]
    sent: dict[str, int] = {}
    for number, step in enumerate(story.steps, 1):
        _check_step(number, step)
        for lane in _lanes_of(step):
            if lane not in keys:
                raise StoryError(f"step {number} names the lane {lane!r}, which {_instead(lane, keys, 'lanes')}")
        if isinstance(step, Send):
            _check_send(number, step, sent)
        if isinstance(step, Receive):
            _check_receive(number, step, sent, story.steps)


def _check_lanes(lanes: Iterable[Any]) -> None:
    seen: set[str] = set()
    for lane in lanes:
        if not isinstance(lane, Lane):
            raise StoryError(f"{lane!r} is no lane; write Lane('key', 'Title')")
        if lane.key in seen:
            raise StoryError(f"two lanes have the key {lane.key!r}; steps could not tell them apart")
        seen.add(lane.key)
    if not seen:
        raise StoryError("a story needs at least one lane, such as Lane('payments', 'Payments')")


def _check_step(number: int, step: Any) -> None:
    if not isinstance(step, Step):
        names = ", ".join(kind.__name__ for kind in get_args(Step))
        raise StoryError(f"step {number} is {step!r}; a step is one of {names}")
    if isinstance(step, Arrow):
        _check_word(number, "kind", step.kind, get_args(Kind))
    if isinstance(step, Note):
        _check_word(number, "tone", step.tone, get_args(Tone))
    if isinstance(step, Mark) and isinstance(step.lanes, str):
        raise StoryError(f"step {number} marks the lanes {step.lanes!r}; write a list, such as [{step.lanes!r}]")


def _check_send(number: int, step: Send, sent: dict[str, int]) -> None:
    _check_word(number, "fate", step.fate, get_args(Fate))
    if step.key in sent:
        raise StoryError(
            f"step {number} sends {step.key!r}, as step {sent[step.key]} did before; a message is sent once and may be "
            "received many times, so another message needs a key of its own"
        )
    sent[step.key] = number


def _check_receive(number: int, step: Receive, sent: dict[str, int], steps: Iterable[Step]) -> None:
    if step.kind is not None:
        _check_word(number, "kind", step.kind, get_args(Kind))
    if step.attempt is not None and step.attempt < 1:
        raise StoryError(f"step {number} is attempt {step.attempt}; attempts are counted from 1")
    if step.key in sent:
        return
    for later, other in enumerate(steps, 1):
        if isinstance(other, Send) and other.key == step.key:
            raise StoryError(
                f"step {number} receives {step.key!r}, which only step {later} sends; a message cannot arrive before "
                "it leaves, so change the order of the two"
            )
    raise StoryError(
        f"step {number} receives {step.key!r}, which {_instead(step.key, sent, 'messages sent')}; put "
        f"Send({step.key!r}, lane, label) before it"
    )


def _check_word(number: int, what: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise StoryError(f"step {number} has the {what} {word!r}, which {_instead(word, known, f'{what}s')}")


def _instead(word: str, known: Iterable[str], what: str) -> str:
    names = list(known)
    near = get_close_matches(word, names, n=1)
    if near:
        return f"is not there; did you mean {near[0]!r}?"
    return f"is not there; the {what} are {', '.join(map(repr, names))}" if names else "is not there; nothing is yet"


def _lanes_of(step: Step) -> tuple[str, ...]:
    match step:
        case Arrow():
            return (step.source, step.target)
        case Send():
            return (step.lane, step.toward) if step.toward else (step.lane,)
        case Receive() | Note() | Crash():
            return (step.lane,)
        case Mark():
            return tuple(step.lanes)
        case Gap():
            return ()
