"""A notebook as it was before anybody worked in it: git has it. What stands there now is kept beside it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from payments_lab.course.progress import Diary


class CannotReset(ValueError):
    """The notebook can't be brought back; the message says why and what to try."""


@dataclass(frozen=True, slots=True)
class Reset:
    """What was done: the notebook, where the old one is kept (None where nothing differed), whence the new one is."""

    notebook: Path
    kept: Path | None
    ref: str


def reset(notebook: Path, ref: str | None = None) -> Reset:
    """Bring a notebook back as git's ``ref`` has it: the upstream branch's where there is one, else the last commit's.

    The old one is kept as ``NAME.mine-1.ipynb``, with the first number that is free. CannotReset without git, outside a
    clone, or where ``ref`` has no such notebook.
    """
    notebook = notebook.absolute()
    ref = ref or upstream(notebook.parent)
    pristine = _git(notebook.parent, "show", f"{ref}:./{notebook.name}")
    if pristine is None:
        raise CannotReset(f"{ref} has no {notebook.name}; git log says what there is, and --ref names another")
    kept = None
    if notebook.exists() and notebook.read_bytes() != pristine:
        kept = next(each for each in _names(notebook) if not each.exists())
        notebook.replace(kept)
    notebook.write_bytes(pristine)
    return Reset(notebook, kept, ref)


def pristine_names(folder: Path, ref: str | None = None) -> list[str]:
    """The notebooks of a folder as ``ref`` has them, also those that were deleted. CannotReset as for ``reset``."""
    ref = ref or upstream(folder)
    listed = _git(folder, "ls-tree", "--name-only", "-z", ref, "./")
    if listed is None:
        raise CannotReset(f"there is no commit or branch {ref}; git branch --all lists them, and --ref names another")
    return [name for name in listed.decode().split("\0") if name.endswith(".ipynb")]


def forget_predictions(diary: Diary, chapter: str) -> int:
    """Let a chapter's predictions be made anew; what is solved stays solved. How many there were."""
    progress = diary.read()
    records = [record for name, record in progress.exercises.items() if name.startswith(f"{chapter}.")]
    frozen = [record for record in records if record.prediction is not None]
    for record in frozen:
        record.prediction = None
    if frozen:
        diary.write(progress)
    return len(frozen)


def _names(notebook: Path) -> list[Path]:
    taken = len(list(notebook.parent.glob("*.ipynb"))) + 2
    return [notebook.with_suffix(f".mine-{number}.ipynb") for number in range(1, taken)]


def upstream(folder: Path) -> str:
    """The branch that the course comes from, ``"HEAD"`` where none is named. CannotReset outside a clone."""
    if _git(folder, "rev-parse", "--git-dir") is None:
        raise CannotReset(f"{folder} is in no clone of the project, and its first versions are git's; clone it anew")
    named = _git(folder, "rev-parse", "--abbrev-ref", "@{upstream}")
    return named.decode().strip() if named else "HEAD"


def _git(folder: Path, *words: str) -> bytes | None:
    """What git says, or None where it refuses. CannotReset where there is none."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=False)
    except OSError as error:
        raise CannotReset("git is not installed, and it keeps the first version of every notebook") from error
    return done.stdout if done.returncode == 0 else None
