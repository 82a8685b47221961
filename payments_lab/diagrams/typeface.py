"""How wide a text is in the sans-serif of the diagrams, known without a font at hand.

The widths are the advances of Helvetica, which Arial, Liberation Sans, Nimbus Sans and Arimo share by design, in
thousandths of the size. Source: https://github.com/liberationfonts (Liberation Sans), read with fontTools.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from payments_lab.diagrams.wrapping import clusters

FAMILY = "Helvetica, Arial, 'Liberation Sans', Arimo, 'Nimbus Sans', sans-serif"
ASCENT = 0.93
DESCENT = 0.24

_REGULAR = {
    191: "'",
    222: "ijl‘’",
    260: "|¦",
    278: " !,./:;I[\\]ft·",
    333: "()-`r¡¨´¸“”",
    334: "{}",
    350: "•",
    355: '"',
    389: "*",
    400: "°",
    469: "^",
    500: "Jcksvxyz↑↓",
    537: "¶",
    549: "±÷≈≠≤≥",
    556: "#$0123456789?L_abdeghnopqu¢£¤¥§«»€–",
    584: "+<=>~¬×−",
    611: "FTZ¿ß",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    737: "©®",
    778: "GOQ",
    833: "Mm",
    834: "¼½¾",
    889: "%",
    944: "W",
    1000: "Ææ—…←→",
    1015: "@",
}
_BOLD = {
    238: "'",
    278: " ,./I\\ijl·‘’",
    280: "|¦",
    333: "!()-:;[]`ft¡¨´¸",
    350: "•",
    389: "*r{}",
    400: "°",
    474: '"',
    500: "z“”↑↓",
    549: "±÷≈≠≤≥",
    556: "#$0123456789J_aceksvxy¢£¤¥§«¶»€–",
    584: "+<=>^~¬×−",
    611: "?FLTZbdghnopqu¿ß",
    667: "EPSVXY",
    722: "&ABCDHKNRU",
    737: "©®",
    778: "GOQw",
    833: "M",
    834: "¼½¾",
    889: "%mæ",
    944: "W",
    975: "@",
    1000: "Æ—…←→",
}
_WIDTHS = tuple({letter: wide for wide, letters in face.items() for letter in letters} for face in (_REGULAR, _BOLD))
_OVERLONG = {"⸺": 2200, "⸻": 3200, "﷽": 12000, "𒐫": 4000, "꧅": 3000, "𒈙": 4000, "𒁎": 4000}


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Pixels that ``text`` takes at ``size`` pixels; for letters that are not in the table, more rather than less.

    Whole numbers are added up, so that a text is as wide on every machine and in every Python.
    """
    return sum(_thousandths(cluster, bold) for cluster in clusters(text)) * size / 1000


def is_exact(text: str) -> bool:
    """Whether every letter of ``text`` is in the table, so that its width is known and not only bounded."""
    return all(_known(cluster, False) is not None for cluster in clusters(text))


@cache
def _thousandths(cluster: str, bold: bool) -> int:
    known = _known(cluster, bold)
    if known is not None:
        return known
    return max(sum(_bound(letter) for letter in cluster if unicodedata.category(letter) not in ("Mn", "Me", "Cf")), 300)


@cache
def _known(cluster: str, bold: bool) -> int | None:
    """The width from the table; an accent does not widen its letter."""
    letters = [letter for letter in unicodedata.normalize("NFD", cluster) if not unicodedata.combining(letter)]
    return _WIDTHS[bold].get(letters[0]) if len(letters) == 1 else None


def _bound(letter: str) -> int:
    if letter in _OVERLONG:
        return _OVERLONG[letter]
    if unicodedata.category(letter) == "So":
        return 1400
    if unicodedata.east_asian_width(letter) in "WF":
        return 1100
    return 1150 if letter.isupper() else 1000
