"""A real JupyterLab, started by our own command, and a headless Chromium that looks at it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect, sync_playwright

from tests.servers import HOST, free_port, program, running

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"
TOKEN = "for-the-tests-alone"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 120_000

LAB_CONFIG = {"LabApp": {"expose_app_in_browser": True}}
SHOW_EVERY_CELL = {"windowingMode": "none"}


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the course as a student opens it for the first time, with every output still to come."""
    copy = tmp_path_factory.mktemp("course") / "notebooks"
    shutil.copytree(NOTEBOOKS, copy, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for path in copy.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, path)
    return copy


@pytest.fixture(scope="session")
def lab_url(course: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with jupyterlab(course, tmp_path_factory.mktemp("jupyter")) as url:
        yield url


@pytest.fixture
def untouched_lab_url(course: Path, tmp_path: Path) -> Iterator[str]:
    """One in which nobody has opened anything yet."""
    with jupyterlab(course, tmp_path) as url:
        yield url


@contextmanager
def jupyterlab(course: Path, home: Path) -> Iterator[str]:
    """``payments-lab lab`` at the copied course, knowing nothing of this user's own Jupyter settings."""
    tracker = home / "config/lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings"
    tracker.parent.mkdir(parents=True)
    tracker.write_text(json.dumps(SHOW_EVERY_CELL))
    (home / "config" / "jupyter_lab_config.json").write_text(json.dumps(LAB_CONFIG))
    port = free_port()
    command = [program("payments-lab"), "lab", "--no-browser", "--port", str(port), "--course", str(course)]
    own = {"JUPYTER_TOKEN": TOKEN, "JUPYTER_CONFIG_DIR": str(home / "config"), "IPYTHONDIR": str(home / "ipython")}
    own |= {"JUPYTER_DATA_DIR": str(home / "data"), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    with running(command, port, home / "log", {**os.environ, **own}):
        yield f"http://{HOST}:{port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; Playwright brings the driver through pip, and no browser."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@dataclass
class Watched:
    """A page, and what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"{message.text} ({message.location['url']})")

    def on_error(self, error: Error) -> None:
        self.problems.append(str(error))


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A page of its own whose console is kept."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    watched = Watched(context.new_page())
    watched.page.on("console", watched.on_console)
    watched.page.on("pageerror", watched.on_error)
    yield watched
    context.close()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: PAYMENTS_LAB_SCREENSHOTS if it is set, to be looked at, else a temporary folder."""
    chosen = os.environ.get("PAYMENTS_LAB_SCREENSHOTS")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
