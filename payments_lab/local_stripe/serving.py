"""The server around the app: uvicorn, on a clock that can be moved."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from uvicorn import Config, Server
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from payments_lab.local_stripe.server import ABORT, Receive, Send, StripeApp
from payments_lab.ports import Clock, SystemClock


class MovedClock:
    """Another clock, some time ahead."""

    def __init__(self, behind: Clock | None = None) -> None:
        self._behind = behind or SystemClock()
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return self._behind.now() + self._ahead

    def advance(self, by: timedelta | float) -> datetime:
        """Go further ahead, by a timedelta or by seconds; a clock never goes back (ValueError)."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if step < timedelta(0):
            raise ValueError(f"a clock cannot go back, and was asked to by {-step}")
        self._ahead += step
        return self.now()


_Protocol: Any = AutoHTTPProtocol


class AbortableProtocol(_Protocol):
    """uvicorn's protocol, whose app may break the connection off without a word.

    With httptools installed, uvicorn parses with that, which makes the server about a third faster.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)  # pyright: ignore[reportUnknownMemberType]
        app = self.app

        async def abortable(scope: Any, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[ABORT] = transport.abort
            await app(scope, receive, send)

        self.app = abortable


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any free one. OSError when the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be named: asyncio switches off Nagle's delay only where it sees TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError:
        listening.close()
        raise
    return listening


class ReadyServer(Server):
    """uvicorn's server, which says when it takes requests."""

    def __init__(self, config: Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(app: StripeApp, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Answer until told to stop (Ctrl-C, SIGTERM); ``ready`` is called once requests are taken."""
    config = Config(
        app,  # pyright: ignore[reportArgumentType]
        http=AbortableProtocol,
        lifespan="on",
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    ReadyServer(config, ready).run(sockets=[listening])
