"""The words of a drawn story, broken into lines: labels, small print, remarks."""

from __future__ import annotations

from dataclasses import dataclass

from payments_lab.diagrams.plan import Departure, Journey
from payments_lab.diagrams.sheet import LABEL, SIGN_ROOM, SMALL, Block, Face
from payments_lab.diagrams.story import Crash, Note
from payments_lab.diagrams.wrapping import clean, wrap

TIME = 90.0
NARROWEST_WORDS = 40.0
NARROWEST_REMARK = 140.0


@dataclass(frozen=True, slots=True)
class Stroke:
    """How the line of a message is drawn."""

    colour: str
    dash: str = ""
    filled: bool = True
    sign: str = ""


STROKES = {
    "event": Stroke("event"),
    "call": Stroke("ink"),
    "reply": Stroke("ink", "5 4", filled=False),
    "error": Stroke("bad", "5 4", filled=False, sign="bad"),
    "redelivery": Stroke("warn", "9 4", sign="again"),
    "lost": Stroke("soft"),
}


def block(text: str, room: float, face: Face = LABEL, sign: str = "", *, even: bool = True) -> Block:
    """The text wrapped to ``room`` pixels with its sign; no lines for no text."""
    if not clean(text):
        return Block((), face)
    inner = max(room - (SIGN_ROOM if sign else 0.0), NARROWEST_WORDS)
    return Block(tuple(wrap(text, inner, face.width, even=even)), face, sign)


def label(message: Journey | Departure, room: float) -> Block:
    """What is said: the label, and with which attempt it arrives."""
    if isinstance(message, Departure):
        return block(message.label, room)
    attempt = f" (attempt {message.attempt})" if message.attempt > 1 else ""
    return block(message.label + attempt, room, sign=STROKES[message.kind].sign)


def small(text: str, room: float) -> Block:
    """Small print."""
    return block(text, room, SMALL)


def time(text: str) -> Block:
    """The label in the margin."""
    return block(text, TIME, SMALL)


def remark(said: Note | Crash, room: float) -> Block:
    """What stands in a box on a lane."""
    sign = "crash" if isinstance(said, Crash) else "" if said.tone == "plain" else said.tone
    return block(said.text, max(room, NARROWEST_REMARK), sign=sign)


def width(message: Journey | Departure, room: float) -> float:
    """The width of a message's label and small print, wrapped to ``room``."""
    return max(label(message, room).width, small(message.detail, room).width)
