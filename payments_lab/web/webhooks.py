"""``POST /webhooks/stripe``: Stripe's own account of what happened, believed only with its signature.

The signature is checked by Stripe's library, over the bytes as they came. Its age is checked here, on the shop's clock:
older than five minutes, or from the future, it may be a replay. Any answer but 2xx makes Stripe send the event again.
Source: https://docs.stripe.com/webhooks/signature
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import FastAPI, Header, Request
from pydantic import BaseModel

from payments_lab.ports import Clock
from payments_lab.shop.errors import Definite
from payments_lab.shop.inbox import StripeInbox, parse_event
from payments_lab.web.bodies import parse, read_bytes

PATH = "/webhooks/stripe"
TOLERANCE_SECONDS = 300
LARGEST_EVENT = 256 * 1024
DEEPEST_EVENT = 32


class BadSignature(Definite):
    """Not from Stripe, or not from now."""


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Where events go, and the endpoint's signing secret, ``whsec_…``."""

    inbox: StripeInbox
    secret: str
    clock: Clock


class Received(BaseModel):
    """The event is taken: Stripe need not send it again."""

    received: bool = True


Signature = Annotated[str | None, Header(alias="Stripe-Signature")]


def install(app: FastAPI, webhooks: Webhooks) -> None:
    """The route that Stripe posts events to."""

    @app.post(PATH, include_in_schema=False)
    async def receive(request: Request, signature: Signature = None) -> Received:  # pyright: ignore[reportUnusedFunction]
        """An event of Stripe's, signed with the endpoint's secret."""
        body = await read_bytes(request, LARGEST_EVENT)
        verify(body, signature, webhooks.secret, webhooks.clock.now())
        await webhooks.inbox.receive(parse_event(parse(body, DEEPEST_EVENT)))
        return Received()


def verify(body: bytes, signature: str | None, secret: str, now: datetime) -> None:
    """Nothing, if ``signature`` is Stripe's over ``body`` and of the last five minutes; else BadSignature."""
    from stripe import SignatureVerificationError, WebhookSignature

    header = signature if signature and signature.isascii() else None
    try:
        WebhookSignature.verify_header(body, header, secret)  # pyright: ignore[reportUnknownMemberType]
    except (SignatureVerificationError, UnicodeDecodeError):
        raise BadSignature("this is not signed by Stripe with this endpoint's secret") from None
    if abs(int(now.timestamp()) - _signed_at(header or "")) > TOLERANCE_SECONDS:
        raise BadSignature(f"this was signed more than {TOLERANCE_SECONDS} seconds away from now")


def _signed_at(signature: str) -> int:
    """The one moment that a signature names, in Unix seconds; two of them name none."""
    moments = [part[2:] for part in signature.split(",") if part.startswith("t=")]
    if len(moments) != 1 or not moments[0].isdecimal():
        raise BadSignature("the signature does not name one moment")
    return int(moments[0])
