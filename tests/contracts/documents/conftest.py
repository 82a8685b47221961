"""The document stores that the contract is held against."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from payments_lab.stores.connect import connect_mongo
from payments_lab.stores.documents import Collection
from payments_lab.stores.embedded import EmbeddedDatabase

PATIENCE = 30.0
numbers = count(1)


@pytest.fixture(scope="session")
def secantus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A SecantusDB of our own: another implementation of MongoDB's wire protocol, as a process."""
    home: Path = tmp_path_factory.mktemp("secantus")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("secantusd-py")),
        "--port",
        str(port),
        "--storage-path",
        str(home / "data"),
    ]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=home)
    try:
        _wait_for(port, server)
        yield f"mongodb://127.0.0.1:{port}/?directConnection=true"
    finally:
        server.terminate()
        server.wait(PATIENCE)


# A server of somebody else's is held to the contract where there is one; a test of its own says so where there is none.
STORES = ["mongomock", "secantusdb", *(["mongodb"] if "MONGO_URL" in os.environ else [])]


@pytest.fixture(params=STORES)
async def documents(request: pytest.FixtureRequest) -> AsyncIterator[Collection]:
    """An empty collection on each store."""
    name = f"contract_{os.getpid()}_{next(numbers)}"
    if request.param == "mongomock":
        yield EmbeddedDatabase("contract")[name]
        return
    database = await connect_mongo(_url(request), "contract")
    yield database[name]
    await database.drop_collection(name)
    client: AsyncMongoClient[dict[str, object]] = database.client
    await client.close()


def _url(request: pytest.FixtureRequest) -> str:
    if request.param == "secantusdb":
        return request.getfixturevalue("secantus_url")
    return os.environ["MONGO_URL"]


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise RuntimeError(f"SecantusDB did not open port {port}; exit status {server.poll()}")
