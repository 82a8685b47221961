"""Rows and columns, for documents and comparisons: as text, and as HTML that follows the notebook's theme."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, cast

from payments_lab.diagrams.wrapping import cells, clean, wrap

WIDTH = 96
NARROWEST = 6

_RULE = "var(--jp-content-font-color3,currentColor)"
_HAIRLINE = "var(--jp-border-color2,rgba(128,128,128,.4))"
_SOFT = "var(--jp-content-font-color2,inherit)"


class TableError(ValueError):
    """The rows and the columns do not fit together; the message names the row."""


@dataclass(frozen=True, slots=True)
class Table:
    """``rows`` of values under ``columns``; a column of numbers stands on the right.

    Values may be anything: numbers, texts, dates, None, documents within documents. Raises TableError for a row that
    has more or fewer values than there are columns.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]] = ()
    title: str = ""
    caption: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "rows", tuple(tuple(row) for row in self.rows))
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise TableError(
                    f"row {number} has {len(row)} values for {len(self.columns)} columns ({', '.join(self.columns)})"
                )

    @classmethod
    def of_documents(
        cls,
        documents: Iterable[Mapping[str, Any]],
        columns: Sequence[str] | None = None,
        title: str = "",
        caption: str = "",
    ) -> Table:
        """One row a document; without ``columns``, every field that any of them has, in the order first met."""
        found = list(documents)
        names = tuple(columns) if columns else tuple(dict.fromkeys(name for document in found for name in document))
        return cls(names, tuple(tuple(document.get(name) for name in names) for document in found), title, caption)

    def text(self, width: int | None = None) -> str:
        """The table as characters, at most ``width`` columns where so many columns can be had; wide cells wrap."""
        return "\n".join(line.rstrip() for line in _Page(self, width or WIDTH).lines())

    def html(self) -> str:
        """A ``<table>`` without scripts; its colours are the notebook's, or the page's."""
        return _html(self)

    def __str__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": self.text(), "text/html": self.html()}


class _Page:
    def __init__(self, table: Table, width: int) -> None:
        self._table = table
        self._right = _right_columns(table)
        self._cells = [list(map(clean, table.columns)), *([clean(shown(value)) for value in row] for row in table.rows)]
        self._width = width
        self._widths = self._shared(width)

    def lines(self) -> list[str]:
        table, rule = self._table, "─" * (sum(self._widths) + 2 * max(len(self._widths) - 1, 0))
        lines = wrap(table.title, self._width, even=False) if clean(table.title) else []
        if not self._widths:
            return [*lines, "(none)"]
        lines += [rule, *self._row(self._cells[0]), rule]
        bodies = [self._row(row) for row in self._cells[1:]]
        airy = any(len(body) > 1 for body in bodies)
        for number, body in enumerate(bodies):
            lines += ["", *body] if airy and number else body
        lines += [*([] if bodies else ["(none)"]), rule]
        return lines + (wrap(table.caption, self._width, even=False) if clean(table.caption) else [])

    def _row(self, row: list[str]) -> list[str]:
        wrapped = [wrap(cell, width, even=False) for cell, width in zip(row, self._widths, strict=True)]
        lines: list[str] = []
        for number in range(max(map(len, wrapped))):
            parts = [
                _pad(cell[number] if number < len(cell) else "", width, right=right)
                for cell, width, right in zip(wrapped, self._widths, self._right, strict=True)
            ]
            lines.append("  ".join(parts))
        return lines

    def _shared(self, width: int) -> list[int]:
        """As wide as the widest cell; where that is too much together, the wide ones give first."""
        wanted = [max(map(cells, column), default=0) or 1 for column in zip(*self._cells, strict=True)]
        limit = max(wanted, default=0)
        while limit > NARROWEST and sum(min(each, limit) + 2 for each in wanted) - 2 > width:
            limit -= 1
        return [min(each, limit) for each in wanted]


def shown(value: Any) -> str:
    """A value as a reader wants to see it: no quotes, no braces, dates to the second, a dash for nothing."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case Mapping():
            pairs = cast("Mapping[Any, Any]", value)
            return ", ".join(f"{name}: {shown(item)}" for name, item in pairs.items())
        case list() | tuple():
            return ", ".join(shown(item) for item in cast("Sequence[Any]", value))
        case _:
            return str(value)


def _html(table: Table) -> str:
    sides = ["right" if right else "left" for right in _right_columns(table)]
    head = "".join(
        f'<th scope="col" style="text-align:{side};padding:4px 10px;border-bottom:1px solid {_RULE};font-weight:600;'
        f'vertical-align:bottom">{escape(clean(name))}</th>'
        for name, side in zip(table.columns, sides, strict=True)
    )
    body = "".join(f"<tr>{_html_row(row, sides)}</tr>" for row in table.rows)
    nothing = f'<tr><td colspan="{max(len(sides), 1)}" style="padding:3px 10px;text-align:left"><em>none</em></td></tr>'
    title = (
        '<caption style="caption-side:top;text-align:left;padding:4px 10px;font-weight:600;color:inherit">'
        f"{escape(clean(table.title))}</caption>"
        if clean(table.title)
        else ""
    )
    caption = (
        f'<tfoot><tr><td colspan="{max(len(sides), 1)}" style="padding:6px 10px;text-align:left;color:{_SOFT};'
        f'white-space:normal">{escape(clean(table.caption))}</td></tr></tfoot>'
        if clean(table.caption)
        else ""
    )
    return (
        f'<table style="border-collapse:collapse;margin:4px 0;border-top:2px solid {_RULE};'
        f'border-bottom:2px solid {_RULE}">{title}<thead><tr>{head}</tr></thead><tbody>{body or nothing}</tbody>'
        f"{caption}</table>"
    )


def _html_row(row: Sequence[Any], sides: list[str]) -> str:
    return "".join(
        f'<td style="text-align:{side};padding:3px 10px;border-bottom:1px solid {_HAIRLINE};vertical-align:top;'
        f'max-width:32em;white-space:normal;overflow-wrap:break-word">{escape(clean(shown(value)))}</td>'
        for value, side in zip(row, sides, strict=True)
    )


def _right_columns(table: Table) -> list[bool]:
    """Which columns hold numbers and nothing else, but for gaps."""
    return [_is_numeric([row[number] for row in table.rows]) for number in range(len(table.columns))]


def _is_numeric(values: list[Any]) -> bool:
    given = [value for value in values if value is not None]
    return bool(given) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)


def _pad(text: str, width: int, *, right: bool) -> str:
    blanks = " " * (width - cells(text))
    return blanks + text if right else text + blanks
