"""The checkout page at ``/``, for paying by hand: plain files from this server alone, so it works without a net."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import FastAPI, Response

FILES = {
    "/": ("index.html", "text/html"),
    "/checkout.css": ("checkout.css", "text/css"),
    "/checkout.js": ("checkout.js", "text/javascript"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def install(app: FastAPI) -> None:
    """The page and what it needs."""
    for path, (name, kind) in FILES.items():
        app.add_api_route(path, _shows(name, kind), include_in_schema=False)


def _shows(name: str, kind: str) -> Callable[[], Awaitable[Response]]:
    content = files("payments_lab.web").joinpath("checkout", name).read_bytes()

    async def show() -> Response:
        return Response(content, media_type=kind, headers=HEADERS)

    return show
