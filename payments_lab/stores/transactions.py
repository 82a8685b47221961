"""Writes that happen all together or not at all, where the store can: a MongoDB replica set.

They have a price: the server does not see that a client died within a transaction, and keeps the documents locked until
the transaction is a minute old.
Sources: https://www.mongodb.com/docs/manual/core/transactions/,
https://www.mongodb.com/docs/manual/reference/parameters/#mongodb-parameter-param.transactionLifetimeLimitSeconds
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient

    from payments_lab.stores.documents import Document

T = TypeVar("T")

PATIENCE = 5.0


class Together(Protocol):
    """Runs ``work``, which may be repeated, and lets none of its writes be seen before all of them are."""

    async def __call__(self, work: Callable[[], Awaitable[T]]) -> T: ...


async def one_after_the_other(work: Callable[[], Awaitable[T]]) -> T:
    """For a store without transactions: a crash may come between the writes, so their order has to make that good."""
    return await work()


async def together_on(client: AsyncMongoClient[Document]) -> Together:
    """Transactions on a replica set or behind mongos; on a server that stands alone, one write after the other."""
    hello = await client.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        return one_after_the_other
    return Transactions(client)


class Transactions:
    """One transaction for everything that ``work`` does on this client. PyMongo's errors come out, after 5 seconds."""

    def __init__(self, client: AsyncMongoClient[Document]) -> None:
        self._client = client

    async def __call__(self, work: Callable[[], Awaitable[T]]) -> T:
        import pymongo

        with pymongo.timeout(PATIENCE):
            async with self._client.start_session() as session, session.bind(end_session=False):
                return await session.with_transaction(lambda _: work())
