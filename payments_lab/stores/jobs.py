"""The delayed-jobs port: the part of ``redis.asyncio.Redis`` that the shop uses.

Source: https://redis.readthedocs.io/en/stable/commands.html (zadd, zrangebyscore, zrem)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol

from payments_lab.ports import Operation, checkpoint


class SortedSets(Protocol):
    """Sorted sets by name; scores are numbers, members strings (bytes when they come back from a default client)."""

    async def zadd(self, name: str, mapping: Mapping[str, float]) -> Any: ...
    async def zrangebyscore(self, name: str, min: float | str, max: float | str) -> list[Any]: ...
    async def zrem(self, name: str, *values: str) -> Any: ...


class EmbeddedRedis:
    """fakeredis behind awaitable methods: every call is one checkpoint on the resource ``<name>.redis``."""

    def __init__(self, name: str = "expiration") -> None:
        self._resource = f"{name}.redis"

    @cached_property
    def _redis(self) -> Any:
        import fakeredis

        return fakeredis.FakeStrictRedis(decode_responses=True, server=fakeredis.FakeServer())

    @property
    def name(self) -> str:
        return self._resource

    async def zadd(self, name: str, mapping: Mapping[str, float]) -> int:
        return await checkpoint(
            Operation(self._resource, "zadd", (name, dict(mapping)), writes=True),
            lambda: self._redis.zadd(name, mapping),
        )

    async def zrangebyscore(self, name: str, min: float | str, max: float | str) -> list[str]:
        return await checkpoint(
            Operation(self._resource, "zrangebyscore", (name, min, max), writes=False),
            lambda: self._redis.zrangebyscore(name, min, max),
        )

    async def zrem(self, name: str, *values: str) -> int:
        return await checkpoint(
            Operation(self._resource, "zrem", (name, values), writes=True), lambda: self._redis.zrem(name, *values)
        )

    def jobs(self, name: str) -> list[tuple[str, float]]:
        """Members and scores by score, for a person who looks from outside; no checkpoint is passed."""
        return self._redis.zrange(name, 0, -1, withscores=True)

    def snapshot(self) -> bytes:
        import json

        sets = {name: self.jobs(name) for name in sorted(self._redis.keys())}
        return json.dumps(sets).encode()

    def restore(self, snapshot: bytes) -> None:
        import json

        self._redis.flushall()
        for name, members in json.loads(snapshot).items():
            self._redis.zadd(name, dict(members))
