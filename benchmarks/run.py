"""Run every benchmark, print one table, write ``benchmarks/results.json``.

A benchmark is a module ``benchmarks/bench_NAME.py`` with a function ``rows() -> list[Row]``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.harness import Row

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
HEADINGS = ("what", "ours", "unit", "peer", "beside", "times as good", "goal")
TO_THE_RIGHT = {"ours", "peer", "times as good"}


def names() -> list[str]:
    """The benchmarks that there are."""
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def measure(chosen: Sequence[str]) -> dict[str, list[Row]]:
    """The rows of each chosen benchmark, one benchmark after the other."""
    measured: dict[str, list[Row]] = {}
    for name in chosen:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        measured[name] = import_module(f"benchmarks.bench_{name}").rows()
    return measured


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text."""
    cells = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = ["  ".join(map(_align, HEADINGS, line, widths)).rstrip() for line in cells]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def save(measured: dict[str, list[Row]], results: Path) -> None:
    """Write the rows, and what they were measured on; benchmarks that did not run keep the rows that they had."""
    kept: dict[str, Any] = json.loads(results.read_text())["benchmarks"] if results.exists() else {}
    fresh = {name: [{**asdict(row), "ratio": row.ratio} for row in rows] for name, rows in measured.items()}
    rows = {name: (kept | fresh)[name] for name in names() if name in kept | fresh}
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    results.write_text(json.dumps({"machine": machine, "benchmarks": rows}, indent=2) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    parser.add_argument("--only", action="append", choices=names(), metavar="NAME", help=", ".join(names()))
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: benchmarks/results.json")
    arguments = parser.parse_args(argv)
    measured = measure(arguments.only or names())
    print(table([row for rows in measured.values() for row in rows]))
    save(measured, arguments.output)
    return 0


def _cells(row: Row) -> tuple[str, ...]:
    return row.name, _figure(row.ours), row.unit, _figure(row.peer), row.peer_name, f"{row.ratio:.2f}", row.goal


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"


def _align(heading: str, cell: str, width: int) -> str:
    return cell.rjust(width) if heading in TO_THE_RIGHT else cell.ljust(width)


if __name__ == "__main__":
    sys.exit(main())
