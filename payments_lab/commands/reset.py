"""A notebook as it was, and the old one kept."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from payments_lab.commands import GOOD, WrongUse

HELP = "bring a notebook back as it was, keeping a copy of the old one"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebook", metavar="NOTEBOOK", help='a file, a name, or a chapter: "03"')
    parser.add_argument("--ref", help="the commit or branch to take it from; default: upstream's, else the last commit")


def run(arguments: argparse.Namespace) -> int:
    from payments_lab.course.pristine import CannotReset, forget_predictions, reset
    from payments_lab.course.progress import Diary, progress_file

    notebook = find(arguments.notebook)
    try:
        done = reset(notebook, arguments.ref)
    except CannotReset as error:
        raise WrongUse(str(error)) from error
    forgotten = forget_predictions(Diary(progress_file(start=notebook.parent)), notebook.name[:2])
    if arguments.json:
        kept = done.kept.name if done.kept else None
        told = {"notebook": notebook.name, "ref": done.ref, "kept": kept, "predictionsForgotten": forgotten}
        print(json.dumps(told))
        return GOOD
    print(f"{notebook.name} is as {done.ref} has it" + (f"; yours is kept as {done.kept.name}" if done.kept else ""))
    if forgotten:
        print(f"its predictions ({forgotten}) can be made anew; what is solved stays solved")
    print("in JupyterLab: File > Reload Notebook from Disk, then restart the kernel")
    return GOOD


def find(word: str) -> Path:
    """The notebook that a path, a name or a chapter's number means. WrongUse where that is none, or several."""
    from payments_lab.course.progress import course_folder

    given = Path(word)
    if given.suffix == ".ipynb" and given.parent.is_dir() and (given.exists() or given.parent != Path()):
        return given
    course = course_folder()
    known = sorted(path for path in course.glob("*.ipynb") if ".mine-" not in path.name)
    meant = [path for path in known if word in (path.name, path.stem) or path.name.startswith(f"{word}-")]
    if len(meant) == 1:
        return meant[0]
    if (gone := course / f"{given.stem}.ipynb") and given.stem[:2].isdigit() and "-" in given.stem:
        return gone
    names = ", ".join(path.stem for path in meant or known) or f"nothing in {course.name}"
    raise WrongUse(f"{word!r} is no notebook of the course; there is {names}")
