"""The course as `make test` runs it, every output compared, beside as many notebooks with nothing in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, interleaved

COURSE = sorted((Path(__file__).parent.parent / "notebooks").glob("[0-9][0-9]-*[a-z].ipynb"))


# What `make test` gives pytest, so that files run beside each other.
WORKERS = ("-n", "logical", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder")


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        empty = [_empty(Path(folder) / path.name) for path in COURSE]
        return [
            _beside(empty, f"{len(COURSE)} notebooks, strict, as make test runs them", WORKERS),
            _beside(empty, f"{len(COURSE)} notebooks, strict, in turn", ()),
        ]


def _beside(empty: list[Path], name: str, options: Sequence[str]) -> Row:
    ours, peer = interleaved(lambda: _compare(COURSE, options), lambda: _compare(empty, options), rounds=3)
    goal = "at most 2.5 times as long"
    return Row(name, ours, peer, "s", "as many that only start their kernels", goal, "lower")


def _empty(path: Path) -> Path:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "nothing",
        "source": "pass",
        "execution_count": 1,
        "outputs": [],
        "metadata": {},
    }
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    return path


def _compare(notebooks: list[Path], options: Sequence[str]) -> None:
    """As on a machine of one's own, where Python keeps what it has compiled."""
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *options, *map(str, notebooks)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PAYMENTS_LAB_PROGRESS": "", "PYTHONDONTWRITEBYTECODE": ""},
    )
    if done.returncode:
        raise RuntimeError(done.stdout)
