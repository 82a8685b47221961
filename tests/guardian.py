"""No orphans: a small process that outlives the tests for a moment, and ends what they leave running.

The tests may be ended in ways that run no ``finally``: SIGTERM, SIGKILL. The guardian reads the ids of processes from a
pipe that only the tests hold open; when the pipe closes, it kills those that were not taken back.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys


class Guardian:
    """Started with the first process that it is told of."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, pid: int) -> None:
        """End this process, which the tests have just started, when they are gone."""
        self._tell(f"+{pid}\n")

    def release(self, pid: int) -> None:
        """This process has ended; its id may be another's soon."""
        self._tell(f"-{pid}\n")

    def _tell(self, line: str) -> None:
        if self._process is None:
            # A session of its own: Ctrl-C in a terminal reaches the tests and their servers, and not the guardian.
            self._process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, start_new_session=True)
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()


GUARDIAN = Guardian()


def guard() -> None:
    """Read ids until the pipe closes, then kill what is left."""
    watched: set[int] = set()
    for line in sys.stdin:
        (watched.add if line[0] == "+" else watched.discard)(int(line[1:]))
    for pid in watched:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    guard()
