"""One shape for every error: ``{"errors": [{"message", "field"?}]}``."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pymongo.errors import ConnectionFailure
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from payments_lab.bus.protocol import PublishUnconfirmed
from payments_lab.shop.errors import Declined, Indefinite, ShopError

log = logging.getLogger("payments_lab.web")

RETRY_AFTER = "1"
AWAY = "an engine does not answer, so nobody knows whether this was done; ask again with the same Idempotency-Key"


class Error(BaseModel):
    """One thing that is wrong: in words, with the field that it is about, and a card's decline code."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    message: str
    field: str | None = None
    decline_code: str | None = None


class Errors(BaseModel):
    """The body of every reply that is no success."""

    errors: Annotated[list[Error], Field(min_length=1)]


class NotReady(ShopError):
    """An engine does not answer yet."""

    status = 503


class NotSignedIn(ShopError):
    status = 401

    def __init__(self) -> None:
        super().__init__("sign in first")


def install(app: FastAPI) -> None:
    """Give ``app`` the shop's error replies."""

    @app.exception_handler(ShopError)
    async def refused(_: Request, error: ShopError) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        headers = {"Retry-After": RETRY_AFTER} if isinstance(error, Indefinite) else None
        return JSONResponse(_body(error), error.status, headers)

    @app.exception_handler(HTTPException)
    async def unroutable(request: Request, error: HTTPException) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        headers = {"Allow": _methods(app, request)} if error.status_code == 405 else error.headers
        return JSONResponse(_message(str(error.detail)), error.status_code, headers)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        return JSONResponse(_message(str(error.errors()[0]["msg"])), 400)

    @app.exception_handler(PublishUnconfirmed)
    @app.exception_handler(ConnectionFailure)
    @app.exception_handler(ConnectionError)
    async def away(_: Request, error: Exception) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        log.warning("an engine did not answer: %s", error)
        return JSONResponse(_message(AWAY), 503, {"Retry-After": RETRY_AFTER})


def failed() -> JSONResponse:
    """What a client hears of an error that nobody foresaw: nothing of its cause."""
    return JSONResponse(_message("something went wrong; ask again with the same Idempotency-Key"), 500)


def _methods(app: FastAPI, request: Request) -> str:
    """What may be done at the path of ``request``, by all routes together; the router itself names one route's."""
    there = [
        route for route in app.routes if isinstance(route, Route) and route.matches(request.scope)[0] != Match.NONE
    ]
    return ", ".join(sorted({method for route in there for method in route.methods or ()}))


def _body(error: ShopError) -> dict[str, list[dict[str, str]]]:
    body = error.body()
    if isinstance(error, Declined):
        body["errors"][0]["declineCode"] = error.decline_code
    return body


def _message(text: str) -> dict[str, list[dict[str, str]]]:
    return {"errors": [{"message": text}]}
