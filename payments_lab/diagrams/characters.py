"""Drawing with characters: what lines and signs are made of, and a line of a terminal's cells."""

from __future__ import annotations

from dataclasses import dataclass

from payments_lab.diagrams.wrapping import cells_of, clusters


@dataclass(frozen=True, slots=True)
class Pen:
    """The characters that lines and signs are made of."""

    life: str = "│"
    down: str = "┊"
    rule: str = "─"
    head: str = "┬"
    foot: str = "┴"
    line: str = "─"
    reply: str = "╌"
    again: str = "╌"
    under_way: str = "┄"
    crossing: str = "┼"
    right: str = "►"
    left: str = "◄"
    dot: str = "●"
    stub: str = "├"
    out: str = "┐"
    back: str = "┘"
    fall: str = "╳"
    lost: str = "×"
    broken: str = "═"
    concerned: str = "╪"
    plain: str = ""
    good: str = "✓ "
    warn: str = "! "
    bad: str = "✗ "
    once_more: str = "↻ "
    between: str = " · "


ASCII = Pen(
    life="|", down=":", rule="-", head="+", foot="+", line="-", reply=".", again="~", under_way=".", crossing="+",
    right=">", left="<", dot="o", stub="|", out="+", back="+", fall="X", lost="x", broken="=", concerned="#",
    good="ok: ", warn="! ", bad="x ", once_more="again: ", between=", ",
)  # fmt: skip


class Line:
    """One line of cells; a wide character takes its own and the next, which stays empty."""

    def __init__(self) -> None:
        self._cells: list[str] = []

    def put(self, at: int, text: str) -> None:
        for cluster in clusters(text):
            wide = cells_of(cluster)
            if not wide:
                self._join(at, cluster)
                continue
            self._cells += [" "] * (at + wide - len(self._cells))
            self._cells[at : at + wide] = [cluster] + [""] * (wide - 1)
            at += wide

    def _join(self, at: int, accent: str) -> None:
        before = max(at - 1, 0)
        self._cells += [" "] * (before + 1 - len(self._cells))
        self._cells[before] += accent

    def __str__(self) -> str:
        return "".join(self._cells).rstrip()
