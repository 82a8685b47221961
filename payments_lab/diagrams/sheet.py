"""A sheet of SVG: texts, lines, boxes and signs, in layers, with colours by meaning."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from payments_lab.diagrams.palette import LIGHT
from payments_lab.diagrams.typeface import is_exact, width

SIZE = 13.0
LAYERS = ("lives", "travels", "bands", "lines", "clearings", "boxes", "words")

_SIGNS = {
    "good": ("M-4.5 .3L-1.4 3.4L4.5 -3.8", 2.0),
    "warn": ("M0 -5L5.4 4.6H-5.4ZM0 -1.6V1.4M0 3V3.1", 1.4),
    "bad": ("M-3.6 -3.6L3.6 3.6M3.6 -3.6L-3.6 3.6", 2.0),
    "again": ("M4.3 1.4A4.5 4.5 0 1 1 3.4 -3M3.9 -5.6V-2.6H.9", 1.5),
    "crash": ("M1.4 -5.6L-3.2 1H-.2L-1.4 5.6L3.2 -1H.2Z", 1.2),
}
_COLOURS = {"again": "warn", "crash": "bad"}
SIGN_ROOM = 15.0


@dataclass(frozen=True, slots=True)
class Face:
    """How a text is set: its size in pixels, the height of its lines, its weight and slant."""

    size: float = SIZE
    lead: float = 17.0
    bold: bool = False
    italic: bool = False

    def width(self, text: str) -> float:
        return width(text, self.size, bold=self.bold)


LABEL = Face()
SMALL = Face(11.5, 15.0)
STRONG = Face(bold=True)
TITLE = Face(16.0, 21.0, bold=True)
ASIDE = Face(italic=True)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of one face, with a sign before the first."""

    lines: tuple[str, ...]
    face: Face = LABEL
    sign: str = ""

    @property
    def width(self) -> float:
        return max((self.face.width(line) for line in self.lines), default=0.0) + (SIGN_ROOM if self.sign else 0.0)

    @property
    def height(self) -> float:
        return len(self.lines) * self.face.lead


class Sheet:
    """What is drawn on it, in the order of the layers; the origin is at the top left, units are pixels."""

    def __init__(self) -> None:
        self._drawn: dict[str, list[str]] = {layer: [] for layer in LAYERS}

    def elements(self) -> list[str]:
        return [element for layer in LAYERS for element in self._drawn[layer]]

    def block(
        self, block: Block, left: float, top: float, *, colour: str = "ink", anchor: str = "start", clear: bool = True
    ) -> None:
        """A block of text; ``left`` is its left edge whatever the ``anchor`` of the lines within it.

        It clears the lines away that run behind it, unless it stands in a box.
        """
        face = block.face
        if clear and block.lines:
            self._clear(left - 3, top + 1, block.width + 6, block.height - 2)
        start = left + (SIGN_ROOM if block.sign else 0.0)
        room = block.width - (start - left)
        share = {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
        if block.sign:
            spare = room - face.width(block.lines[0])
            self.sign(block.sign, left + 5.0 + spare * share, top + face.lead / 2)
        for number, line in enumerate(block.lines):
            base = top + number * face.lead + (face.lead + face.size * 0.7) / 2
            self._text(line, start + room * share, base, face, colour, anchor)

    def line(self, path: str, colour: str, *, width: float = 1.5, dash: str = "", layer: str = "lines") -> None:
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._drawn[layer].append(
            f'<path class="stroke-{colour}" d="{path}" fill="none" stroke="{LIGHT[colour]}" '
            f'stroke-width="{number(width)}"{dashed} stroke-linecap="{"butt" if dash else "round"}" '
            'stroke-linejoin="round"/>'
        )

    def shape(self, path: str, colour: str, *, layer: str = "lines") -> None:
        self._drawn[layer].append(f'<path class="fill-{colour}" d="{path}" fill="{LIGHT[colour]}"/>')

    def box(
        self, left: float, top: float, width: float, height: float, fill: str, stroke: str, layer: str = "boxes"
    ) -> None:
        self._drawn[layer].append(
            f'<rect class="fill-{fill} stroke-{stroke}" x="{number(left)}" y="{number(top)}" width="{number(width)}" '
            f'height="{number(height)}" rx="4" fill="{LIGHT[fill]}" stroke="{LIGHT[stroke]}"/>'
        )

    def dot(self, x: float, y: float, colour: str) -> None:
        self._drawn["lines"].append(
            f'<circle class="fill-{colour}" cx="{number(x)}" cy="{number(y)}" r="3.5" fill="{LIGHT[colour]}"/>'
        )

    def sign(self, sign: str, x: float, y: float) -> None:
        """A small sign around a point; signs tell without colour what colours tell."""
        path, thick = _SIGNS[sign]
        colour = _COLOURS.get(sign, sign)
        fill = f'class="fill-{colour} stroke-{colour}" fill="{LIGHT[colour]}"'
        bare = f'class="stroke-{colour}" fill="none"'
        self._drawn["words"].append(
            f'<path {fill if sign == "crash" else bare} d="{path}" transform="translate({number(x)} {number(y)})" '
            f'stroke="{LIGHT[colour]}" stroke-width="{number(thick)}" stroke-linecap="round" stroke-linejoin="round"/>'
        )

    def _clear(self, left: float, top: float, width: float, height: float) -> None:
        self._drawn["clearings"].append(
            f'<rect class="fill-paper" x="{number(left)}" y="{number(top)}" width="{number(width)}" '
            f'height="{number(height)}" fill="{LIGHT["paper"]}"/>'
        )

    def _text(self, line: str, x: float, base: float, face: Face, colour: str, anchor: str) -> None:
        attributes = [f'class="fill-{colour}"', f'x="{number(x)}"', f'y="{number(base)}"']
        if anchor != "start":
            attributes.append(f'text-anchor="{anchor}"')
        if face.size != SIZE:
            attributes.append(f'font-size="{number(face.size)}"')
        if face.bold:
            attributes.append('font-weight="700"')
        if face.italic:
            attributes.append('font-style="italic"')
        if is_exact(line):
            attributes.append(f'textLength="{number(face.width(line))}" lengthAdjust="spacingAndGlyphs"')
        attributes.append(f'fill="{LIGHT[colour]}"')
        self._drawn["words"].append(f"<text {' '.join(attributes)}>{escaped(line)}</text>")


def escaped(text: str) -> str:
    """What may stand between two tags."""
    return escape(text, quote=False)


def number(value: float) -> str:
    """A length with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
