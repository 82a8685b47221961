"""The few widgets that the views are made of; keyboards reach them in the order in which they stand."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import Any, cast

from payments_lab.ports.immediate import immediately

SCROLLING = "max-height:32em;overflow:auto"


def toolkit() -> Any:
    """The module ``ipywidgets``, which has no types."""
    return import_module("ipywidgets")


def button(label: str, tooltip: str, press: Callable[[], None], *, style: str = "") -> Any:
    """A push button; ``style`` is ``"primary"`` or nothing."""

    def pressed(_: object) -> None:
        press()

    made = toolkit().Button(description=label, tooltip=tooltip, button_style=style)
    made.layout.width = "auto"
    made.on_click(pressed)
    return made


def whenever(widget: Any, act: Callable[[], None]) -> None:
    """Act on every change of the widget's value."""

    def changed(_: object) -> None:
        act()

    widget.observe(changed, "value")


def choice(width: str) -> Any:
    """One of several, each a button of its own: a list would need the arrow keys, which JupyterLab keeps to itself."""
    made = toolkit().ToggleButtons(style={"button_width": width})
    made.add_class("payments-lab-choice")
    return made


def row(*children: Any) -> Any:
    """Side by side, and one under the other where there is no room."""
    box = toolkit().HBox(list(children))
    box.layout.flex_flow = "row wrap"
    box.layout.align_items = "center"
    return box


def column(*children: Any) -> Any:
    return toolkit().VBox(list(children))


def page(value: str = "") -> Any:
    """A piece of HTML that can change."""
    return toolkit().HTML(value)


def scrolling(markup: str) -> str:
    """Markup in a box of its own, which a keyboard can scroll."""
    return f'<div tabindex="0" style="{SCROLLING}">{markup}</div>'


def side_by_side(*parts: str) -> str:
    shown = "".join(f"<div>{part}</div>" for part in parts)
    return f'<div style="display:flex;flex-wrap:wrap;gap:0 2em;align-items:flex-start">{shown}</div>'


@dataclass(frozen=True, slots=True)
class Deed:
    """What a control does: the ``code`` that would do the same in a cell, and the doing, which may be a coroutine."""

    code: str
    do: Callable[[], object]


class Told:
    """A line under the controls: the code of the last deed, and the error that came of it, if one did."""

    def __init__(self, usual: str) -> None:
        self.line = page()
        self._show(escape(usual), "")

    def perform(self, deed: Deed) -> None:
        """Do it, and say so."""
        trouble = ""
        try:
            result = deed.do()
            if isinstance(result, Coroutine):
                immediately(cast("Coroutine[Any, Any, object]", result))
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}"
        self._show(f"the same in a cell: <code>{escape(deed.code)}</code>", trouble)

    def _show(self, words: str, trouble: str) -> None:
        colour = "var(--jp-error-color1,#b3261e)"
        wrong = f'<br><span role="alert" style="color:{colour}">{escape(trouble)}</span>' if trouble else ""
        self.line.value = f'<span aria-live="polite">{words}{wrong}</span>'
