"""Every request belongs to a trace: the client's, if it names one, or its own. One line is logged for each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from payments_lab.telemetry.spans import span
from payments_lab.telemetry.trace import Trace
from payments_lab.web import replies

log = logging.getLogger("payments_lab.web")

TRACE_HEADER = b"trace-id"
QUIET = ("/healthz", "/readyz")
LONGEST_PATH = 300


class Traced:
    """ASGI middleware, the outermost of all.

    An error that nobody foresaw is logged here, within its trace, and answered with a 500. The reply names the trace as
    ``Trace-Id``, for whoever asks what became of a request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with span(f"HTTP {scope['method']}", Trace.parse(_traceparent(scope["headers"]))) as place:
            await self._traced(scope, receive, send, place)

    async def _traced(self, scope: Scope, receive: Receive, send: Send, place: Trace) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (TRACE_HEADER, place.trace_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            log.error("%s %s failed", *_said(scope), exc_info=error)
            if status:
                raise
            await replies.failed()(scope, receive, noting)
        finally:
            level = logging.DEBUG if scope["path"] in QUIET else logging.INFO
            if log.isEnabledFor(level):
                log.log(level, "%s %s", *_said(scope), extra=_facts(status, loop.time() - begun))


def _traceparent(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The one header that says it; two of them say nothing."""
    found = [value for name, value in headers if name == b"traceparent"]
    return found[0].decode("latin-1") if len(found) == 1 else None


def _said(scope: Scope) -> tuple[str, str]:
    return scope["method"], scope["path"][:LONGEST_PATH]


def _facts(status: int, seconds: float) -> dict[str, Any]:
    return {"status": status, "milliseconds": round(seconds * 1000, 1)}
