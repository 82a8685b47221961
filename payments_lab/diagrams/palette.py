"""The colours of the pictures, by what they mean, on light paper and on dark.

Every colour of a word reaches a contrast of 4.5 on what it stands on, every line 3 on the paper. The light colours are
attributes of the shapes themselves, so a viewer that knows no style sheet shows them; the style sheet turns them dark
where the reader's system, or the page around the picture, is dark.
"""

from __future__ import annotations

PICTURE = "story-picture"

LIGHT = {
    "paper": "#fffefb",
    "edge": "#ddd8cb",
    "head": "#f3efe4",
    "life": "#8f8979",
    "ink": "#26241f",
    "soft": "#625c50",
    "event": "#2b5797",
    "good": "#27693a",
    "warn": "#8a5000",
    "bad": "#b3261e",
    "note": "#f8f5ec",
    "good-note": "#eaf4ea",
    "warn-note": "#fcf1da",
    "bad-note": "#fcebe8",
}
DARK = {
    "paper": "#1b1d21",
    "edge": "#3b3f46",
    "head": "#2a2d33",
    "life": "#7f858f",
    "ink": "#ebe8e1",
    "soft": "#b4afa4",
    "event": "#8ab4f0",
    "good": "#81cb96",
    "warn": "#ebb761",
    "bad": "#ff8f84",
    "note": "#24272c",
    "good-note": "#1e3225",
    "warn-note": "#372c16",
    "bad-note": "#3f2220",
}
_JUPYTER = {"paper": "--jp-layout-color1", "ink": "--jp-content-font-color1", "edge": "--jp-border-color2"}


def style_sheet() -> str:
    """The rules for every picture, scoped to its class; ``fill-x`` and ``stroke-x`` take the colour named x."""
    fills = "".join(
        f".{PICTURE} .fill-{name}{{fill:var(--{name})}}.{PICTURE} .stroke-{name}{{stroke:var(--{name})}}"
        for name in LIGHT
    )
    return (
        "@supports (color:var(--x)){"
        f".{PICTURE}{{{_variables(LIGHT)}}}"
        f"@media (prefers-color-scheme:dark){{.{PICTURE}{{{_variables(DARK)}}}}}"
        f'[data-jp-theme-light="true"] .{PICTURE}{{{_variables(LIGHT, _JUPYTER)}}}'
        f'[data-jp-theme-light="false"] .{PICTURE}{{{_variables(DARK, _JUPYTER)}}}'
        f"{fills}}}"
    )


def _variables(colours: dict[str, str], themed: dict[str, str] | None = None) -> str:
    names = themed or {}
    return ";".join(
        f"--{name}:var({names[name]},{colour})" if name in names else f"--{name}:{colour}"
        for name, colour in colours.items()
    )
