"""Static first, live second."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import payments_lab.views
from payments_lab import Lab
from payments_lab.ports.immediate import immediately
from payments_lab.views import BusConsole
from payments_lab.views.view import WIDGET, View, kernel_is_live


class Events:
    """IPython's events, of which the views want one."""

    def __init__(self) -> None:
        self.after_cells: list[Any] = []

    def register(self, name: str, act: Any) -> None:
        assert name == "post_run_cell"
        self.after_cells.append(act)


class Shell:
    """A shell that has a kernel."""

    def __init__(self) -> None:
        self.events = Events()
        self.kernel = object()


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setattr(View, "_following", {})
    return shell


def test_only_a_live_kernel_is_offered_controls(shell: Shell) -> None:
    console = BusConsole(Lab())

    assert kernel_is_live()
    assert set(console._repr_mimebundle_()) == {"text/plain", "text/html", WIDGET}
    assert console._repr_mimebundle_()[WIDGET]["model_id"] == console.widget.model_id


def test_a_view_follows_what_other_cells_do(shell: Shell) -> None:
    lab = Lab()
    console = BusConsole(lab)
    assert "nothing under way" in console.widget.children[0].value

    immediately(lab.orders.create(user_id="ada", price=2000))
    for act in shell.events.after_cells:
        act(None)

    assert "2 pending" in console.head.value


def test_of_two_views_of_one_lab_the_younger_follows(shell: Shell) -> None:
    lab = Lab()
    older, younger = BusConsole(lab), BusConsole(lab)
    assert older.widget.children
    assert younger.widget.children

    immediately(lab.orders.create(user_id="ada", price=2000))
    View.happened()

    assert len(shell.events.after_cells) == 1
    assert "2 pending" in younger.head.value
    assert "nothing under way" in older.head.value


def test_the_room_is_light_until_something_is_shown() -> None:
    code = (
        "import sys; from payments_lab import Lab; from payments_lab.views import BusConsole; "
        "str(BusConsole(Lab())); print('ipywidgets' in sys.modules)"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout == "False\n"


def test_the_room_says_what_it_holds() -> None:
    assert set(payments_lab.views.__all__) <= set(dir(payments_lab.views))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        payments_lab.views.__getattr__("Nothing")
