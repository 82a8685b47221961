"""The shop, or some of its services, over HTTP."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from payments_lab.commands import WrongUse
from payments_lab.garbage import loading

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from payments_lab.connected import ConnectedShop
    from payments_lab.local_stripe import LocalStripe
    from payments_lab.local_stripe.courier import Courier
    from payments_lab.settings import Settings
    from payments_lab.web.sessions import Sessions

HELP = "the shop over HTTP"

CHOICES = ("all", "orders", "payments", "expiration")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--service", choices=CHOICES, default="all", help="which service this process runs")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    add_engines(parser)


def add_engines(parser: argparse.ArgumentParser) -> None:
    """The options that name real engines."""
    for name, example in (
        ("bus", "nats://127.0.0.1:4222 or redis://127.0.0.1:6379"),
        ("mongo", "mongodb://127.0.0.1:27017"),
        ("redis", "redis://127.0.0.1:6379"),
        ("stripe", "a local Stripe, http://127.0.0.1:12111"),
    ):
        parser.add_argument(f"--{name}", metavar="URL", help=f"{example}; embedded without it")


def run(arguments: argparse.Namespace) -> int:
    with loading():
        settings = settings_of(arguments)
    _check_port(arguments.host, arguments.port)
    asyncio.run(_serve(arguments, settings))
    return 0


async def _serve(arguments: argparse.Namespace, settings: Settings) -> None:
    with loading():
        server = await _open(arguments, settings)
    # What is there by now stays; no request waits until the collector has walked it.
    gc.freeze()
    await server.serve()


async def _open(arguments: argparse.Namespace, settings: Settings) -> uvicorn.Server:
    """The server, ready to serve; where it will be is said."""
    import uvicorn

    from payments_lab.bus.protocol import BusError
    from payments_lab.connected import SERVICES, connect_shop
    from payments_lab.stores.connect import EngineUnavailable
    from payments_lab.telemetry.logs import write_logs

    write_logs(arguments.service, secrets=settings.secrets())
    services = SERVICES if arguments.service == "all" else (arguments.service,)
    try:
        shop = await connect_shop(settings, name=f"{arguments.service}-{arguments.port}", services=services)
    except (EngineUnavailable, BusError) as error:
        raise WrongUse(str(error)) from error

    address = f"http://{arguments.host}:{arguments.port}"
    sessions = _sessions(settings)
    app, courier = _app(shop, services, settings, sessions, address)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await shop.start(services)
        if courier is not None:
            courier.start()
        yield
        if courier is not None:
            await courier.stop()
        await shop.close()

    app.router.lifespan_context = lifespan
    facts: dict[str, Any] = {"url": address, "services": list(services)}
    if settings.jwt_key is None:
        facts["sign_in"] = f"{address}/#session={sessions.issue('ada')}"
    print(json.dumps(facts) if arguments.json else _welcome(facts), flush=True)
    config = uvicorn.Config(app, arguments.host, arguments.port, log_level="warning", access_log=False)
    config.load()
    return uvicorn.Server(config)


def _welcome(facts: dict[str, Any]) -> str:
    lines = [f"{', '.join(facts['services'])} at {facts['url']}, docs at {facts['url']}/docs"]
    if "sign_in" in facts:
        lines.append(f"no JWT_KEY is set, so sessions end with this process; be ada at\n  {facts['sign_in']}")
    return "\n".join(lines)


def _sessions(settings: Settings) -> Sessions:
    from payments_lab.ports import SystemClock
    from payments_lab.web.sessions import Sessions

    return Sessions(SystemClock(), settings.jwt_key.get_secret_value() if settings.jwt_key else None)


def _app(
    shop: ConnectedShop, services: tuple[str, ...], settings: Settings, sessions: Sessions, address: str
) -> tuple[FastAPI, Courier | None]:
    """The app, and who brings it the webhooks of a Stripe that runs in this process."""
    from payments_lab.ports import SystemClock
    from payments_lab.web.app import create_app
    from payments_lab.web.webhooks import Webhooks

    near = address.replace("//0.0.0.0:", "//127.0.0.1:")
    public_url = settings.public_url or (address if near == address else None)
    stripe = shop.embedded_stripe if "payments" in services else None
    secret = _webhook_secret(settings) if stripe is None else _registered(stripe, shop, near)
    app = create_app(
        sessions,
        payments=shop.payments if "payments" in services else None,
        orders=shop.orders if "orders" in services else None,
        stripe=Webhooks(shop.inbox, secret, SystemClock()) if secret and "payments" in services else None,
        public_url=public_url,
        ready=shop.ready,
        longest_lag=settings.outbox_lag_limit,
    )
    if stripe is None:
        return app, None
    from payments_lab.local_stripe.courier import Courier
    from payments_lab.web import bank

    bank.install(app, stripe, public_url or near)
    return app, Courier(stripe)


def _webhook_secret(settings: Settings) -> str | None:
    secret = settings.stripe_webhook_secret
    return None if secret is None else secret.get_secret_value()


def _registered(stripe: LocalStripe, shop: ConnectedShop, address: str) -> str:
    """Tell the embedded Stripe to send its events here; the secret that it signs them with."""
    from payments_lab.web.webhooks import PATH

    params: Any = {"url": f"{address}{PATH}", "enabled_events": shop.inbox.heeds}
    made = stripe.client().v1.webhook_endpoints.create(params)
    return str(made.secret)


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings, with the engines that the options name."""
    from payments_lab.settings import Settings, SettingsError

    given = {f"{name}_url": getattr(arguments, name) for name in ("bus", "mongo", "redis", "stripe")}
    try:
        return Settings.load(**{name: url for name, url in given.items() if url is not None})
    except SettingsError as error:
        raise WrongUse(str(error)) from error


def _check_port(host: str, port: int) -> None:
    if not 0 < port <= 65535:
        raise WrongUse(f"{port} is no port; ports go from 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise WrongUse(f"port {port} on {host} is taken ({error.strerror}); choose another with --port") from error
