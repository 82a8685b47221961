"""One shape for every error: ``{"errors": [{"message", "field"?}]}``."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pymongo.errors import ConnectionFailure
from starlette.exceptions import HTTPException

from payments_lab.bus.protocol import PublishUnconfirmed
from payments_lab.shop.errors import Declined, Indefinite, ShopError

log = logging.getLogger("payments_lab.web")

RETRY_AFTER = "1"
AWAY = "an engine does not answer, so nobody knows whether this was done; ask again with the same Idempotency-Key"


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
    async def unroutable(_: Request, error: HTTPException) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        return JSONResponse(_message(str(error.detail)), error.status_code, error.headers)

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


def _body(error: ShopError) -> dict[str, list[dict[str, str]]]:
    body = error.body()
    if isinstance(error, Declined):
        body["errors"][0]["declineCode"] = error.decline_code
    return body


def _message(text: str) -> dict[str, list[dict[str, str]]]:
    return {"errors": [{"message": text}]}
