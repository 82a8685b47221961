"""How wide a text is, on the safe side, in a common sans-serif font; and where to break it."""

from __future__ import annotations

import unicodedata

_NARROW = set("iljtfrI.,:;'|!()[]{}` ")
_WIDE = set("mwMW@%#&—…→←●")


def width(text: str, size: float) -> float:
    """Pixels that ``text`` takes at ``size`` pixels, overestimated rather than underestimated."""
    return sum(_em(character) for character in text) * size


def columns(text: str) -> int:
    """Cells that ``text`` takes in a terminal."""
    return sum(_cells(character) for character in text)


def wrap(text: str, limit: int) -> list[str]:
    """Lines of at most ``limit`` terminal cells, broken at spaces, or within a word that is longer."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        for piece in _pieces(word, limit):
            candidate = f"{line} {piece}" if line else piece
            if line and columns(candidate) > limit:
                lines.append(line)
                candidate = piece
            line = candidate
    return [*lines, line] if line else lines or [""]


def _pieces(word: str, limit: int) -> list[str]:
    pieces: list[str] = []
    piece = ""
    for character in word:
        if piece and columns(piece + character) > limit:
            pieces.append(piece)
            piece = ""
        piece += character
    return [*pieces, piece]


def _em(character: str) -> float:
    if _cells(character) == 2:
        return 1.1
    if character in _NARROW:
        return 0.36
    if character in _WIDE or character.isupper():
        return 0.85 if character in _WIDE else 0.74
    return 0.6


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
