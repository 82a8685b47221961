"""``/api/session``: turning the token that `payments-lab login` prints into a cookie that no script can read."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from pydantic import Field

from payments_lab.web.bodies import Body, read, takes
from payments_lab.web.replies import NotSignedIn
from payments_lab.web.sessions import COOKIE, LIFETIME, LONGEST_TOKEN, Sessions

PATH = "/api/session"


class NewSession(Body):
    """``token`` is what `payments-lab login` prints, with ``session=`` before it or without."""

    token: Annotated[str, Field(min_length=1, max_length=LONGEST_TOKEN)]


def install(app: FastAPI, sessions: Sessions, user: Any, *, secure: bool) -> None:
    """Signing in, out, and asking who one is. A ``secure`` cookie travels over HTTPS only."""

    @app.post(PATH, openapi_extra=takes(NewSession), tags=["session"])
    async def sign_in(request: Request, response: Response) -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        """Begin a session with a token that this shop has signed."""
        token = (await read(request, NewSession)).token.removeprefix(f"{COOKIE}=")
        user_id = sessions.user(token)
        if user_id is None:
            raise NotSignedIn
        response.set_cookie(
            COOKIE, token, max_age=int(LIFETIME.total_seconds()), httponly=True, samesite="strict", secure=secure
        )
        return {"userId": user_id}

    @app.get(PATH, tags=["session"])
    async def who(user_id: str = user) -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        """Who is signed in."""
        return {"userId": user_id}

    @app.delete(PATH, status_code=204, tags=["session"])
    async def sign_out(response: Response) -> None:  # pyright: ignore[reportUnusedFunction]
        """End the session in this browser."""
        response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=secure)
