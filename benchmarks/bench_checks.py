"""The exercises: from a cell that checks an answer to what it says, for every answer that the course knows of."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

from benchmarks.harness import Row, seconds

ROUNDS = 3
NOTHING = "def test_nothing():\n    pass\n"


def rows() -> list[Row]:
    took = sorted(_checks())
    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder) / "test_nothing.py"
        test.write_text(NOTHING)
        peer = statistics.median(seconds(lambda: _pytest(test)) for _ in range(5))
    slowest, name = took[-1]
    median = statistics.median(each for each, _ in took)
    return [
        _row(f"a check: median of {len(took)} answers", median, peer),
        _row(f"a check: slowest ({name})", slowest, peer),
    ]


def _row(name: str, ours: float, peer: float) -> Row:
    return Row(
        name,
        ours * 1000,
        peer * 1000,
        "ms",
        "pytest on one test with nothing in it, without plugins",
        "1,000 ms",
        "lower",
    )


def _checks() -> Iterator[tuple[float, str]]:
    """Seconds of each check, with nothing remembered from the checks before; the best of a few, since a machine has
    other work. Predictions are left out: they only compare two values.
    """
    from payments_lab.course import desk, judging
    from payments_lab.course.exercises import every
    from payments_lab.course.prediction import Predict
    from payments_lab.course.progress import Diary

    with tempfile.TemporaryDirectory() as folder, patch.object(desk, "_diary", lambda: Diary(Path(folder) / "p.json")):
        for exercise in every():
            if isinstance(exercise, Predict):
                continue
            answers = {"starter": exercise.starter, "solution": exercise.solution}
            answers |= {each.name: each.answer for each in exercise.misconceptions}
            desk.check(exercise.id, exercise.answer_in(exercise.starter))
            for name, source in answers.items():
                took: list[float] = []
                for _ in range(ROUNDS):
                    judging.known_wrong.cache_clear()
                    took.append(seconds(partial(_shown, exercise.id, exercise.answer_in(source))))
                yield min(took), f"{exercise.id}, {name}"


def _shown(exercise: str, answer: object) -> None:
    from payments_lab.course import desk

    desk.check(exercise, answer).bundles()


def _pytest(test: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    subprocess.run(command, check=True, capture_output=True, cwd=test.parent, env=alone)
