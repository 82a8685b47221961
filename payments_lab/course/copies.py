"""Copies of a service: forks of one process that has loaded what they need, so that nobody waits for that again."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

LOADED = [
    "nats",
    "payments_lab.bus.jetstream",
    "payments_lab.cli",
    "payments_lab.commands.serve",
    "payments_lab.connected",
    "payments_lab.settings",
    "payments_lab.telemetry.logs",
    "payments_lab.web.app",
    "redis.asyncio",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.httptools_impl",
]


class Copy:
    """``payments-lab`` with these ``words``, in a process that ends with this one, however this ends.

    ``variables`` are added to the environment. What it says goes into the file ``log``, which stands in ``folder``;
    once this process is gone, nobody wants the folder.
    """

    def __init__(self, folder: str, words: Sequence[str], log: Path, variables: Mapping[str, str]) -> None:
        told = {"folder": folder, "words": list(words), "log": str(log), "variables": dict(variables)}
        self._number: int = nursery().ask("begin", told)

    @property
    def runs(self) -> bool:
        return nursery().ask("runs", self._number)

    def kill(self) -> None:
        nursery().ask("kill", self._number)


class Nursery:
    """The process that is forked. It begins to load at once, and answers when it has loaded."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ask(self, question: str, of: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([question, of]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the process that makes copies is gone; restart the kernel")
        return json.loads(answer)


@cache
def nursery() -> Nursery:
    """The one of this process."""
    return Nursery()


# what happens in the process that is forked


class _Forks:
    """The copies that were made, by their process ids."""

    def __init__(self) -> None:
        self._folders: dict[int, str] = {}
        self._ended: set[int] = set()

    def begin(self, told: dict[str, Any]) -> int:
        number = os.fork()
        if not number:
            _be_a_copy(told["words"], told["log"], told["variables"])
        self._folders[number] = told["folder"]
        return number

    def runs(self, number: int) -> bool:
        if number not in self._ended and os.waitpid(number, os.WNOHANG)[0]:
            self._ended.add(number)
        return number not in self._ended

    def kill(self, number: int) -> None:
        if self.runs(number):
            os.kill(number, signal.SIGKILL)
            os.waitpid(number, 0)
            self._ended.add(number)

    def leave_nothing(self) -> None:
        for number, folder in self._folders.items():
            self.kill(number)
            shutil.rmtree(folder, ignore_errors=True)


def _be_a_copy(words: list[str], log: str, variables: dict[str, str]) -> None:
    sink = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((nothing, 0), (sink, 1), (sink, 2)):
        os.dup2(here, there)
    os.environ.update(variables)
    status = 1
    try:
        status = import_module("payments_lab.cli").main(words)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def _tend() -> None:
    for name in LOADED:
        with suppress(ImportError):
            import_module(name)
    gc.freeze()
    forks = _Forks()
    for line in sys.stdin:
        question, of = json.loads(line)
        print(json.dumps(getattr(forks, question)(of)), flush=True)
    forks.leave_nothing()


if __name__ == "__main__":
    _tend()
