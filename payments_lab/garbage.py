"""When Python need not look for garbage."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def without_garbage_collection() -> Generator[None]:
    """No walks over all objects while a search makes millions of numbers and no cycles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def loading() -> Generator[None]:
    """Modules and classes are loaded, which stay: no walks over all objects meanwhile, nor one for them afterwards."""
    with without_garbage_collection():
        yield
        _grow_old()


def _grow_old() -> None:
    """All objects count as old ones from now on. Whoever has frozen some keeps them frozen, and the others young."""
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()
