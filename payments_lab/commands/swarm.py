"""Thousands of short lives of the shop under chaos, each from its seed."""

from __future__ import annotations

import argparse
import json
import time

HELP = "thousands of short lives of the shop under chaos; after each the books must agree"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lives", type=int, default=10_000, help="how many seeds, from --seed on")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; with --lives 1 it replays one life")


def run(arguments: argparse.Namespace) -> int:
    from payments_lab.swarm import live

    started = time.perf_counter()
    counts = {"lives": 0, "payments": 0, "redeliveries": 0, "deaths": 0, "stripe faults": 0}
    for seed in range(arguments.seed, arguments.seed + arguments.lives):
        life = live(seed)
        counts["lives"] += 1
        counts["payments"] += life.payments
        counts["redeliveries"] += life.redeliveries
        counts["deaths"] += life.deaths
        counts["stripe faults"] += life.stripe_faults
        if life.differences:
            differences = [f"{each.rule}: {each.message}" for each in life.differences]
            found = {"seed": seed, "differences": differences}
            told = "\n".join(
                [str(life.story), "", *differences, "", f"replay: payments-lab swarm --lives 1 --seed {seed}"]
            )
            print(json.dumps({**counts, **found}) if arguments.json else told)
            return 1
    seconds = time.perf_counter() - started
    if arguments.json:
        print(json.dumps({**counts, "seed": None, "differences": []}))
    else:
        facts = ", ".join(f"{count} {name}" for name, count in counts.items())
        print(f"{facts}: the books agree after every one ({seconds:.0f} s)")
    return 0
