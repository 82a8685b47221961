"""Runs the contract against every double and writes what each passes into the docs.

    python -m tests.contracts.stripe.table

Stripe itself has a column when ``STRIPE_KEY`` holds a test key. The names of the tests that localstripe passes are kept
beside this file, and the ordinary test run holds them against localstripe from then on.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from tests.contracts.stripe.doubles import HTTP, IN_PROCESS, LOCALSTRIPE, PASSES, STRIPE, account_key

HERE = Path(__file__).parent
DOCS = HERE.parents[2] / "docs" / "local-stripe.md"
BEGIN = "<!-- what each double passes: written by tests/contracts/stripe/table.py -->"
END = "<!-- end of what each double passes -->"
EVERYTHING = {"STRIPE_CONTRACT_EVERYTHING": "1"}
MARKS = {"passed": "yes", "failed": "no", "skipped": ""}
AREAS = ("charges", "refunds", "intents", "idempotency", "errors", "lists", "customers", "events")

Outcomes = dict[tuple[str, str], dict[str, str]]


def main() -> int:
    outcomes = run_contract()
    columns = [IN_PROCESS, HTTP, *([STRIPE] if account_key() else []), LOCALSTRIPE]
    PASSES.write_text("".join(f"{name}\n" for name in sorted(passing(outcomes, LOCALSTRIPE))))
    before, _, after = cut(DOCS.read_text())
    DOCS.write_text(f"{before}{BEGIN}\n\n{table(outcomes, columns)}\n{END}{after}")
    for column in columns:
        print(f"{column}: {len(passing(outcomes, column))} of {len(outcomes)}")
    return 0


def cut(text: str) -> tuple[str, str, str]:
    """What stands before the table, the table, and what stands after it."""
    before, _, rest = text.partition(BEGIN)
    written, _, after = rest.partition(END)
    return before, written, after


def run_contract() -> Outcomes:
    """Area and test to double to outcome; a test with several cases passes when all of them do."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        impatient = {} if account_key() else {"STRIPE_CONTRACT_PATIENCE": "2"}
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", f"--junitxml={report}", str(HERE)]
        subprocess.run(command, check=False, env={**os.environ, **EVERYTHING, **impatient})
        return read_report(report)


def read_report(report: Path) -> Outcomes:
    outcomes: Outcomes = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name, _, cases = case.attrib["name"].partition("[")
        area = case.attrib["classname"].rpartition("test_")[2]
        double = next((each for each in (IN_PROCESS, HTTP, STRIPE, LOCALSTRIPE) if each in cases), None)
        if double is None:
            continue
        failed = any(child.tag in ("failure", "error") for child in case)
        outcome = "failed" if failed else "skipped" if case.find("skipped") is not None else "passed"
        known = outcomes.setdefault((area, name), {})
        known[double] = "failed" if "failed" in (outcome, known.get(double)) else outcome
    return outcomes


def passing(outcomes: Outcomes, double: str) -> list[str]:
    return [name for (_, name), known in outcomes.items() if known.get(double) == "passed"]


def table(outcomes: Outcomes, columns: Iterable[str]) -> str:
    """What each double passes, as Markdown."""
    columns = list(columns)
    lines = [_row("", *columns), _row("---", *[":-:"] * len(columns)), _row("**all**", *_totals(outcomes, columns))]
    for area in AREAS:
        here = {key: known for key, known in outcomes.items() if key[0] == area}
        lines.append(_row(f"**{area}**", *_totals(here, columns)))
        for (_, name), known in here.items():
            lines.append(_row(sentence(name), *(MARKS[known.get(each, "skipped")] for each in columns)))
    return "\n".join(lines) + "\n"


def _totals(outcomes: Outcomes, columns: list[str]) -> list[str]:
    return [f"**{len(passing(outcomes, column))} of {len(outcomes)}**" for column in columns]


def sentence(name: str) -> str:
    """The test's name as the sentence that it is."""
    return re.sub(r"^test_", "", name).replace("_", " ").replace(" i d ", " id ")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
