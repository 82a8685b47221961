"""The bank's page of 3-D Secure, for a shop whose Stripe runs in its own process and has no address of its own."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.challenge import answer_challenge
from payments_lab.web.bodies import read_bytes

PATH = "/3d-secure"


def install(app: FastAPI, stripe: LocalStripe, public_url: str) -> None:
    """Show the page under ``public_url``, and tell Stripe that it is there."""
    stripe.challenge_page = f"{public_url}{PATH}"

    @app.api_route(f"{PATH}/{{intent_id}}", methods=["GET", "POST"], include_in_schema=False)
    async def challenge(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        body = (await read_bytes(request)).decode(errors="replace")
        answer = answer_challenge(stripe, request.method, request.url.path, body)
        return Response(answer.body, answer.status, dict(answer.headers))
