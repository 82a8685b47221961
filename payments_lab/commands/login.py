"""A session cookie for manual testing."""

from __future__ import annotations

import argparse
import json

from payments_lab.commands import WrongUse

HELP = "print a session cookie for manual testing"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", help="the user's id, such as ada")


def run(arguments: argparse.Namespace) -> int:
    from payments_lab.ports import SystemClock
    from payments_lab.settings import Settings, SettingsError
    from payments_lab.web.sessions import COOKIE, Sessions

    try:
        settings = Settings.load()
    except SettingsError as error:
        raise WrongUse(str(error)) from error
    if settings.jwt_key is None:
        raise WrongUse("JWT_KEY is not set: give it to this command and to `payments-lab serve`, 32 characters or more")
    token = Sessions(SystemClock(), settings.jwt_key.get_secret_value()).issue(arguments.user)
    print(json.dumps({"cookie": COOKIE, "token": token}) if arguments.json else f"{COOKIE}={token}")
    return 0
