"""What can be touched in a notebook. Every view is a picture first, and has controls where a kernel is live.

ipywidgets is imported when a view is shown by a live kernel, and only then.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from payments_lab.views.bus_console import BusConsole
    from payments_lab.views.checkout_form import CheckoutForm
    from payments_lab.views.player import Player
    from payments_lab.views.stripe_dashboard import StripeDashboard

__all__ = ["BusConsole", "CheckoutForm", "Player", "StripeDashboard"]

_HOMES = {
    "BusConsole": "payments_lab.views.bus_console",
    "CheckoutForm": "payments_lab.views.checkout_form",
    "Player": "payments_lab.views.player",
    "StripeDashboard": "payments_lab.views.stripe_dashboard",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'payments_lab.views' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
