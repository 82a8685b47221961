"""One story, played again on the code as it is now."""

from __future__ import annotations

import argparse
import json

from payments_lab.commands import BAD, GOOD, WrongUse

HELP = "replay a saved counterexample"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="a file that explore --save wrote, or a token")
    parser.add_argument("--service", metavar="MODULE:CLASS", help="the payments service, where the file does not say")
    parser.add_argument("--orders", metavar="MODULE:CLASS", help="the orders service, likewise")


def run(arguments: argparse.Namespace) -> int:
    from payments_lab.explore.replaying import load_class, replay

    try:
        played = replay(
            arguments.file,
            load_class(arguments.service) if arguments.service else None,
            orders=load_class(arguments.orders) if arguments.orders else None,
        )
    except (ValueError, OSError) as error:
        raise WrongUse(str(error)) from error
    if arguments.json:
        violations = [{"invariant": each.invariant, "message": each.message} for each in played.violations]
        print(json.dumps({"violations": violations, "stale": played.stale}))
        return GOOD if played.ok else BAD
    print(played)
    if played.stale:
        print(f"\nThe code has changed since: {played.stale}")
    return GOOD if played.ok else BAD
