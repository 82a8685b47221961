"""Signing in and out over HTTP, and the page that does so."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from payments_lab.lab import Lab
from payments_lab.web import page
from payments_lab.web.app import create_app
from payments_lab.web.sessions import COOKIE, Sessions

pytestmark = pytest.mark.anyio

SESSION = "/api/session"


@pytest.mark.parametrize("prefix", ["", f"{COOKIE}="])
async def test_a_token_of_ours_becomes_a_cookie_that_no_script_and_no_other_site_uses(
    http: httpx.AsyncClient, sessions: Sessions, prefix: str
) -> None:
    reply = await http.post(SESSION, json={"token": prefix + sessions.issue("ada")})

    assert (reply.status_code, reply.json()) == (200, {"userId": "ada"})
    said = reply.headers["Set-Cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    assert "secure" not in said
    assert (await http.get(SESSION)).json() == {"userId": "ada"}


async def test_behind_https_the_cookie_travels_over_https_only(lab: Lab, sessions: Sessions) -> None:
    app = create_app(sessions, payments=lab.payments, public_url="https://shop.example")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://shop.example") as http:
        reply = await http.post(SESSION, json={"token": sessions.issue("ada")})

    assert "secure" in reply.headers["Set-Cookie"].lower()


async def test_whoever_signs_out_is_nobody(http: httpx.AsyncClient, sessions: Sessions) -> None:
    await http.post(SESSION, json={"token": sessions.issue("ada")})

    assert (await http.delete(SESSION)).status_code == 204
    assert (await http.get(SESSION)).status_code == 401


@pytest.mark.parametrize(
    "token", ["nonsense", "eyJhbGciOiJub25lIn0.e30.", "session=", "ada\r\nSet-Cookie: session=x", "é"]
)
async def test_a_token_that_is_not_ours_begins_no_session(http: httpx.AsyncClient, token: str) -> None:
    reply = await http.post(SESSION, json={"token": token})

    assert reply.status_code == 401
    assert "Set-Cookie" not in reply.headers


async def test_an_expired_token_begins_no_session(http: httpx.AsyncClient, lab: Lab, sessions: Sessions) -> None:
    token = sessions.issue("ada")
    lab.clock.advance(timedelta(hours=12))

    assert (await http.post(SESSION, json={"token": token})).status_code == 401


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": {"$ne": None}}, {"token": "x" * 5000}, {"user": "ada"}])
async def test_a_body_that_names_no_token_is_400(http: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert (await http.post(SESSION, json=body)).status_code == 400


@pytest.mark.parametrize("path", page.FILES)
async def test_the_page_is_from_this_server_alone_and_in_nobodys_frame(http: httpx.AsyncClient, path: str) -> None:
    reply = await http.get(path)

    policy = dict(part.strip().split(" ", 1) for part in reply.headers["Content-Security-Policy"].split(";"))
    assert reply.status_code == 200
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert (policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'")
    assert "unsafe" not in reply.headers["Content-Security-Policy"]
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "//" not in reply.text.replace("// ", "").replace("http://www.w3.org", "")


async def test_the_page_is_there_only_where_orders_and_payments_are(lab: Lab, sessions: Sessions) -> None:
    app = create_app(sessions, payments=lab.payments)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http:
        assert (await http.get("/")).status_code == 404
