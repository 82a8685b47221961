"""What a supervisor asks: does the process run, and should it be sent requests now?

Readiness looks at the engines that the shop itself needs, and at how far its events lag behind. It does not ask Stripe:
were Stripe away, every copy would go at once, and with them the orders that need no Stripe.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from payments_lab.shop.outbox import Backlog
from payments_lab.web.replies import NotReady

LONGEST_LAG = 30.0

Check = Callable[[], Awaitable[Backlog | None]]


class Health(BaseModel):
    """The process runs."""

    status: str = "ok"


class Outbox(BaseModel):
    """Events that the bus has not got yet, and how many seconds ago the oldest of them happened."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    rows: int
    oldest_seconds: float


class Readiness(Health):
    """Every engine answers, and events do not lag behind."""

    outbox: Outbox


def install(app: FastAPI, ready: Check | None, longest_lag: float = LONGEST_LAG) -> None:
    """``/healthz`` and ``/readyz``. ``ready`` raises ConnectionError while an engine is away, and tells the backlog."""

    @app.get("/healthz", tags=["health"])
    async def healthy() -> Health:  # pyright: ignore[reportUnusedFunction]
        """The process runs."""
        return Health()

    @app.get("/readyz", tags=["health"])
    async def is_ready() -> Readiness:  # pyright: ignore[reportUnusedFunction]
        """Every engine answers, and events are published soon enough."""
        waiting = await _backlog(ready)
        if waiting.oldest_seconds > longest_lag:
            raise NotReady(
                f"{waiting.rows} events wait for the bus, the oldest for {waiting.oldest_seconds:.0f} s; "
                f"{longest_lag:g} s are allowed"
            )
        return Readiness(outbox=Outbox(rows=waiting.rows, oldest_seconds=round(waiting.oldest_seconds, 3)))


async def _backlog(ready: Check | None) -> Backlog:
    if ready is None:
        return Backlog(0, 0.0)
    try:
        return await ready() or Backlog(0, 0.0)
    except ConnectionError as error:
        raise NotReady(str(error)) from error
