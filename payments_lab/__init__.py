"""A workbench for learning, teaching and testing an event-driven payments service.

Names are loaded when they are first used, so that importing the package stays light.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from payments_lab.garbage import loading

if TYPE_CHECKING:
    from payments_lab.explore.faults import Faults
    from payments_lab.explore.verification import verify
    from payments_lab.lab import Lab
    from payments_lab.settings import Settings
    from payments_lab.shop.errors import NotYet
    from payments_lab.shop.orders import OrdersService
    from payments_lab.shop.payments import PaymentsService

__all__ = ["Faults", "Lab", "NotYet", "OrdersService", "PaymentsService", "Settings", "verify"]

__version__ = "0.1.0"

_HOMES = {
    "Faults": "payments_lab.explore.faults",
    "Lab": "payments_lab.lab",
    "NotYet": "payments_lab.shop.errors",
    "OrdersService": "payments_lab.shop.orders",
    "PaymentsService": "payments_lab.shop.payments",
    "Settings": "payments_lab.settings",
    "verify": "payments_lab.explore.verification",
}

logging.getLogger("payments_lab").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'payments_lab' has no attribute {name!r}")
    with loading():
        found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
