"""What is installed, which engines answer, and what to do about what is missing."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal

from payments_lab.commands import BAD, GOOD

if TYPE_CHECKING:
    from stripe import StripeClient

    from payments_lab.settings import Settings

HELP = "what is installed, which engines answer, what to do about what is missing"

OLDEST_PYTHON = (3, 11)
PATIENCE = 2.0

CORE = ("stripe", "pymongo", "mongomock", "redis", "fakeredis", "pydantic", "pydantic-settings")
EXTRAS = {"jupyterlab": "lab", "ipywidgets": "lab", "fastapi": "web", "uvicorn": "web", "nats-py": "nats"}
PROGRAMS = {
    "chromium": "the browser tests need it: apt-get install chromium",
    "node": "the tests with Stripe's own Node library need it: apt-get install nodejs npm",
    "spin": "the explorer's state counts are checked against it: apt-get install spin",
}
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
MARKS = {"ok": "ok", "absent": "--", "broken": "!!"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``absent``: missing, and only some uses need it; ``broken``: mend it first."""

    name: str
    state: Literal["ok", "absent", "broken"]
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Engine:
    """An engine that can be embedded or named by a URL; ``ping`` gives its version or raises EngineUnavailable."""

    name: str
    variable: str
    url: str | None
    embedded: str
    start: str
    ping: Callable[[str], Awaitable[str]]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = f"{HELP}. Exit status 0 when all that is required is there, else 1."


def run(arguments: argparse.Namespace) -> int:
    findings = asyncio.run(examine())
    broken = [finding.name for finding in findings if finding.state == "broken"]
    if arguments.json:
        print(json.dumps({"ok": not broken, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        print(_page(findings, broken))
    return BAD if broken else GOOD


async def examine() -> list[Finding]:
    """Look at everything, one finding each."""
    here = [
        _python(),
        *(_package(name, "payments-lab") for name in CORE),
        *(_package(name, f"payments-lab[{extra}]", required=False) for name, extra in EXTRAS.items()),
        *(_program(name, advice) for name, advice in PROGRAMS.items()),
    ]
    return [*here, *await _engines()]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", "broken", version, "install Python 3.11 or newer")
    return Finding("Python", "ok", version)


def _package(name: str, brought_by: str, *, required: bool = True) -> Finding:
    try:
        return Finding(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, "broken" if required else "absent", "not installed", f"try: pip install '{brought_by}'")


def _program(name: str, advice: str) -> Finding:
    path = shutil.which(name)
    return Finding(name, "ok", path) if path else Finding(name, "absent", "not found", advice)


async def _engines() -> list[Finding]:
    from payments_lab.settings import Settings, SettingsError

    try:
        settings = Settings.load()
    except SettingsError as error:
        return [Finding("settings", "broken", str(error), "correct the environment or the .env file")]
    return list(await asyncio.gather(*(_ask(engine) for engine in engines(settings)), _stripe(settings)))


def engines(settings: Settings) -> list[Engine]:
    """The engines that a URL can name."""
    bus = settings.bus_url or ""
    over_redis = bus.startswith(REDIS_SCHEMES)
    redis = "redis-server --port 6379"
    return [
        Engine("documents", "MONGO_URL", settings.mongo_url, "mongomock", "mongod --port 27017", _ping_mongo),
        Engine("delayed jobs", "REDIS_URL", settings.redis_url, "fakeredis", redis, _ping_redis),
        Engine("bus", "BUS_URL", bus, "the simulator", redis, _ping_redis)
        if over_redis
        else Engine("bus", "BUS_URL", bus, "the simulator", "nats-server -js --port 4222", _ping_nats),
    ]


async def _ask(engine: Engine) -> Finding:
    from payments_lab.stores.connect import EngineUnavailable

    if not engine.url:
        return Finding(engine.name, "ok", f"{engine.embedded}, in this process; {engine.variable} names another")
    try:
        return Finding(engine.name, "ok", f"answers, version {await engine.ping(engine.url)}")
    except EngineUnavailable as error:
        advice = f"start it ({engine.start}), or unset {engine.variable} to use {engine.embedded} in this process"
        return Finding(engine.name, "broken", str(error).partition("; ")[0], advice)


async def _ping_mongo(url: str) -> str:
    from payments_lab.stores.connect import connect_mongo

    client = (await connect_mongo(url, "payments")).client
    try:
        return str((await client.server_info())["version"])
    finally:
        await client.close()


async def _ping_redis(url: str) -> str:
    from payments_lab.stores.connect import connect_redis

    redis = await connect_redis(url)
    facts: Any = await redis.info("server")  # pyright: ignore[reportUnknownMemberType]
    await redis.aclose()
    return str(facts["redis_version"])


async def _ping_nats(url: str) -> str:
    from payments_lab.stores.connect import EngineUnavailable

    try:
        import nats
        from nats.errors import Error
    except ModuleNotFoundError as error:
        raise EngineUnavailable("nats-py is not installed (pip install 'payments-lab[nats]')") from error

    async def keep_quiet(error: Exception) -> None:
        """The error comes back from connect; nats-py would log its traceback as well."""

    host = url.removeprefix("nats://").rpartition("@")[2]
    try:
        client = await nats.connect(  # pyright: ignore[reportUnknownMemberType]
            url, connect_timeout=PATIENCE, max_reconnect_attempts=1, reconnect_time_wait=0, error_cb=keep_quiet
        )
    except (Error, OSError) as error:
        raise EngineUnavailable(f"NATS does not answer at {host} ({error})") from error
    try:
        await client.jetstream().account_info()  # pyright: ignore[reportUnknownMemberType]
    except Error as error:
        raise EngineUnavailable(f"NATS at {host} has no JetStream") from error
    finally:
        await client.close()
    version = client.connected_server_version
    return f"{version.major}.{version.minor}.{version.patch}"


async def _stripe(settings: Settings) -> Finding:
    key = settings.stripe_key
    if key is None:
        return Finding("Stripe", "ok", "the local Stripe, in this process; STRIPE_KEY names a test account")
    from stripe import StripeClient

    return await ask_stripe(StripeClient(key.get_secret_value(), max_network_retries=0))


async def ask_stripe(client: StripeClient) -> Finding:
    """Whether Stripe takes the key of ``client``: one request, which changes nothing."""
    from stripe import APIConnectionError, StripeError

    local = "unset STRIPE_KEY to use the local Stripe in this process"
    try:
        await client.v1.charges.list_async({"limit": 1})
    except APIConnectionError:
        return Finding("Stripe", "broken", "does not answer", f"is this machine online? If not, {local}")
    except StripeError as error:
        return Finding("Stripe", "broken", f"refuses: {error.user_message}", f"correct STRIPE_KEY, or {local}")
    return Finding("Stripe", "ok", "answers in test mode")


def _page(findings: list[Finding], broken: list[str]) -> str:
    width = max(len(finding.name) for finding in findings)
    lines = [f"{MARKS[finding.state]}  {finding.name:{width}}  {_line(finding)}" for finding in findings]
    end = f"To mend: {', '.join(broken)}." if broken else "All that is required is here."
    return "\n".join([*lines, "", end])


def _line(finding: Finding) -> str:
    return f"{finding.found}; {finding.advice}" if finding.advice else finding.found
