"""The front door: ``payments-lab COMMAND``, also ``python -m payments_lab COMMAND``.

Exit status: 0 good, 1 the thing checked is bad, 2 wrong use, 3 unproven.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from payments_lab import __version__
from payments_lab.commands import WRONG_USE, WrongUse
from payments_lab.garbage import loading

# The list must be quick to print, so it holds each line of help itself; a test holds it equal to the modules' own.
COMMANDS = {
    "demo": "the whole flow, end to end, on embedded engines: order created, replicated, charged, completed",
    "lab": "open JupyterLab at the course",
    "doctor": "what is installed, which engines answer, what to do about what is missing",
    "swarm": "thousands of short lives of the shop under chaos; after each the books must agree",
    "serve": "the shop over HTTP",
    "login": "print a session cookie for manual testing",
    "reconcile": "compare Stripe, payments and orders, and name every difference",
    "stripe": "the local Stripe over HTTP",
    "explore": "run a named exploration, or list them",
    "replay": "replay a saved counterexample",
    "progress": "what a student has solved",
    "reset": "bring a notebook back as it was, keeping a copy of the old one",
    "report": "what a student can hand in: one JSON file, one page",
    "collect": "a class's reports in one table",
}

INTERRUPTED = 130


class Command(Protocol):
    """What a module in ``payments_lab.commands`` offers."""

    HELP: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of this command to its parser."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it, and say how it went: an exit status."""
        ...


def available() -> list[str]:
    """The names of the commands that this installation has."""
    return [name for name in COMMANDS if find_spec(f"payments_lab.commands.{name}") is not None]


def load(name: str) -> Command:
    """The module behind a command."""
    with loading():
        command: Command = import_module(f"payments_lab.commands.{name}")  # pyright: ignore[reportAssignmentType]
    return command


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; ``argv`` is without the program's name."""
    words = sys.argv[1:] if argv is None else list(argv)
    asked = next((word for word in words if not word.startswith("-")), None)
    command = load(asked) if asked in available() else None
    parser = _parser(asked, command)
    try:
        arguments = parser.parse_args(words)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else WRONG_USE
    if command is None:
        parser.print_help(sys.stderr)
        return WRONG_USE
    return _run(command, arguments)


def _parser(asked: str | None, command: Command | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="payments-lab",
        description="A workbench for an event-driven payments service.",
        epilog="Exit status: 0 good, 1 the thing checked is bad, 2 wrong use, 3 unproven.",
    )
    parser.add_argument("--version", action="version", version=f"payments-lab {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")
    for name in available():
        subparser = commands.add_parser(name, help=COMMANDS[name], description=COMMANDS[name])
        subparser.add_argument("--json", action="store_true", help="one JSON object, for programs")
        if command is not None and name == asked:
            command.configure(subparser)
    return parser


def _run(command: Command, arguments: argparse.Namespace) -> int:
    try:
        status = command.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (``payments-lab demo | head -1``): nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not isinstance(error, _plain_errors()):
            raise
        _complain(str(error), arguments)
        return WRONG_USE
    return status


def _plain_errors() -> tuple[type[Exception], ...]:
    """Errors whose message is all that a person needs: no traceback."""
    from payments_lab.settings import SettingsError
    from payments_lab.stores.connect import EngineUnavailable

    return WrongUse, SettingsError, EngineUnavailable


def _complain(message: str, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps({"error": message}))
        return
    print(f"payments-lab {arguments.command}: {message}", file=sys.stderr)
