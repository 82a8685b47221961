"""A class's reports in one table, with what was predicted and which misconceptions were met."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from payments_lab.commands import BAD, GOOD, WrongUse
from payments_lab.commands.report import write

HELP = "a class's reports in one table"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the students' JSON files are, at any depth")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the tables as one page, too")


def run(arguments: argparse.Namespace) -> int:
    from payments_lab.course.collection import collect
    from payments_lab.course.report import as_page

    if not arguments.folder.is_dir():
        raise WrongUse(f"there is no folder {arguments.folder}")
    collected = collect(arguments.folder)
    if not collected.reports and not collected.spoilt:
        raise WrongUse(f"there is no report in {arguments.folder}; a student makes one with: payments-lab report")
    tables = [collected.solved(), collected.predictions(), collected.misconceptions()]
    if arguments.html is not None:
        write(arguments.html, as_page("Payments lab: the class", *tables))
    status = BAD if collected.spoilt else GOOD
    if arguments.json:
        told = [[dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in tables]
        names = ("solved", "predictions", "misconceptions")
        print(json.dumps({**dict(zip(names, told, strict=True)), "spoilt": collected.spoilt}))
        return status
    print("\n\n".join(table.text() for table in tables if table.rows))
    for name, reason in collected.spoilt.items():
        print(f"{name} is left out: {reason}", file=sys.stderr)
    return status
