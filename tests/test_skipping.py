"""Where nothing may skip, a skip is a failure: the policy of tests/conftest.py, on small suites of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

POLICY = Path(__file__).with_name("conftest.py").read_text()

SUITE = """
import pytest

def test_that_passes(): pass

def test_that_skips(): pytest.skip("needs Chromium: apt-get install chromium")

@pytest.mark.parametrize("needed", ["MONGO_URL: a MongoDB of your own", "Node and the npm package stripe: no registry"])
def test_that_may_skip(needed): pytest.skip(f"needs {needed}")

@pytest.mark.xfail
def test_that_is_known_to_fail(): assert False
"""

MODULE_THAT_SKIPS = 'import pytest; pytest.skip("needs Node", allow_module_level=True)'


def run(folder: Path, suite: str, *, no_skips: str) -> tuple[int, str]:
    (folder / "conftest.py").write_text(POLICY)
    (folder / "test_suite.py").write_text(suite)
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", f"--rootdir={folder}", str(folder)],
        cwd=folder,
        env={**os.environ, "PAYMENTS_LAB_NO_SKIPS": no_skips, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return told.returncode, told.stdout


def test_on_a_bare_machine_tests_may_skip(tmp_path: Path) -> None:
    status, told = run(tmp_path, SUITE, no_skips="0")

    assert status == 0
    assert "1 passed, 3 skipped, 1 xfailed" in told


def test_in_ci_a_skip_fails_unless_it_needs_what_no_machine_can_be_given(tmp_path: Path) -> None:
    status, told = run(tmp_path, SUITE, no_skips="1")

    assert status == 1
    assert "skipped, where nothing may skip: needs Chromium: apt-get install chromium" in told
    assert "1 failed, 1 passed, 2 skipped, 1 xfailed" in told


@pytest.mark.parametrize(("no_skips", "expected"), [("0", 5), ("1", 2)])
def test_a_module_that_skips_as_a_whole_fails_in_ci_too(tmp_path: Path, no_skips: str, expected: int) -> None:
    status, told = run(tmp_path, MODULE_THAT_SKIPS, no_skips=no_skips)

    assert status == expected, told
    assert ("skipped, where nothing may skip: needs Node" in told) == (no_skips == "1")
