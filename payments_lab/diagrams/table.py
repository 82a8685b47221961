"""Rows and columns, for documents and comparisons: as text, and as HTML that follows the notebook's theme."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, cast

from payments_lab.diagrams.measure import columns as cells_wide
from payments_lab.diagrams.measure import wrap

WIDEST_CELL = 40


@dataclass(frozen=True, slots=True)
class Table:
    """``rows`` of values under ``columns``; numbers stand on the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    title: str = ""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} has {len(row)} values for {len(self.columns)} columns")

    @classmethod
    def of_documents(
        cls, documents: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None, title: str = ""
    ) -> Table:
        """One row a document; without ``columns``, every field that any of them has."""
        found = list(documents)
        names = tuple(columns) if columns else tuple(dict.fromkeys(name for document in found for name in document))
        return cls(names, tuple(tuple(document.get(name, "") for name in names) for document in found), title)

    def __str__(self) -> str:
        body = [[_shown(value) for value in row] for row in self.rows]
        wrapped = [[wrap(cell, WIDEST_CELL) for cell in row] for row in body]
        widths = [
            max([cells_wide(name), *(cells_wide(line) for row in wrapped for line in row[number])])
            for number, name in enumerate(self.columns)
        ]
        lines = [self.title] if self.title else []
        if not self.columns:
            return "\n".join([*lines, "(none)"])
        lines.append("  ".join(_pad(name, width) for name, width in zip(self.columns, widths, strict=True)).rstrip())
        lines.append("  ".join("─" * width for width in widths))
        for values, row in zip(self.rows, wrapped, strict=True):
            lines += self._text_row(values, row, widths)
        if not self.rows:
            lines.append("(none)")
        return "\n".join(lines)

    @staticmethod
    def _text_row(values: tuple[Any, ...], row: list[list[str]], widths: list[int]) -> list[str]:
        height = max(len(cell) for cell in row) if row else 0
        lines: list[str] = []
        for number in range(height):
            parts = [
                _pad(cell[number] if number < len(cell) else "", width, right=_is_number(value))
                for value, cell, width in zip(values, row, widths, strict=True)
            ]
            lines.append("  ".join(parts).rstrip())
        return lines

    def html(self) -> str:
        """A table element without scripts or styles beyond alignment."""
        head = "".join(f'<th style="text-align:left">{escape(name)}</th>' for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align:{_side(v)}">{escape(_shown(v))}</td>' for v in row) + "</tr>"
            for row in self.rows
        )
        caption = (
            f'<caption style="text-align:left;font-weight:600">{escape(self.title)}</caption>' if self.title else ""
        )
        none = f'<tr><td colspan="{len(self.columns)}"><em>none</em></td></tr>'
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body or none}</tbody></table>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html()}


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value)
        return ", ".join(f"{name}: {_shown(item)}" for name, item in pairs.items())
    if isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        return ", ".join(_shown(item) for item in items)
    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _side(value: Any) -> str:
    return "right" if _is_number(value) else "left"


def _pad(text: str, width: int, *, right: bool = False) -> str:
    blanks = " " * (width - cells_wide(text))
    return blanks + text if right else text + blanks
