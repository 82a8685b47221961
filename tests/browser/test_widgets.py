"""Every widget, clicked through as a student would, in a real JupyterLab, by day and by night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PATIENCE, TOKEN, Watched
from tests.browser.test_notebooks import FRONT, HAS_ENDED, IS_READY, photograph

CONSOLE = """\
from payments_lab import Lab
from payments_lab.views import BusConsole

lab = Lab()
order = await lab.orders.create(user_id="ada", price=2000)
BusConsole(lab)"""

CHECKOUT = """\
from payments_lab import Lab
from payments_lab.views import CheckoutForm, StripeDashboard

lab = Lab()
order = await lab.orders.create(user_id="ada", price=2000)
await lab.settle()
CheckoutForm(lab, order.id, "ada")"""

PLAYER = """\
from payments_lab import verify
from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.views import Player

report = verify(NaivePaymentsService, scenario="two-clicks", invariants=["charged-at-most-once"])
Player(report.violations[0])"""

SHOW = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


class Notebook:
    """A notebook of the test's own, run to its end; the outputs are what is touched."""

    def __init__(self, watched: Watched, course: Path, lab_url: str, screenshots: Path) -> None:
        self.watched = watched
        self.page: Page = watched.page
        self._course, self._url, self._screenshots = course, lab_url, screenshots

    def run(self, name: str, *cells: str) -> Locator:
        self.name = name
        sources = [new_code_cell(cell, id=f"cell-{number}") for number, cell in enumerate(cells)]
        nbformat.write(new_notebook(cells=sources, metadata=KERNEL), self._course / f"{name}.ipynb")
        self.page.goto(f"{self._url}/lab/tree/notebooks/{name}.ipynb?reset&token={TOKEN}")
        self.page.wait_for_function(IS_READY, arg=f"notebooks/{name}.ipynb", timeout=PATIENCE)
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()
        self.page.wait_for_function(HAS_ENDED, timeout=PATIENCE)
        return self.page.locator(".jp-NotebookPanel .jp-OutputArea-output .jupyter-widgets").first

    def press(self, label: str) -> None:
        self.page.get_by_role("button", name=label, exact=True).click()

    def tab_to(self, label: str, *, press: str, backwards: bool = False) -> None:
        """Tab from button to button until the one with this label has the focus, and press a key there."""
        button = self.page.get_by_role("button", name=label, exact=True)
        for _ in range(30):
            if button.evaluate("button => button === document.activeElement"):
                self.page.keyboard.press(press)
                return
            self.page.keyboard.press("Shift+Tab" if backwards else "Tab")
        raise AssertionError(f"no number of tabs leads to {label}")

    def photograph(self) -> None:
        for name, theme in THEMES.items():
            self.page.evaluate(SHOW, theme)
            self.page.wait_for_function(
                "theme => document.body.dataset.jpThemeName === theme", arg=theme, timeout=PATIENCE
            )
            self.page.locator("#jupyterlab-splash").wait_for(state="hidden")
            photograph(self.page, self._screenshots / f"{self.name}-{name}.png")


@pytest.fixture
def notebook(watched: Watched, course: Path, lab_url: str, screenshots: Path) -> Iterator[Notebook]:
    opened = Notebook(watched, course, lab_url, screenshots)
    yield opened
    opened.page.evaluate(f"async () => {{ await {FRONT}.context.save() }}")
    assert watched.problems == []


def test_a_double_delivery_in_the_bus_console_shows_the_redelivery(notebook: Notebook) -> None:
    console = notebook.run("bus-console", CONSOLE)
    expect(console).to_contain_text("2 pending")

    notebook.press("Duplicate")
    expect(console).to_contain_text('lab.bus.duplicate("#1 payments-service")')
    expect(console).to_contain_text("3 pending")
    notebook.press("Settle")

    expect(console).to_contain_text("nothing under way")
    expect(console.locator("svg")).to_contain_text("order:created v0 (attempt 2)")
    notebook.photograph()


