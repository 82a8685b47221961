"""Coroutines that code under test makes and never awaits: nothing of what they stand for happens."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from payments_lab.explore.places import is_library, is_machinery, named
from payments_lab.explore.refusing import STEP

_SAID = re.compile(
    r"coroutine '(?:.*\.)?(?P<called>\w+)' was never awaited\n"
    r'.*\n  File "(?P<file>.*)", line (?P<line>\d+), in (?P<function>.*)'
)


@contextmanager
def awaits_noticed() -> Generator[None]:
    """While this lasts, a step notes the coroutine that it lets go of without an await, instead of Python's warning."""
    depth = sys.get_coroutine_origin_tracking_depth()
    with warnings.catch_warnings():
        warnings.filterwarnings("always", message="coroutine .* was never awaited", category=RuntimeWarning)
        show: Any = warnings.showwarning

        def note(message: Warning | str, *arguments: Any, **more: Any) -> None:
            said = _SAID.match(str(message))
            if said is None or not STEP.under_way or not _is_under_test(said["file"]):
                show(message, *arguments, **more)
                return
            STEP.unawaited = STEP.unawaited or _words(said)

        warnings.showwarning = note
        sys.set_coroutine_origin_tracking_depth(1)
        try:
            yield
        finally:
            sys.set_coroutine_origin_tracking_depth(depth)


def _is_under_test(filename: str) -> bool:
    return not is_library(filename) and not is_machinery(filename)


def _words(said: re.Match[str]) -> str:
    place = named(said["file"], int(said["line"]), said["function"])
    return f"{place} calls {said['called']} and does not await it, so nothing of it happens"
