"""The course as its files stand: every step under its name, in order; short cells; nothing hidden."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import median
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

STEPS = {
    "01-the-payments-service": ["The Payments Service", "Initial Setup"],
    "02-replicated-orders": [
        "Replicated Fields",
        "Another Order Model!",
        "Update-If-Current",
        "Replicating Orders",
        "Testing Order Creation",
    ],
    "03-listeners": ["Marking an Order as Cancelled", "Cancelled Testing", "Starting the Listeners"],
    "04-charge-handler": [
        "Payments Flow with Stripe",
        "Implementing the Create Charge Handler",
        "Validating Order Payment",
        "Testing Order Validation Before Payment",
        "Testing Same-User Validation",
    ],
    "05-stripe": [
        "Stripe Setup",
        "Creating a Stripe Secret",
        "Creating a Charge with Stripe",
        "Manual Testing of Payments",
    ],
    "06-mocked-versus-realistic": [
        "Automated Payment Testing",
        "Mocked Stripe Client",
        "A More Realistic Test Setup",
        "Realistic Test Implementation",
    ],
    "07-payments-and-events": [
        "Tying an Order and Charge Together",
        "Testing Payment Creation",
        "Publishing a Payment Created Event",
        "More on Publishing",
        "Marking an Order as Complete",
    ],
}

LONGEST_CODE = 12
LONGEST_PROSE = 100
VARIES = re.compile(r"0x[0-9a-f]{6,}|/(home|root|tmp|Users)/|Traceback \(most recent call last\)")


def cells(notebook: Path, kind: str | None = None) -> list[dict[str, Any]]:
    found = json.loads(notebook.read_text())["cells"]
    return [cell for cell in found if kind in (None, cell["cell_type"])]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def lines(cell: dict[str, Any]) -> int:
    return sum(1 for line in source(cell).splitlines() if line.strip())


def headings(notebook: Path) -> list[str]:
    prose = "\n".join(source(cell) for cell in cells(notebook, "markdown"))
    return re.findall(r"^## (.+)$", prose, flags=re.MULTILINE)


def each(argument: str = "notebook") -> pytest.MarkDecorator:
    return pytest.mark.parametrize(argument, NOTEBOOKS, ids=lambda path: path.stem)


def test_the_course_has_28_steps() -> None:
    assert sum(len(steps) for steps in STEPS.values()) == 28


def test_the_course_is_there() -> None:
    assert {path.stem for path in NOTEBOOKS} >= {"00-welcome", *STEPS}


@pytest.mark.parametrize("chapter", STEPS)
def test_every_step_of_the_course_has_its_heading_in_its_place(chapter: str) -> None:
    found = headings(ROOT / "notebooks" / f"{chapter}.ipynb")

    assert [name for name in found if name in STEPS[chapter]] == STEPS[chapter]


@each()
def test_the_first_cell_gives_goal_prerequisites_and_minutes(notebook: Path) -> None:
    opening = source(cells(notebook)[0])

    for part in ("# ", "**Goal:**", "**You need:**", "**Time:**"):
        assert part in opening


@each()
def test_the_last_cell_says_what_to_remember_what_was_not_proved_and_what_comes_next(notebook: Path) -> None:
    closing = source(cells(notebook)[-1])

    for part in ("## What to remember", "**Not proved here:**", "**Next:**"):
        assert part in closing


@each()
def test_code_cells_are_short(notebook: Path) -> None:
    sizes = [lines(cell) for cell in cells(notebook, "code")]

    assert max(sizes) <= LONGEST_CODE
    assert median(sizes) <= 5


@each()
def test_prose_is_short(notebook: Path) -> None:
    long = {cell["id"]: len(source(cell).split()) for cell in cells(notebook, "markdown")}

    assert {name: words for name, words in long.items() if words > LONGEST_PROSE} == {}


@each()
def test_every_code_cell_was_run_and_none_is_hidden_from_comparison(notebook: Path) -> None:
    for cell in cells(notebook, "code"):
        assert cell["execution_count"] is not None, cell["id"]
        assert not cell["metadata"].get("tags"), cell["id"]
        assert "NBVAL" not in source(cell), cell["id"]


@each()
def test_no_output_is_an_uncaught_error_or_differs_from_machine_to_machine(notebook: Path) -> None:
    for cell in cells(notebook, "code"):
        for output in cell["outputs"]:
            assert output["output_type"] != "error", cell["id"]
            assert not VARIES.search(json.dumps(output)), cell["id"]


@each()
def test_a_failure_that_is_expected_is_asserted_by_its_type(notebook: Path) -> None:
    for cell in cells(notebook, "code"):
        text = source(cell)
        if re.search(r"^try:", text, flags=re.MULTILINE) and "except" in text:
            assert "assert" in text or "AssertionError" in text, cell["id"]


@each()
def test_pictures_carry_their_text(notebook: Path) -> None:
    for cell in cells(notebook, "code"):
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/svg+xml" in data:
                assert "<script" not in "".join(data["image/svg+xml"])
                assert "text/plain" in data
