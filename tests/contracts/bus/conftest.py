"""The buses that the contract is held against; the servers are started here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.contracts.bus.worlds import RemoteWorld, SimulatedWorld, World
from tests.servers import Server, nats_server, redis_server


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with nats_server(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with redis_server(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(params=["simulator", "fakeredis", "valkey", "jetstream"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """An empty bus of each kind."""
    made = _world(request)
    yield made
    await made.close()


def _world(request: pytest.FixtureRequest) -> World:
    match request.param:
        case "simulator":
            return SimulatedWorld()
        case "fakeredis":
            return RemoteWorld("fakeredis://contract")
        case "valkey":
            return RemoteWorld(request.getfixturevalue("valkey").url)
        case _:
            return RemoteWorld(request.getfixturevalue("nats").url)
