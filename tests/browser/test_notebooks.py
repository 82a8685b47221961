"""Every notebook opens in a real JupyterLab and runs to its end, as a student would have it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import NOTEBOOKS, PATIENCE, TOKEN, Watched

# JupyterLab's own object for the notebook in front, offered because the tests' configuration asks for it.
FRONT = "window.jupyterapp?.shell?.currentWidget"

IS_READY = f"""path => {{
    const notebook = {FRONT};
    return notebook?.context?.path === path && notebook.sessionContext?.session?.kernel?.status === 'idle';
}}"""

CELLS = f"() => {FRONT}.content.model.sharedModel.toJSON().cells.filter(cell => cell.cell_type === 'code')"

HAS_ENDED = f"""() => {{
    const notebook = {FRONT};
    const cells = ({CELLS})();
    const failed = cells.some(cell => cell.outputs.some(output => output.output_type === 'error'));
    const done = cells.every(cell => cell.execution_count !== null);
    return notebook.sessionContext.session.kernel.status === 'idle' && (done || failed);
}}"""

# What JupyterLab writes into the page where an output could not be shown.
NOT_SHOWN = re.compile("Javascript Error|Error displaying widget|Error rendering")

HEIGHT = "() => document.querySelector('.jp-NotebookPanel .jp-WindowedPanel-inner').scrollHeight"
TO_THE_TOP = "() => document.querySelector('.jp-NotebookPanel .jp-WindowedPanel-outer').scrollTo(0, 0)"


def test_the_course_opens_at_its_welcome(watched: Watched, untouched_lab_url: str) -> None:
    watched.page.goto(f"{untouched_lab_url}/?token={TOKEN}")

    watched.page.wait_for_function(IS_READY, arg="notebooks/00-welcome.ipynb", timeout=PATIENCE)
    assert watched.problems == []


@pytest.mark.parametrize("name", sorted(path.name for path in NOTEBOOKS.glob("*.ipynb")))
def test_a_notebook_runs_to_its_end_without_an_error(
    name: str, watched: Watched, lab_url: str, screenshots: Path
) -> None:
    page = watched.page
    page.goto(f"{lab_url}/lab/tree/notebooks/{name}?reset&token={TOKEN}")
    page.wait_for_function(IS_READY, arg=f"notebooks/{name}", timeout=PATIENCE)

    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.wait_for_function(HAS_ENDED, timeout=PATIENCE)

    photograph(page, screenshots / f"{name}.png")
    cells: list[dict[str, Any]] = page.evaluate(CELLS)
    assert [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"] == []
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert page.get_by_text(NOT_SHOWN).all_inner_texts() == []
    assert watched.problems == []


def photograph(page: Page, path: Path) -> None:
    """The whole notebook in one picture, however long."""
    page.set_viewport_size({"width": 1280, "height": min(16_000, page.evaluate(HEIGHT) + 200)})
    page.evaluate(TO_THE_TOP)
    page.screenshot(path=path)
