"""A bus by URL: the one setting that takes a shop from this process to a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from payments_lab.bus.checks import DUPLICATE_WINDOW
from payments_lab.bus.protocol import BusError
from payments_lab.bus.remote import Patience, log
from payments_lab.stores.connect import EngineUnavailable

if TYPE_CHECKING:
    from payments_lab.bus.jetstream import JetStreamBus
    from payments_lab.bus.redis_streams import RedisStreamsBus

    RemoteBus: TypeAlias = RedisStreamsBus | JetStreamBus

PATIENCE = 2.0
REDIS_SCHEMES = ("redis", "rediss", "unix")


async def connect(
    url: str,
    *,
    name: str,
    subjects: tuple[str, ...],
    namespace: str = "payments_lab",
    duplicate_window: float = DUPLICATE_WINDOW,
) -> RemoteBus:
    """The bus at ``url`` as the service ``name`` sees it: ``nats://``, ``redis://`` or ``fakeredis://``.

    ``namespace`` is the JetStream stream or the prefix of the Redis keys. All buses of one process on the same
    ``fakeredis://anything`` share their messages. The simulator has no URL: ``SimulatedBus(clock)``.

    EngineUnavailable when nothing answers within two seconds; BusError for a scheme that no bus has, or a stream that
    exists and differs.
    """
    scheme = url.partition("://")[0]
    if scheme == "nats":
        return await _connect_nats(url, name, subjects, namespace, duplicate_window)
    if scheme == "fakeredis" or scheme in REDIS_SCHEMES:
        from payments_lab.bus.redis_streams import RedisStreamsBus

        redis = _fakeredis(url) if scheme == "fakeredis" else await _redis(url)
        return RedisStreamsBus(redis, name, subjects=subjects, namespace=namespace, duplicate_window=duplicate_window)
    raise BusError(
        f"no bus speaks {scheme}://; use nats://127.0.0.1:4222, redis://127.0.0.1:6379 or fakeredis://shop, or unset "
        "BUS_URL for the simulator in this process"
    )


def _fakeredis(url: str) -> Any:
    from fakeredis.aioredis import FakeRedis

    return FakeRedis(host=url.partition("://")[2] or "shop", port=0)


async def _redis(url: str) -> Any:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError

    # A retry inside the client could publish twice what has no message id, so the bus decides itself.
    redis: Any = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
        url, protocol=2, socket_connect_timeout=PATIENCE, socket_timeout=10.0, retry=Retry(NoBackoff(), 0)
    )
    try:
        await redis.ping()
    except (RedisError, OSError) as error:
        await redis.aclose()
        raise _unavailable("Redis", url, error, "redis-server --port 6379") from error
    return redis


async def _connect_nats(
    url: str, name: str, subjects: tuple[str, ...], stream: str, duplicate_window: float
) -> JetStreamBus:
    from payments_lab.bus.jetstream import JetStreamBus

    buses: list[JetStreamBus] = []

    async def reconnected() -> None:
        for bus in buses:
            bus.reconnected()

    client = await _nats(url, name, reconnected)
    bus = JetStreamBus(client, name, subjects=subjects, stream=stream, duplicate_window=duplicate_window)
    try:
        await bus.open()
    except BaseException:
        await client.close()
        raise
    buses.append(bus)
    return bus


async def _nats(url: str, name: str, reconnected: Callable[[], Awaitable[None]]) -> Any:
    try:
        import nats
        from nats.errors import Error
    except ImportError as error:
        raise BusError("nats:// needs the NATS client: pip install 'payments-lab[nats]'") from error

    async def report(error: Exception) -> None:
        log.warning("%s and its NATS server: %s", name, str(error) or type(error).__name__)

    connect: Any = nats.connect  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    try:
        await _knock(url)
        client = await connect(
            url,
            name=name,
            connect_timeout=PATIENCE,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.2,
            error_cb=report,
            reconnected_cb=reconnected,
        )
        await _wait_for_jetstream(client)
    except (Error, OSError) as error:
        raise _unavailable("NATS JetStream", url, error, "nats-server -js") from error
    return client


async def _knock(url: str) -> None:
    """OSError unless somebody listens: the client itself would try for ever."""
    from urllib.parse import urlsplit

    address = urlsplit(url.split(",")[0])
    opening = asyncio.open_connection(address.hostname or "127.0.0.1", address.port or 4222)
    _, writer = await asyncio.wait_for(opening, PATIENCE)
    writer.close()


async def _wait_for_jetstream(client: Any) -> None:
    """A server that has just started needs a moment until its streams answer."""
    from nats.errors import Error

    patience = Patience(PATIENCE)
    while True:
        try:
            await client.jetstream(timeout=PATIENCE).account_info()
        except Error:
            if not await patience.wait():
                await client.close()
                raise
        else:
            return


def _unavailable(engine: str, url: str, error: Exception, start: str) -> EngineUnavailable:
    scheme, _, rest = url.partition("://")
    reason = str(error) or type(error).__name__
    return EngineUnavailable(
        f"{engine} does not answer at {scheme}://{rest.rpartition('@')[2]} ({reason}); start one ({start}), or unset "
        "BUS_URL to use the simulator in this process"
    )
