"""The local Stripe over HTTP, which loses a share of its replies: ``python forgetful_stripe.py PORT SHARE SEED``.

``GET /_lost`` says how many.
"""

from __future__ import annotations

import sys
from random import Random
from typing import Any

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.requests import Request
from payments_lab.local_stripe.server import StripeApp
from payments_lab.local_stripe.serving import MovedClock, open_socket, serve


class ForgetfulStripe(StripeApp):
    """Does what it is asked, and hangs up now and then before it has said so."""

    def __init__(self, share: float, seed: str) -> None:
        super().__init__(LocalStripe(MovedClock()))
        self._share = share
        self._random = Random(seed)
        self._lost = 0
        self.stripe.faults.choose = self._choose

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/_lost":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(self._lost).encode()})
            return
        await super().__call__(scope, receive, send)

    def _choose(self, _: Request) -> Any:
        if self._random.random() >= self._share:
            return None
        self._lost += 1
        return "reply lost"


def main(port: str, share: str, seed: str) -> None:
    serve(ForgetfulStripe(float(share), seed), open_socket("127.0.0.1", int(port)), lambda: None)


if __name__ == "__main__":
    main(*sys.argv[1:])
