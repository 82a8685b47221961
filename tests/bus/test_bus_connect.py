"""A bus by URL, and what is said when there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from payments_lab.bus import BusError
from payments_lab.bus.connect import connect
from payments_lab.stores.connect import EngineUnavailable
from tests.contracts.bus.worlds import Ear, RemoteWorld
from tests.servers import HOST, Server, free_port, program

pytestmark = pytest.mark.anyio

CREATED = "order:created"


@pytest.fixture
def plain_nats(tmp_path: Path) -> Iterator[Server]:
    """A NATS server without JetStream."""
    port = free_port()
    server = Server("nats", [program("nats-server"), "-a", HOST, "-p", str(port)], port, tmp_path)
    server.start()
    yield server
    server.stop()


async def test_an_unknown_scheme_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BusError, match="no bus speaks amqp://; use nats://.* or unset BUS_URL for the simulator"):
        await connect("amqp://localhost", name="orders", subjects=(CREATED,))


@pytest.mark.parametrize(
    ("url", "engine", "start"),
    [
        ("redis://ada:secret@127.0.0.1:{port}", "Redis", "redis-server --port 6379"),
        ("nats://ada:secret@127.0.0.1:{port}", "NATS JetStream", "nats-server -js"),
    ],
)
async def test_a_server_that_does_not_answer_is_named_with_how_to_start_it_and_how_to_go_without(
    url: str, engine: str, start: str
) -> None:
    with pytest.raises(EngineUnavailable) as refusal:
        await connect(url.format(port=free_port()), name="orders", subjects=(CREATED,))

    message = str(refusal.value)
    assert message.startswith(f"{engine} does not answer at {url.partition(':')[0]}://127.0.0.1")
    assert f"start one ({start}), or unset BUS_URL to use the simulator" in message
    assert "secret" not in message


async def test_a_nats_server_without_jetstream_does_not_do(plain_nats: Server) -> None:
    with pytest.raises(EngineUnavailable, match=r"NATS JetStream does not answer .* start one \(nats-server -js\)"):
        await connect(plain_nats.url, name="orders", subjects=(CREATED,))


async def test_all_buses_of_a_process_on_one_fakeredis_share_their_messages() -> None:
    one = await connect("fakeredis://shared", name="orders", subjects=(CREATED,))
    same = await connect("fakeredis://shared", name="payments", subjects=(CREATED,))
    other = await connect("fakeredis://another", name="payments", subjects=(CREATED,))
    ear, silence = Ear(), Ear()
    await same.subscribe(CREATED, ear, queue="payments-service")
    await other.subscribe(CREATED, silence, queue="payments-service")

    await one.publish(CREATED, b"1")
    await RemoteWorld("").until(lambda: bool(ear.heard))

    assert (ear.data, silence.data) == ([b"1"], [])
    for bus in (one, same, other):
        await bus.close()
