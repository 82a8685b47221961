"""The teachers' guide says what the course is: its chapters, their minutes, the commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from payments_lab.cli import COMMANDS
from payments_lab.course.exercises import every, find

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
NOTEBOOKS = sorted(path for path in (ROOT / "notebooks").glob("*.ipynb") if ".mine-" not in path.name)

UNITS = {"two": 2, "five": 5, "ten": 10, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}


def minutes(words: str) -> int:
    """``"thirty-five"`` is 35."""
    return sum(UNITS[word] for word in words.split("-"))


def test_every_notebook_is_in_the_table_and_no_other_in_the_order_of_the_course() -> None:
    chapters = re.findall(r"^\| (\d\d) ", GUIDE, re.MULTILINE)

    assert chapters == [path.name[:2] for path in NOTEBOOKS]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_minutes_are_those_of_the_notebooks_first_cell(notebook: Path) -> None:
    first = "".join(json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]["source"])
    time = re.search(r"\*\*Time:\*\* ([a-z-]+) minutes", first)
    row = re.search(rf"^\| {notebook.name[:2]} [^|]*\| (\d+) \|", GUIDE, re.MULTILINE)

    assert time is not None
    assert row is not None
    assert int(row[1]) == minutes(time[1])


def test_every_command_in_the_guide_is_one_of_ours() -> None:
    named = re.findall(r"payments-lab ([a-z]+)", GUIDE)

    assert set(named) <= set(COMMANDS)
    assert {"doctor", "progress", "reset", "report", "collect"} <= set(named)


def test_every_kind_of_exercise_and_every_id_in_the_guide_is_there() -> None:
    assert [kind for kind in {each.kind for each in every()} if f"*{kind}*" not in GUIDE] == []
    for named in set(re.findall(r'"(\d\d\.\d-[a-z-]+)"', GUIDE)):
        assert find(named).id == named
