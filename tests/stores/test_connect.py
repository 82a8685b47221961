"""An engine that is named but missing: which one, how to start it, how to do without."""

from __future__ import annotations

import socket

import pytest

from payments_lab.stores.connect import EngineUnavailable, connect_mongo, connect_redis

pytestmark = pytest.mark.anyio


@pytest.fixture
def nobody() -> str:
    """An address on which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"ada:secret@127.0.0.1:{held.getsockname()[1]}"


async def test_a_missing_mongodb_is_named_with_its_cure_and_without_the_password(
    nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments_lab.stores.connect.PATIENCE", 0.1)

    with pytest.raises(EngineUnavailable, match=r"MongoDB does not answer.*mongod.*unset MONGO_URL") as missing:
        await connect_mongo(f"mongodb://{nobody}", "payments")

    assert "secret" not in str(missing.value)


async def test_a_missing_redis_is_named_with_its_cure_and_without_the_password(nobody: str) -> None:
    with pytest.raises(EngineUnavailable, match=r"Redis does not answer.*redis-server.*unset REDIS_URL") as missing:
        await connect_redis(f"redis://{nobody}")

    assert "secret" not in str(missing.value)