def test_a_lost_ack_is_owed_until_the_ack_wait_is_over(notebook: Notebook) -> None:
    console = notebook.run("lost-ack", CONSOLE)

    notebook.press("Deliver, lose the ack")
    expect(console).to_contain_text("1 pending, 1 waiting")
    expect(console).to_contain_text("payments.orders")
    notebook.press("+30 s")

    expect(console).to_contain_text("2 pending")


def test_the_console_is_steered_by_keyboard_alone(notebook: Notebook) -> None:
    console = notebook.run("keyboard", CONSOLE)
    console.locator("button").first.focus()

    notebook.page.keyboard.press("Tab")
    notebook.page.keyboard.press("Space")
    expect(console.locator("button.mod-active")).to_contain_text("expiration-service")
    notebook.page.keyboard.press("Tab")
    notebook.page.keyboard.press("Enter")

    expect(console).to_contain_text('await lab.bus.deliver("#1 expiration-service")')


def test_a_card_is_chosen_and_charged_by_keyboard_alone(notebook: Notebook) -> None:
    form = notebook.run("keyboard-checkout", CHECKOUT, "StripeDashboard(lab.stripe)")
    form.locator("button").first.focus()

    notebook.tab_to("4000 0000 0000 9995  declined: insufficient_funds", press="Space")
    notebook.tab_to("Pay", press="Enter")
    expect(form).to_contain_text("402, decline code insufficient_funds")
    notebook.page.locator(".widget-tab .lm-TabBar-tab.lm-mod-current").first.focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.page.keyboard.press("Enter")

    expect(notebook.page.locator(".widget-tab .lm-TabBar-tab.lm-mod-current")).to_contain_text("Refunds")


def test_the_player_is_steered_by_keyboard_alone(notebook: Notebook) -> None:
    player = notebook.run("keyboard-player", PLAYER)
    player.locator("button:enabled").first.focus()

    notebook.tab_to("Next ▶", press="Enter")
    expect(player).to_contain_text("step 2 of 9")
    notebook.page.keyboard.press("Space")
    expect(player).to_contain_text("step 3 of 9")
    notebook.tab_to("◀ Back", press="Enter", backwards=True)

    expect(player).to_contain_text("step 2 of 9")


def test_a_declined_card_shows_its_decline_code_and_the_dashboard_follows(notebook: Notebook) -> None:
    form = notebook.run("checkout", CHECKOUT, "StripeDashboard(lab.stripe)")
    dashboard = notebook.page.locator(".widget-tab").first

    notebook.press("4000 0000 0000 9995  declined: insufficient_funds")
    notebook.press("Pay")
    expect(form).to_contain_text("402, decline code insufficient_funds")
    expect(dashboard).to_contain_text("insufficient_funds")
    notebook.press("4242 4242 4242 4242  pays")
    notebook.press("Pay")

    expect(form).to_contain_text("Paid 2000 usd")
    expect(dashboard).to_contain_text("succeeded")
    notebook.photograph()
    notebook.press("Pay")
    expect(form).to_contain_text("409")


def test_the_player_steps_to_the_violation(notebook: Notebook) -> None:
    player = notebook.run("player", PLAYER)
    expect(player).to_contain_text("step 1 of 9")

    for step in range(2, 9):
        notebook.press("Next ▶")
        expect(player).to_contain_text(f"step {step} of 9")
    expect(player).not_to_contain_text("ada is charged 2 times")
    notebook.press("Next ▶")

    expect(player).to_contain_text("charged-at-most-once: ada is charged 2 times for ord_1: 4000 usd instead of 2000")
    notebook.photograph()


def test_a_saved_notebook_shows_its_view_again_when_the_kernel_is_gone(notebook: Notebook) -> None:
    player = notebook.run("reopened", PLAYER)
    notebook.press("Next ▶")
    expect(player).to_contain_text("step 2 of 9")
    notebook.page.evaluate(f"async () => {{ await {FRONT}.context.save(); await {FRONT}.sessionContext.shutdown() }}")

    notebook.page.reload()

    expect(notebook.page.locator(".jp-NotebookPanel .jp-OutputArea-output").first).to_contain_text("step 2 of 9")
    expect(notebook.page.get_by_text("Error displaying widget")).to_have_count(0)
