"""The course as `make test` runs it, every output compared, beside as many notebooks with nothing in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, interleaved

COURSE = sorted((Path(__file__).parent.parent / "notebooks").glob("[0-9][0-9]-*[a-z].ipynb"))


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        empty = [_empty(Path(folder) / path.name) for path in COURSE]
        ours, peer = interleaved(lambda: _compare(COURSE), lambda: _compare(empty), rounds=1)
    return [
        Row(
            f"{len(COURSE)} notebooks, strict",
            ours,
            peer,
            "s",
            "as many that only start their kernels",
            "at most 2.5 times as long",
            "lower",
        )
    ]


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


def _compare(notebooks: list[Path]) -> None:
    """As on a machine of one's own, where Python keeps what it has compiled."""
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *map(str, notebooks)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PAYMENTS_LAB_PROGRESS": "", "PYTHONDONTWRITEBYTECODE": ""},
    )
    if done.returncode:
        raise RuntimeError(done.stdout)
