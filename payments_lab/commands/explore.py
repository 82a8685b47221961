"""A named exploration: a scenario on the package's own service, a bug of the zoo, or your service."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from payments_lab.commands import WrongUse
from payments_lab.garbage import loading

if TYPE_CHECKING:
    from payments_lab.explore.report import Report
    from payments_lab.explore.search import Search

HELP = "run a named exploration, or list them"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="a scenario, or a bug of the zoo; 'usual' for the usual scenarios")
    parser.add_argument("--service", metavar="MODULE:CLASS", help="your payments service instead of the package's own")
    parser.add_argument("--orders", metavar="MODULE:CLASS", help="your orders service")
    parser.add_argument("--crashes", type=int, default=None, metavar="N", help="at most so many in a story")
    parser.add_argument("--duplicates", type=int, default=None, metavar="N", help="likewise")
    parser.add_argument("--lost-replies", type=int, default=None, metavar="N", help="likewise")
    parser.add_argument("--all", action="store_true", help="go on after the first violation")
    parser.add_argument("--reduce", action="store_true", help="leave out orders of steps that make no difference")
    parser.add_argument(
        "--atomic",
        action="append",
        default=[],
        choices=("orders", "expiration"),
        help="what this service does takes effect at once; may be given twice",
    )
    parser.add_argument(
        "--max-schedules",
        type=int,
        metavar="N",
        help="how many states to explore of a scenario, or how many schedules to play with --seed",
    )
    parser.add_argument("--seed", type=int, help="play random schedules from this seed on, instead of all")
    parser.add_argument("--seconds", type=float, default=120.0, help="when to give up; 120 unless told")
    parser.add_argument(
        "--save", metavar="FILE", help="write the first counterexample as JSON, for payments-lab replay"
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.name is None:
        return _list(arguments)
    report = _report(arguments)
    if arguments.save and report.violations:
        report.violations[0].save(arguments.save)
    if arguments.json:
        print(json.dumps(report.as_json()))
    else:
        print(report)
    return report.status


def _list(arguments: argparse.Namespace) -> int:
    from payments_lab.explore import SCENARIOS
    from payments_lab.explore.zoo import BUGS

    if arguments.json:
        bugs = [{"name": each.name, "invariant": each.invariant, "sentence": each.sentence} for each in BUGS]
        scenarios = [{"name": each.name, "sentence": each.sentence} for each in SCENARIOS.values()]
        print(json.dumps({"scenarios": scenarios, "bugs": bugs}))
        return 0
    width = max(len(name) for name in [*SCENARIOS, *(bug.name for bug in BUGS)])
    print("Scenarios, on the package's own service or on yours (--service my_shop:MyService):\n")
    for scenario in SCENARIOS.values():
        print(f"  {scenario.name:<{width}}  {scenario.sentence}")
    print("\nThe zoo, each a bug that is found:\n")
    for bug in BUGS:
        print(f"  {bug.name:<{width}}  {bug.invariant}")
    return 0


def _report(arguments: argparse.Namespace) -> Report:
    with loading():
        from payments_lab.explore import SCENARIOS, Faults, verify
        from payments_lab.explore.replaying import load_class
        from payments_lab.explore.verification import NoService
        from payments_lab.explore.zoo import BUGS

    bug = next((each for each in BUGS if each.name == arguments.name), None)
    if bug is None and arguments.name not in (*SCENARIOS, "usual"):
        raise WrongUse(f"there is no exploration {arguments.name!r}; payments-lab explore lists them")
    asked = {"crashes": arguments.crashes, "duplicates": arguments.duplicates, "lost_replies": arguments.lost_replies}
    given = {name: count for name, count in asked.items() if count is not None}
    options: dict[str, Any] = {
        "stop_at_first": not arguments.all,
        "reduce": arguments.reduce,
        "atomic": arguments.atomic,
        "seconds": arguments.seconds,
    }
    if arguments.seed is not None:
        options |= {"seed": arguments.seed, "schedules": arguments.max_schedules or 10_000}
    elif arguments.max_schedules is not None:
        options["max_states"] = arguments.max_schedules
    try:
        if bug is not None:
            faults = Faults(**given) if given else bug.faults
            return verify(
                bug.service,
                orders=bug.orders,
                scenario=bug.scenario,
                faults=faults,
                invariants=[bug.invariant],
                **options,
            )
        return verify(
            load_class(arguments.service or "payments_lab:PaymentsService"),
            orders=load_class(arguments.orders) if arguments.orders else None,
            scenario=None if arguments.name == "usual" else arguments.name,
            faults=Faults(**given),
            progress=None if arguments.json else _progress,
            **options,
        )
    except (ValueError, NoService) as error:
        raise WrongUse(str(error)) from error


def _progress(search: Search) -> None:
    if sys.stderr.isatty():
        line = f"{search.states:,} states, {search.transitions:,} steps, {search.frontier:,} to follow up"
        print(f"\r{line}", end="", file=sys.stderr, flush=True)
