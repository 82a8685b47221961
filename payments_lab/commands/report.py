"""One JSON file and one page that a student hands in."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from payments_lab.commands import GOOD, WrongUse

HELP = "what a student can hand in: one JSON file, one page"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default="", help="whose report it is; without one, the files name nobody")
    parser.add_argument("--to", type=Path, default=Path(), metavar="DIR", help="where the files go, default: here")


def run(arguments: argparse.Namespace) -> int:
    from payments_lab.course.progress import Diary, ProgressError, progress_file
    from payments_lab.course.report import as_page, report_of, table_of

    name = arguments.name.strip()
    if not name.isprintable():
        raise WrongUse("--name needs a name that can be printed")
    if not arguments.to.is_dir():
        raise WrongUse(f"there is no folder {arguments.to}")
    try:
        report = report_of(Diary(progress_file()).read(), name)
    except ProgressError as error:
        raise WrongUse(str(error)) from error
    stem = "-".join(["report", *re.findall(r"[\w.]+", name)])
    data, page = arguments.to / f"{stem}.json", arguments.to / f"{stem}.html"
    write(data, report.model_dump_json(by_alias=True, indent=1) + "\n")
    write(page, as_page(f"Payments lab: {name or 'a report'}", table_of(report)))
    if arguments.json:
        print(json.dumps({"solved": report.solved, "of": len(report.exercises), "files": [str(data), str(page)]}))
        return GOOD
    print(f"{report.solved} of {len(report.exercises)} solved; hand in {data} ({page} is the same for people)")
    return GOOD


def write(file: Path, text: str) -> None:
    """WrongUse where the file can't be written."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"{file} can't be written: {error.strerror}") from error
