"""Real engines by URL: MongoDB for documents, Redis or Valkey for delayed jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase
    from redis.asyncio import Redis

    from payments_lab.stores.documents import Document

PATIENCE = 2.0


class EngineUnavailable(ConnectionError):
    """An engine named in the settings does not answer; the message says which, how to start it, how to do without."""


async def connect_mongo(url: str, database: str) -> AsyncDatabase[Document]:
    """A database of the MongoDB at ``url``, checked with a ping; EngineUnavailable when there is no answer in 2 s."""
    from pymongo import AsyncMongoClient
    from pymongo.errors import PyMongoError

    try:
        client: AsyncMongoClient[Document] = AsyncMongoClient(
            url, tz_aware=True, serverSelectionTimeoutMS=int(PATIENCE * 1000)
        )
        await client.admin.command("ping")
    except PyMongoError as error:
        raise EngineUnavailable(
            f"MongoDB does not answer at {_without_password(url)} ({_first_line(error)}); "
            "start one (mongod --port 27017), or unset MONGO_URL to use mongomock in this process"
        ) from error
    return client[database]


async def connect_redis(url: str) -> Redis:
    """The Redis or Valkey at ``url``, checked with a ping; EngineUnavailable when there is no answer in 2 s."""
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    client: Any = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
        url, decode_responses=True, socket_connect_timeout=PATIENCE
    )
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        await client.aclose()
        raise EngineUnavailable(
            f"Redis does not answer at {_without_password(url)} ({_first_line(error)}); start one (redis-server --port "
            "6379), or unset REDIS_URL to use fakeredis in this process"
        ) from error
    return client


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _first_line(error: BaseException) -> str:
    return str(error).split(",")[0].splitlines()[0] if str(error) else type(error).__name__
