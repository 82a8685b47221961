"""The local Stripe over HTTP."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from payments_lab.commands import GOOD, WrongUse
from payments_lab.garbage import loading

if TYPE_CHECKING:
    from payments_lab.local_stripe import LocalStripe

HELP = "the local Stripe over HTTP"

API_KEY = "sk_test_local"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=12111, help="0 for any free one")
    parser.add_argument(
        "--webhook", metavar="URL", help="send every event there; the signing secret is printed at the start"
    )


def run(arguments: argparse.Namespace) -> int:
    if not 0 <= arguments.port <= 65535:
        raise WrongUse(f"{arguments.port} is no port; ports go from 0 to 65535")
    try:
        with loading():
            from payments_lab.local_stripe import LocalStripe
            from payments_lab.local_stripe.server import StripeApp
            from payments_lab.local_stripe.serving import MovedClock, open_socket, serve
    except ModuleNotFoundError as missing:
        raise WrongUse(f"{missing.name} is not installed; try: pip install 'payments-lab[web]'") from None

    stripe = LocalStripe(MovedClock())
    secret = _add_webhook(stripe, arguments.webhook)
    try:
        listening = open_socket(arguments.host, arguments.port)
    except OSError as error:
        raise WrongUse(
            f"can't listen on {arguments.host}:{arguments.port} ({error.strerror}); is something else running there? "
            "Try another --port, or 0 for any free one"
        ) from None
    port = listening.getsockname()[1]
    facts = {"url": f"http://{_host(arguments.host)}:{port}", "api_key": API_KEY, "webhook_secret": secret}
    serve(StripeApp(stripe), listening, lambda: _announce(facts, as_json=arguments.json))
    return GOOD


def _add_webhook(stripe: LocalStripe, url: str | None) -> str | None:
    if url is None:
        return None
    from stripe import InvalidRequestError

    try:
        made = stripe.client(API_KEY).v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})
    except InvalidRequestError as error:
        raise WrongUse(f"--webhook {url}: {error.user_message}") from None
    return made.secret


def _announce(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts), flush=True)
        return
    lines = [
        f"The local Stripe answers at {facts['url']} (Ctrl-C stops it).",
        f"  key      {facts['api_key']}, or any other that starts with sk_test_",
        f"  Python   stripe.StripeClient({facts['api_key']!r}, base_addresses={{'api': {facts['url']!r}}})",
        f"  curl     curl {facts['url']}/v1/charges -u {facts['api_key']}: -d amount=2000 -d currency=usd "
        "-d source=tok_visa",
        f"  faults, time, webhooks: curl {facts['url']}/_local",
    ]
    if facts["webhook_secret"]:
        lines.append(f"  webhooks are signed with {facts['webhook_secret']}")
    print("\n".join(lines), flush=True)


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
