"""A stranger's path: the README's own lines, run as they stand, from nothing to a paid order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import free_port

ROOT = Path(__file__).parents[1]
PATIENCE = 120


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing: apt-get install curl")
def test_the_readmes_lines_lead_to_a_complete_order_within_two_minutes(tmp_path: Path) -> None:
    section = (ROOT / "README.md").read_text().partition("## A payment over HTTP")[2]
    found = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert found is not None
    script = found[1].replace("8000", str(free_port())).replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JWT")}

    told = subprocess.run(
        ["bash", "-m", "-e", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert '"status":"complete"' in told.stdout.splitlines()[-1], told.stdout + told.stderr
    assert re.search(r'\{"id":"pay_[0-9a-f]+"\}', told.stdout)
