"""What a student has solved, as their own file of progress has it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from payments_lab.commands import GOOD, WrongUse

HELP = "what a student has solved"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--file", type=Path, help="default: .progress.json beside the notebooks, or what PAYMENTS_LAB_PROGRESS names"
    )


def run(arguments: argparse.Namespace) -> int:
    from payments_lab.course.exercises import every
    from payments_lab.course.overview import overview
    from payments_lab.course.progress import Diary, ProgressError, Record, progress_file

    place = arguments.file or progress_file()
    if arguments.file is not None and not arguments.file.is_file():
        raise WrongUse(f"there is no file {arguments.file}; exercises write it when they are checked in a notebook")
    try:
        progress = Diary(place).read()
    except ProgressError as error:
        raise WrongUse(str(error)) from error
    records = {each.id: progress.exercises.get(each.id, Record()) for each in every()}
    following = next((name for name, record in records.items() if not record.solved), None)
    if arguments.json:
        told = {name: record.model_dump(by_alias=True) for name, record in records.items()}
        solved = sum(record.solved for record in records.values())
        print(json.dumps({"solved": solved, "of": len(records), "next": following, "exercises": told}))
        return GOOD
    print(overview(progress))
    print(f"next: {following}" if following else "all solved")
    return GOOD
