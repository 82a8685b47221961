"""How long a process takes that only imports: the package, beside what any async program imports."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.harness import Row, interleaved

PEER = "import asyncio, json"


def rows() -> list[Row]:
    ours, peer = interleaved(_process(f"{PEER}; import payments_lab"), _process(PEER), rounds=15)
    return [
        Row(
            name="import payments_lab, whole process",
            ours=ours * 1000,
            peer=peer * 1000,
            unit="ms",
            peer_name=PEER,
            goal="less than 150 ms more",
            better="lower",
        )
    ]


def _process(code: str):
    return lambda: subprocess.run([sys.executable, "-c", code], check=True)
