"""Texts made safe to show, cut into what the eye sees as characters, and broken into lines."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

Measure = Callable[[str], float]

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_JOINER = "\N{ZERO WIDTH JOINER}"
_JOINERS = (_JOINER, "\N{ZERO WIDTH NON-JOINER}")
_EMOJI_STYLE = "\N{VARIATION SELECTOR-16}"
_BREAK_AFTER = frozenset("_.:/-,=&?|;)]}、。，：；！？")


def clean(text: str) -> str:
    """``text`` on one line, with nothing that a terminal would obey or that XML cannot carry.

    White space becomes single blanks; controls, marks that turn the direction of writing, lone surrogates and
    noncharacters become the replacement character.
    """
    safe = text if text.isprintable() else "".join(map(_safe, text))
    return " ".join(safe.split())


def clusters(text: str) -> Iterator[str]:
    """What the eye sees as one character: a letter with its accents, an emoji of several parts, a flag."""
    if text.isascii() or not any(map(_may_belong, text)):
        yield from text
        return
    cluster = ""
    for character in text:
        if cluster and not _belongs(character, cluster):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def cells(text: str) -> int:
    """Cells that ``text`` takes in a terminal."""
    return len(text) if text.isascii() else sum(map(cells_of, clusters(text)))


@lru_cache(4096)
def cells_of(cluster: str) -> int:
    """Cells of one cluster: 2 for East Asian wide characters and emoji, 0 for an accent that stands alone, else 1."""
    first = cluster[0]
    if unicodedata.east_asian_width(first) in "WF" or _EMOJI_STYLE in cluster or _is_flag(cluster):
        return 2
    return 0 if unicodedata.category(first) in ("Mn", "Me", "Cf") else 1


def wrap(text: str, limit: float, measure: Measure = cells, *, even: bool = True) -> list[str]:
    """Lines that measure at most ``limit``, if wanted as even as their number allows; never empty.

    Broken at blanks, else behind a sign such as ``_`` or ``/``, else anywhere between two clusters. Only a single
    cluster may be wider than the limit.
    """
    words = clean(text).split()
    lines = _fill(words, limit, measure)
    return (_evened(words, lines, limit, measure) if even and len(lines) > 1 else lines) or [""]


def _evened(words: list[str], lines: list[str], limit: float, measure: Measure) -> list[str]:
    """The same number of lines with the last one as full as the others can make it."""
    low, high = limit / 2, limit
    while high - low > max(1.0, limit / 32):
        middle = (low + high) / 2
        if len(_fill(words, middle, measure)) == len(lines):
            high = middle
        else:
            low = middle
    even = _fill(words, high, measure)
    return even if len(even) == len(lines) and _pieces_in(even) <= _pieces_in(lines) else lines


def _pieces_in(lines: list[str]) -> int:
    """In how many pieces the words are; whole words matter more than even lines."""
    return sum(len(line.split()) for line in lines)


def _fill(words: list[str], limit: float, measure: Measure) -> list[str]:
    lines = [""]
    for word in words:
        glue = " " if lines[-1] else ""
        for part in [word] if measure(word) <= limit else _parts(word):
            if measure(lines[-1] + glue + part) <= limit:
                lines[-1] += glue + part
            elif measure(part) <= limit:
                lines.append(part)
            else:
                _cut(lines, glue, part, limit, measure)
            glue = ""
    return [line for line in lines if line]


def _cut(lines: list[str], glue: str, part: str, limit: float, measure: Measure) -> None:
    """Add what fits on no line, cluster by cluster; on the last line if that is half empty, else on a new one."""
    if measure(lines[-1]) > limit / 2:
        lines.append("")
    elif lines[-1]:
        lines[-1] += glue
    for cluster in clusters(part):
        if lines[-1] and measure(lines[-1] + cluster) > limit:
            lines.append("")
        lines[-1] += cluster


def _parts(word: str) -> Iterator[str]:
    """A long word, cut behind its signs."""
    part = ""
    for cluster in clusters(word):
        if part and part[-1] in _BREAK_AFTER and cluster not in _BREAK_AFTER:
            yield part
            part = ""
        part += cluster
    yield part


def _belongs(character: str, cluster: str) -> bool:
    if _is_regional(character):
        return _is_regional(cluster) or cluster.endswith(_JOINER)
    return _may_belong(character) or cluster.endswith(_JOINER)


@lru_cache(4096)
def _may_belong(character: str) -> bool:
    """Whether a character can be part of the one before it; a flag is two regional letters."""
    if character in _JOINERS or unicodedata.category(character) in ("Mn", "Me"):
        return True
    return 0x1F3FB <= ord(character) <= 0x1F3FF or _is_regional(character)


def _is_flag(cluster: str) -> bool:
    return len(cluster) == 2 and _is_regional(cluster[0])


def _is_regional(text: str) -> bool:
    return len(text) == 1 and 0x1F1E6 <= ord(text) <= 0x1F1FF


def _safe(character: str) -> str:
    if character.isspace():
        return " "
    code = ord(character)
    category = unicodedata.category(character)
    if category in ("Cc", "Cs") or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
        return _REPLACEMENT
    if category == "Cf" and character not in _JOINERS:
        return _REPLACEMENT if unicodedata.bidirectional(character) in _TURNS else ""
    return character


_TURNS = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))
