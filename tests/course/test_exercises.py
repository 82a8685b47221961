"""Every exercise, as its author promises it: the starter fails, the solution passes, each wrong answer gets its hint.

Here the cells run in the notebook that they belong to, one after the other, in this process.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pytest

from payments_lab.course import desk
from payments_lab.course.exercise import Exercise, Misconception
from payments_lab.course.exercises import UnknownExercise, every, find
from payments_lab.course.feedback import Feedback
from payments_lab.course.judging import attempt, misconception_behind, outcomes_of
from payments_lab.course.network import BeTheNetwork
from payments_lab.course.outcome import at_once
from payments_lab.course.progress import Diary

COURSE = Path(__file__).parents[2] / "notebooks"
EXERCISES = list(every())
MISTAKES = [(exercise, wrong) for exercise in EXERCISES for wrong in exercise.misconceptions]
FEWEST_MISCONCEPTIONS = 4
KINDS = {"write code", "write tests", "predict", "be the network", "diagnose"}


def by_id(exercise: Exercise) -> str:
    return exercise.id


def by_name(part: object) -> str:
    return getattr(part, "id", None) or getattr(part, "name", "")


@cache
def notebook_of(exercise: Exercise) -> Path:
    (found,) = COURSE.glob(f"{exercise.chapter}-*.ipynb")
    return found


@cache
def cells(notebook: Path) -> tuple[str, ...]:
    found = json.loads(notebook.read_text())["cells"]
    return tuple("".join(cell["source"]) for cell in found if cell["cell_type"] == "code")


def answer_cell(exercise: Exercise) -> int:
    """Where the starter stands: as ruff formats it, just before the check, or before the cell that shows the answer."""
    wanted = normal(exercise.starter)
    places = [place for place, source in enumerate(cells(notebook_of(exercise))) if normal(source) == wanted]
    assert len(places) == 1, f"{exercise.id}: {len(places)} cells hold the starter"
    return places[0]


def normal(source: str) -> str:
    return ast.unparse(ast.parse(source)) if "await" not in source or "def " in source else source.strip()


def check_cell(exercise: Exercise) -> int:
    found = cells(notebook_of(exercise))
    return next(place for place in range(answer_cell(exercise), len(found)) if f'check("{exercise.id}"' in found[place])


class Notebook:
    """Runs the cells of a notebook in this process; what the last line of a cell gives is its result."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}

    def run(self, source: str) -> Any:
        tree = ast.parse(source) if "await " not in source else self._parsed(source)
        last = tree.body[-1]
        if isinstance(last, ast.Expr):
            tree.body[-1] = ast.copy_location(ast.Assign([ast.Name("_", ast.Store())], last.value), last)
            ast.fix_missing_locations(tree)
        code = compile(tree, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        self.namespace["_"] = None
        result = eval(code, self.namespace)
        if inspect.iscoroutine(result):
            self._loop().run_until_complete(result)
        return self.namespace["_"]

    def _parsed(self, source: str) -> ast.Module:
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree = compile(source, "<cell>", "exec", flags=flags, dont_inherit=True)
        assert isinstance(tree, ast.Module)
        return tree

    def _loop(self) -> asyncio.AbstractEventLoop:
        if "__loop__" not in self.namespace:
            self.namespace["__loop__"] = asyncio.new_event_loop()
        return self.namespace["__loop__"]

    def close(self) -> None:
        if "__loop__" in self.namespace:
            self.namespace["__loop__"].close()


@contextmanager
def opened() -> Iterator[Notebook]:
    notebook, before = Notebook(), Path.cwd()
    os.chdir(COURSE)
    try:
        yield notebook
    finally:
        os.chdir(before)
        notebook.close()


@pytest.fixture(autouse=True)
def nobodys_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    diary = Diary(None)
    monkeypatch.setattr(desk, "_diary", lambda: diary)


@pytest.mark.parametrize("exercise", EXERCISES, ids=by_id)
def test_the_starter_runs_and_its_check_says_what_is_missing(exercise: Exercise) -> None:
    outcomes = attempt(exercise, exercise.starter)

    assert not all(each.passed for each in outcomes)
    assert all(each.line for each in outcomes)


@pytest.mark.parametrize("exercise", EXERCISES, ids=by_id)
def test_the_notebook_holds_the_starter_and_its_check(exercise: Exercise) -> None:
    found = cells(notebook_of(exercise))

    assert normal(found[check_cell(exercise)]) == normal(exercise.check_cell)


@pytest.mark.parametrize("exercise", EXERCISES, ids=by_id)
def test_the_solution_passes_and_says_what_was_tried(exercise: Exercise) -> None:
    outcomes = attempt(exercise, exercise.solution)

    assert [each.line for each in outcomes if not each.passed] == []
    assert "correct" not in exercise.summary(outcomes)


@pytest.mark.parametrize("notebook", sorted({notebook_of(each) for each in EXERCISES}), ids=lambda path: path.stem)
def test_a_notebook_with_every_solution_in_place_runs_to_its_end(
    notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    solutions = {answer_cell(each): each.solution for each in EXERCISES if notebook_of(each) == notebook}
    checks = {check_cell(each): each.id for each in EXERCISES if notebook_of(each) == notebook}
    passed: list[str] = []

    with opened() as running:
        for place, source in enumerate(cells(notebook)):
            shown = running.run(solutions.get(place, source))
            if isinstance(shown, Feedback) and place in checks and shown.ok:
                passed.append(checks[place])

    assert passed == list(checks.values())


@pytest.mark.parametrize(("exercise", "wrong"), MISTAKES, ids=by_name)
def test_a_misconception_fails_where_it_is_meant_to_and_gets_its_own_hint(
    exercise: Exercise, wrong: Misconception
) -> None:
    outcomes = attempt(exercise, wrong.answer)

    assert wrong.fails in [each.part for each in outcomes if not each.passed]
    assert misconception_behind(exercise, outcomes) is wrong


@pytest.mark.parametrize("exercise", EXERCISES, ids=by_id)
def test_an_exercise_knows_what_people_get_wrong_and_has_three_hints(exercise: Exercise) -> None:
    assert len(exercise.misconceptions) >= FEWEST_MISCONCEPTIONS
    assert len({each.hint for each in exercise.misconceptions}) == len(exercise.misconceptions)
    assert len(set(exercise.hints)) == 3
    assert re.fullmatch(r"\d\d\.\d-[a-z-]+", exercise.id)


def test_there_are_exercises_of_all_five_kinds() -> None:
    assert {each.kind for each in EXERCISES} == KINDS
    assert len({each.id for each in EXERCISES}) == len(EXERCISES)


@pytest.mark.parametrize("exercise", [each for each in EXERCISES if isinstance(each, BeTheNetwork)], ids=by_id)
def test_nothing_with_fewer_departures_than_par_breaks_the_handler(exercise: BeTheNetwork) -> None:
    fewest = min(
        departures for words in exercise.lists(longest=3) for departures, broken in [played(exercise, words)] if broken
    )

    assert fewest == exercise.par


def played(exercise: BeTheNetwork, words: list[str]) -> tuple[int, str]:
    try:
        _, departures, broken = at_once(exercise.play(words))
    except Exception:
        return 0, ""
    return departures, broken


def test_a_check_answers_within_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    """No limit is asserted here; the median is printed for whoever reads the run."""
    took: list[float] = []
    for exercise in EXERCISES:
        answer = attempt(exercise, exercise.starter)
        began = perf_counter()
        misconception_behind(exercise, answer)
        attempt(exercise, exercise.solution)
        took.append(perf_counter() - began)
    tried = f"{len(took)} exercises, {len(MISTAKES)} misconceptions"
    with capsys.disabled():
        print(f"\n{tried}; a check takes {median(took):.2f} s in the median, {max(took):.2f} s at most")


def test_an_answer_that_is_still_dots_is_no_answer() -> None:
    (outcome,) = outcomes_of(find("03.1-too-early"), ...)

    assert not outcome.passed
    assert "in the place of the dots" in outcome.line


def test_an_unknown_exercise_is_answered_with_one_that_is_like_it() -> None:
    with pytest.raises(UnknownExercise, match=r"did you mean '03\.1-too-early'"):
        find("03.1-to-early")
