"""What all views share: a picture that every page can show, and controls where a kernel is live."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from importlib.util import find_spec
from typing import Any, ClassVar

WIDGET = "application/vnd.jupyter.widget-view+json"


class View(ABC):
    """Shows itself as text, as a picture, and, in a notebook that runs, as ``widget``.

    Of several views of one kind on one ``subject``, the youngest follows what happens in cells and in other views.
    """

    _following: ClassVar[dict[tuple[type, int], View]] = {}

    def __init__(self, subject: object) -> None:
        self._key = type(self), id(subject)

    @abstractmethod
    def picture(self) -> dict[str, str]:
        """The mime bundle that needs no kernel: ``text/plain``, and HTML or SVG. The same state, the same bytes."""

    @abstractmethod
    def build(self) -> Any:
        """The controls, as one ipywidget; called once, when they are first shown."""

    @abstractmethod
    def refresh(self) -> None:
        """Show in the controls what is so now."""

    @cached_property
    def widget(self) -> Any:
        """The controls; ImportError where ipywidgets is not installed."""
        built = self.build()
        if not self._following:
            _after_every_cell(self.happened)
        self._following[self._key] = self
        return built

    @classmethod
    def happened(cls) -> None:
        """Something has happened: every view that follows looks again."""
        for view in cls._following.values():
            view.refresh()

    def __str__(self) -> str:
        return self.picture()["text/plain"]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        if not kernel_is_live():
            return dict(self.picture())
        return {**self.picture(), WIDGET: self.widget._repr_mimebundle_()[WIDGET]}


def kernel_is_live() -> bool:
    """Whether this code runs in a Jupyter kernel that can show widgets."""
    return getattr(_shell(), "kernel", None) is not None and find_spec("ipywidgets") is not None


def _after_every_cell(act: Callable[[], None]) -> None:
    def ended(_: object) -> None:
        act()

    shell = _shell()
    if shell is not None:
        shell.events.register("post_run_cell", ended)


def _shell() -> Any:
    interactive: Any = sys.modules.get("IPython")
    return interactive.get_ipython() if interactive is not None else None
