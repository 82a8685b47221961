"""What a student has done, in a small JSON file: survives restarts, keyed by exercise, blind to cells."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

PLACE = "PAYMENTS_LAB_PROGRESS"
NAME = ".progress.json"
FIRST_NOTEBOOK = "00-welcome.ipynb"

Count = Annotated[int, Field(ge=0)]


class ProgressError(ValueError):
    """A file of progress that can't be read; the message says what to do about it."""


class Record(BaseModel):
    """One exercise: how often it was tried, whether it is solved, what help was taken, what was believed.

    ``solved_alone`` is whether it was solved before the solution was seen.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, validate_assignment=True)

    tries: Count = 0
    solved: bool = False
    solved_alone: bool = False
    hints: Count = 0
    revealed: bool = False
    prediction: Any = None
    misconceptions: dict[str, Count] = Field(default_factory=dict)


class Progress(BaseModel):
    """All exercises that were touched, by id."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    version: Annotated[int, Field(ge=1, le=1)] = 1
    exercises: dict[str, Record] = Field(default_factory=dict[str, Record])

    def record(self, exercise: str) -> Record:
        """The record of an exercise, a new one where there is none yet."""
        return self.exercises.setdefault(exercise, Record())


class Diary:
    """Keeps a :class:`Progress` in a file, or in memory alone where ``place`` is None."""

    def __init__(self, place: Path | None) -> None:
        self.place = place
        self._in_memory = Progress()

    def read(self) -> Progress:
        """ProgressError for a file that is not ours, or spoilt."""
        if self.place is None:
            return self._in_memory
        try:
            return Progress.model_validate_json(self.place.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Progress()
        except (ValidationError, UnicodeDecodeError) as error:
            raise ProgressError(
                f"{self.place} can't be read as progress; move it away to begin anew, or mend it"
            ) from error

    def write(self, progress: Progress) -> None:
        """All of it or nothing, also when the process dies meanwhile."""
        if self.place is None:
            self._in_memory = progress
            return
        new = self.place.with_name(f"{self.place.name}.{os.getpid()}.new")
        try:
            new.write_text(progress.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
            os.replace(new, self.place)
        finally:
            with suppress(FileNotFoundError):
                new.unlink()


def progress_file(environment: Mapping[str, str] | None = None, start: Path | None = None) -> Path | None:
    """Where progress is kept: the file that PAYMENTS_LAB_PROGRESS names, none where it is empty; else beside the
    course's notebooks, looked for from ``start`` upwards; else in ``start`` itself, the working directory by default.
    """
    environment = os.environ if environment is None else environment
    if PLACE in environment:
        return Path(environment[PLACE]) if environment[PLACE] else None
    return course_folder(start) / NAME


def course_folder(start: Path | None = None) -> Path:
    """The folder of the notebooks that ``start`` is in, or above of; ``start`` itself where there is none."""
    start = (start or Path.cwd()).absolute()
    for folder in (start, *start.parents):
        for course in (folder, folder / "notebooks"):
            if (course / FIRST_NOTEBOOK).is_file():
                return course
    return start


def as_plain(value: Any) -> Any:
    """A prediction as JSON can hold it; what JSON can't hold, as its text."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return repr(value)
