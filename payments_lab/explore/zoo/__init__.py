"""The bug zoo: small wrong services, each a bug that real teams ship, and right ones that are written differently.

It holds the explorer to its word: every bug in :data:`BUGS` must be found, by the invariant that it names, and nothing
in :data:`CORRECT` may ever be accused. Each wrong service differs from a right one in a few lines.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from payments_lab.explore.zoo.bug import Bug, Correct
from payments_lab.explore.zoo.naive import NaivePaymentsService

if TYPE_CHECKING:
    from payments_lab.explore.zoo.catalogue import BUGS, CORRECT

__all__ = ["BUGS", "CORRECT", "Bug", "Correct", "NaivePaymentsService"]


def __getattr__(name: str) -> Any:
    """The whole zoo is loaded when it is first asked for; whoever wants one service does not wait for it."""
    if name not in ("BUGS", "CORRECT"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.catalogue"), name)
