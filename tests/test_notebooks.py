"""The course as its files stand: every step under its name, in order; short cells; nothing hidden.

What the notebooks say when they run is compared by nbval; here is what they promise a reader.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("[0-9][0-9]-*[a-z].ipynb"))

STEPS = (
    "The Payments Service",
    "Initial Setup",
    "Replicated Fields",
    "Another Order Model!",
    "Update-If-Current",
    "Replicating Orders",
    "Testing Order Creation",
    "Marking an Order as Cancelled",
    "Cancelled Testing",
    "Starting the Listeners",
    "Payments Flow with Stripe",
    "Implementing the Create Charge Handler",
    "Validating Order Payment",
    "Testing Order Validation Before Payment",
    "Testing Same-User Validation",
    "Stripe Setup",
    "Creating a Stripe Secret",
    "Creating a Charge with Stripe",
    "Manual Testing of Payments",
    "Automated Payment Testing",
    "Mocked Stripe Client",
    "A More Realistic Test Setup",
    "Realistic Test Implementation",
    "Tying an Order and Charge Together",
    "Testing Payment Creation",
    "Publishing a Payment Created Event",
    "More on Publishing",
    "Marking an Order as Complete",
)

LONGEST_CODE = 12
LONGEST_MEDIAN = 5
LONGEST_PROSE = 100

OPENING = ("# ", "**Goal:**", "**You need:**", "**Time:**")
SHAPE = ("*Goal.*", "**Predict:**", "*Your turn.*", "*Remember:*")
CLOSING = ("## What to remember", "**Not proved here:**", "**Next:**")

DIFFERS_BY_MACHINE = re.compile(
    r"\b0x[0-9a-f]{6,}|/(home|root|tmp|usr|opt|Users|work)/|\b[A-Z]:\\\\|site-packages|\x1b\["
)
WIDGET = "application/vnd.jupyter.widget-view+json"
ANYTHING = {"Exception", "BaseException"}

Cell = dict[str, Any]


def read(notebook: Path) -> list[Cell]:
    return json.loads(notebook.read_text())["cells"]


def source(cell: Cell) -> str:
    return "".join(cell["source"])


def only(cells: list[Cell], kind: str) -> list[Cell]:
    return [cell for cell in cells if cell["cell_type"] == kind]


def sections(cells: list[Cell]) -> dict[str, str]:
    """The prose under each heading of the second level."""
    found: dict[str, str] = {}
    heading = ""
    for cell in only(cells, "markdown"):
        first = source(cell).partition("\n")[0]
        heading = first.removeprefix("## ") if first.startswith("## ") else heading
        found[heading] = found.get(heading, "") + source(cell) + "\n"
    return found


# A rule takes the cells of a notebook and yields what breaks it.


def long_code(cells: list[Cell]) -> Iterator[str]:
    sizes = {cell["id"]: len(source(cell).splitlines()) for cell in only(cells, "code")}
    yield from (f"{name} has {lines} lines" for name, lines in sizes.items() if lines > LONGEST_CODE)
    if median(sizes.values()) > LONGEST_MEDIAN:
        yield f"the median of the code cells is {median(sizes.values())} lines"


def long_prose(cells: list[Cell]) -> Iterator[str]:
    for cell in only(cells, "markdown"):
        words = len(source(cell).split())
        if words > LONGEST_PROSE:
            yield f"{cell['id']} has {words} words"


def no_opening(cells: list[Cell]) -> Iterator[str]:
    yield from (f"the first cell lacks {part!r}" for part in OPENING if part not in source(cells[0]))


def no_closing(cells: list[Cell]) -> Iterator[str]:
    yield from (f"the last cell lacks {part!r}" for part in CLOSING if part not in source(cells[-1]))


def shapeless_step(cells: list[Cell]) -> Iterator[str]:
    for heading, prose in sections(cells).items():
        if heading in STEPS:
            yield from (f"{heading} lacks {part!r}" for part in SHAPE if part not in prose)


def hidden_from_comparison(cells: list[Cell]) -> Iterator[str]:
    for cell in only(cells, "code"):
        if cell["metadata"].get("tags") or re.search(r"NBVAL|PYTEST_VALIDATE", source(cell)):
            yield f"{cell['id']} is tagged"


def not_run_from_top_to_bottom(cells: list[Cell]) -> Iterator[str]:
    counts = [cell["execution_count"] for cell in only(cells, "code")]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the cells were run as {counts}"


def uncaught_error(cells: list[Cell]) -> Iterator[str]:
    for cell in only(cells, "code"):
        for output in cell["outputs"]:
            if output["output_type"] == "error" or output.get("name") == "stderr":
                yield f"{cell['id']} ends with {output.get('ename', 'a warning')}"


def output_of_one_machine(cells: list[Cell]) -> Iterator[str]:
    for cell in only(cells, "code"):
        found = DIFFERS_BY_MACHINE.search(json.dumps(cell["outputs"], ensure_ascii=False))
        if found:
            yield f"{cell['id']} shows {found[0]!r}"


def picture_without_text(cells: list[Cell]) -> Iterator[str]:
    for cell in only(cells, "code"):
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/svg+xml" in data and len("".join(data.get("text/plain", "")).splitlines()) < 3:
                yield f"{cell['id']} shows a picture without its text"
            if "<script" in "".join([*data.get("image/svg+xml", ""), *data.get("text/html", "")]):
                yield f"{cell['id']} shows a script"


def control_without_kernel(cells: list[Cell]) -> Iterator[str]:
    """JupyterLab prefers a widget to its picture, and has nothing to show where its kernel is gone."""
    for cell in only(cells, "code"):
        if any(WIDGET in output.get("data", {}) for output in cell["outputs"]):
            yield f"{cell['id']} holds a widget that no kernel knows"


def failure_of_any_type(cells: list[Cell]) -> Iterator[str]:
    """An error that a cell expects is named, and the cell fails when it does not come."""
    for cell in only(cells, "code"):
        code = parsed(cell)
        caught = [node for node in code.body if isinstance(node, ast.Try) and node.handlers]
        named = [handler.type for node in caught for handler in node.handlers]
        named += [argument for node in ast.walk(code) for argument in expected_by(node)]
        if any(error is None or ast.unparse(error) in ANYTHING for error in named):
            yield f"{cell['id']} expects any error at all"
        if caught and not any(isinstance(node, ast.Assert) for node in ast.walk(code)):
            yield f"{cell['id']} passes when its error does not come"


def parsed(cell: Cell) -> ast.Module:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(source(cell), cell["id"], "exec", flags=flags)
    assert isinstance(tree, ast.Module)
    return tree


def expected_by(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("raises", "pytest.raises"):
        return node.args[:1]
    return []


RULES: tuple[Callable[[list[Cell]], Iterator[str]], ...] = (
    long_code,
    long_prose,
    no_opening,
    no_closing,
    shapeless_step,
    hidden_from_comparison,
    not_run_from_top_to_bottom,
    uncaught_error,
    output_of_one_machine,
    picture_without_text,
    control_without_kernel,
    failure_of_any_type,
)


def each_notebook(function: Callable[..., None]) -> Callable[..., None]:
    return pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)(function)


def test_the_course_opens_with_its_welcome() -> None:
    assert NOTEBOOKS[0].stem == "00-welcome"


def test_every_step_of_the_course_has_its_heading_in_its_place() -> None:
    found = [heading for notebook in NOTEBOOKS for heading in sections(read(notebook)) if heading in STEPS]

    assert found == list(STEPS)


def test_every_notebook_names_the_one_that_comes_next() -> None:
    for notebook, following in pairwise(NOTEBOOKS):
        assert f"`{following.name}`" in source(read(notebook)[-1]), notebook.stem


@each_notebook
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_notebook_has_no(rule: Callable[[list[Cell]], Iterator[str]], notebook: Path) -> None:
    assert list(rule(read(notebook))) == []


def prose(text: str) -> Cell:
    return {"id": "prose", "cell_type": "markdown", "metadata": {}, "source": text}


def code(text: str = "1", *outputs: Cell, count: int | None = 1, **metadata: Any) -> Cell:
    cell: Cell = {"id": "code", "cell_type": "code", "source": text, "outputs": list(outputs)}
    return {**cell, "execution_count": count, "metadata": metadata}


def shown(**data: str) -> Cell:
    return {"output_type": "display_data", "data": {kind.replace("__", "/"): text for kind, text in data.items()}}


SPOILED = (
    (long_code, code("\n" * 12 + "1")),
    (long_code, code("1\n\n\n\n\n2")),
    (long_prose, prose("word " * 101)),
    (no_opening, prose("# Title")),
    (no_closing, prose("## What to remember")),
    (shapeless_step, prose("## Initial Setup\n\n*Goal.* None.")),
    (hidden_from_comparison, code(tags=["nbval-skip"])),
    (hidden_from_comparison, code("# NBVAL_IGNORE_OUTPUT\n1")),
    (not_run_from_top_to_bottom, code(count=None)),
    (not_run_from_top_to_bottom, code(count=2)),
    (uncaught_error, code("1 / 0", {"output_type": "error", "ename": "ZeroDivisionError"})),
    (uncaught_error, code("1", {"output_type": "stream", "name": "stderr", "text": "deprecated"})),
    (output_of_one_machine, code("1", shown(text__plain="<object at 0x7f3a5c0d1e20>"))),
    (output_of_one_machine, code("1", shown(text__plain="/home/ada/course"))),
    (picture_without_text, code("1", {"output_type": "display_data", "data": {"image/svg+xml": "<svg/>"}})),
    (picture_without_text, code("1", shown(text__html="<script>alert()</script>"))),
    (control_without_kernel, code("1", {"output_type": "display_data", "data": {WIDGET: {"model_id": "1"}}})),
    (failure_of_any_type, code("try:\n    await pay()\nexcept KeyError:\n    pass")),
    (failure_of_any_type, code("try:\n    pay()\nexcept Exception as error:\n    assert error")),
    (failure_of_any_type, code("try:\n    pay()\nexcept:\n    assert True")),
    (failure_of_any_type, code("with pytest.raises(Exception):\n    pay()")),
)


@pytest.mark.parametrize(("rule", "cell"), SPOILED, ids=lambda part: getattr(part, "__name__", "cell"))
def test_a_spoiled_cell_is_noticed(rule: Callable[[list[Cell]], Iterator[str]], cell: Cell) -> None:
    assert list(rule([cell])) != []
