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
    from payments_lab.course.progress import Diary, ProgressError, progress_file

    try:
        notebook = find(arguments.notebook, arguments.ref)
        diary = Diary(progress_file(start=notebook.parent))
        diary.read()  # a spoilt one is said before anything is changed
        done = reset(notebook, arguments.ref)
    except (CannotReset, ProgressError) as error:
        raise WrongUse(str(error)) from error
    forgotten = forget_predictions(diary, notebook.name[:2])
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


def find(word: str, ref: str | None = None) -> Path:
    """The notebook that a path, a name or a chapter's number means, also one that was deleted.

    WrongUse where that is none, or several; CannotReset outside a clone, or where there is no such ``ref``.
    """
    from payments_lab.course.pristine import pristine_names
    from payments_lab.course.progress import course_folder

    given = Path(word)
    if given.suffix == ".ipynb" and (given.is_file() or (given.parent != Path() and given.parent.is_dir())):
        return given
    course = course_folder()
    known = pristine_names(course, ref)
    meant = [name for name in known if word in (name, name.removesuffix(".ipynb")) or name.startswith(f"{word}-")]
    if len(meant) == 1:
        return course / meant[0]
    names = ", ".join(name.removesuffix(".ipynb") for name in meant or known) or "none here"
    raise WrongUse(f"{word!r} is no notebook of the course; there is {names}")
