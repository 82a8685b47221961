"""The local Stripe over HTTP, for any language's Stripe library and for curl: a bare ASGI app.

Beside Stripe's own addresses it has the bank's page of 3-D Secure (``/3d-secure/…``), and ``/_local/…`` for what a
person in charge of a lab does: faults, time, webhooks (see :mod:`payments_lab.local_stripe.control`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, cast

from payments_lab.local_stripe.challenge import answer_challenge
from payments_lab.local_stripe.control import control
from payments_lab.local_stripe.courier import Courier
from payments_lab.local_stripe.errors import StripeRefusal, invalid_request
from payments_lab.local_stripe.idempotency import key_of
from payments_lab.local_stripe.requests import Headers, Request, Response
from payments_lab.local_stripe.service import LocalStripe
from payments_lab.local_stripe.wire import read_request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

logger = logging.getLogger(__name__)

LARGEST_BODY = 1024 * 1024
ABORT = "payments_lab.abort"
FORM = "application/x-www-form-urlencoded"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, idempotency-key, stripe-version",
    "Access-Control-Expose-Headers": "Request-Id, Idempotent-Replayed, Stripe-Version",
}


class TooLarge(Exception):
    """The body is larger than anybody's form."""


@dataclass(slots=True)
class Asked:
    """A request as it arrived, with its whole body."""

    method: str
    path: str
    query: str
    body: str
    headers: Headers
    origin: str


class StripeApp:
    """ASGI app around a :class:`LocalStripe`; webhooks are really posted to their endpoints."""

    def __init__(self, stripe: LocalStripe | None = None) -> None:
        self.stripe = stripe or LocalStripe()
        self.courier = Courier(self.stripe)
        self._numbers = count(1)
        self._cleared = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.courier.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.courier.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            asked = await _read(scope, receive)
        except TooLarge:
            await _send(send, _message(413, "Request body is too large."))
            return
        if asked is None:
            return
        try:
            response = await self._respond(asked)
        except Exception:
            logger.exception("%s %s", asked.method, asked.path)
            response = _message(500, "An unknown error occurred.", "api_error")
        if response is None:
            await _hang_up(scope, receive)
            return
        await _send(send, response, head=asked.method == "HEAD")

    async def _respond(self, asked: Asked) -> Response | None:
        """The answer; None where the line goes dead."""
        if asked.method == "OPTIONS":
            return Response(204, "", Headers(CORS))
        if asked.path.startswith("/_local"):
            if asked.method == "DELETE":
                self._let_go()
            return control(self.stripe, asked.method, asked.path, asked.query, asked.body)
        if asked.path.startswith("/3d-secure/"):
            return answer_challenge(self.stripe, asked.method, asked.path, asked.body)
        self.stripe.challenge_page = f"{asked.origin}/3d-secure"
        request = self._request(asked)
        response = self.stripe.exchange(request)
        if response is not None:
            await self._dawdle(request, response)
        return response

    def _request(self, asked: Asked) -> Request:
        form = "&".join(part for part in (asked.query, asked.body) if part)
        number = f"req_{next(self._numbers)}"
        request = read_request(asked.method, asked.path, form, asked.headers, number)
        refusal = _refuse_content(asked)
        return request if refusal is None else replace(request, malformed=refusal)

    async def _dawdle(self, request: Request, response: Response) -> None:
        """A slow reply: meanwhile its idempotency key is in use."""
        if not response.delay:
            return
        key = key_of(request)
        self.stripe.hold_key(key)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._cleared.wait(), response.delay)
        finally:
            self.stripe.release_key(key)

    def _let_go(self) -> None:
        """Nothing goes wrong any more: whoever dawdles answers."""
        self._cleared.set()
        self._cleared = asyncio.Event()


def _refuse_content(asked: Asked) -> StripeRefusal | None:
    kind = asked.headers.get("Content-Type", FORM).partition(";")[0].strip().lower()
    if asked.body and kind != FORM:
        return invalid_request(f"Invalid request (check that your POST content type is {FORM}).")
    if "\ufffd" in asked.body or "\ufffd" in asked.query:
        return invalid_request("Invalid request: it is not valid UTF-8.")
    return None


async def _read(scope: Scope, receive: Receive) -> Asked | None:
    """The whole request, None when the client is gone. Raises TooLarge."""
    headers = Headers()
    for name, value in scope["headers"]:
        headers[name.decode("latin-1")] = value.decode("latin-1")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += cast("bytes", message.get("body", b""))
        if len(body) > LARGEST_BODY:
            raise TooLarge
        if not message.get("more_body", False):
            break
    query = cast("bytes", scope.get("query_string", b"")).decode("utf-8", "replace")
    origin = f"{scope.get('scheme', 'http')}://{headers.get('Host', 'localhost')}"
    return Asked(scope["method"], scope["path"], query, body.decode("utf-8", "replace"), headers, origin)


async def _send(send: Send, response: Response, *, head: bool = False) -> None:
    body = b"" if head else response.body.encode()
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in response.headers.items()]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _message(status: int, text: str, kind: str = "invalid_request_error") -> Response:
    body = f'{{"error":{{"message":"{text}","type":"{kind}"}}}}'
    return Response(status, body, Headers({"Content-Type": "application/json"}))


async def _hang_up(scope: Scope, receive: Receive) -> None:
    """Break the connection off without a word, where the server lets us; where not, raise."""
    abort = scope.get("extensions", {}).get(ABORT)
    if abort is None:
        raise ConnectionResetError("the line goes dead, as it was asked to")
    abort()
    while (await receive())["type"] != "http.disconnect":
        pass
