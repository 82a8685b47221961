"""Where code under test stands, for people: its own line rather than that of a library which it calls."""

from __future__ import annotations

import os
import sysconfig
import traceback
import types
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parent.parent
_MACHINERY = tuple(f"{_PACKAGE / room}{os.sep}" for room in ("explore", "ports", "stores", "bus", "local_stripe"))
_ZOO = f"{_PACKAGE / 'explore' / 'zoo'}{os.sep}"
_LIBRARIES = {"site-packages", "dist-packages"}
_STDLIB = sysconfig.get_paths()["stdlib"]
_LOGGING = str(Path(_STDLIB) / "logging")


def where(coroutine: Any) -> str:
    """The file and line at which the innermost coroutine of the chain stands."""
    places: list[tuple[types.CodeType, int | None]] = []
    inner = coroutine
    while inner is not None:
        frame = getattr(inner, "cr_frame", None) or getattr(inner, "gi_frame", None)
        if frame is not None:
            places.append((frame.f_code, frame.f_lineno))
        inner = getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None)
    return _innermost(places) or repr(coroutine)


def at(code: types.CodeType, line: int | None) -> str:
    """``file:line in function``."""
    return named(code.co_filename, line, code.co_qualname)


def named(filename: str, line: int | None, function: str) -> str:
    """``file:line in function``; a notebook's cell has no file that anybody knows."""
    place = Path(filename)
    name = "a cell" if place.parent.name.startswith("ipykernel_") else place.name
    return f"{name}:{line} in {function}"


def innermost(error: BaseException) -> str:
    """The last line of code under test in an error's traceback."""
    frames = traceback.walk_tb(error.__traceback__)
    return _innermost((frame.f_code, line) for frame, line in frames) or "code that has no file"


def standing(frame: types.FrameType | None) -> str:
    """The innermost line of code under test on the stack that ends in ``frame``."""
    frames = reversed(list(traceback.walk_stack(frame)))
    return _innermost((each.f_code, line) for each, line in frames) or "code that has no file"


def caller(frame: types.FrameType | None) -> str:
    """The line of code under test behind a call; empty where a library, or the log, calls for its own sake."""
    while frame is not None:
        name = frame.f_code.co_filename
        if not is_library(name) and not is_machinery(name):
            return at(frame.f_code, frame.f_lineno)
        if is_machinery(name) or name.startswith(_LOGGING) or not name.startswith((_STDLIB, "<frozen")):
            return ""
        frame = frame.f_back
    return ""


def is_machinery(filename: str) -> bool:
    """Whether a file is part of the machinery rather than of what is explored."""
    if filename.startswith(_ZOO):
        return False
    return filename.startswith(_MACHINERY) or "/asyncio/" in filename or "/stripe/" in filename


@cache
def is_library(filename: str) -> bool:
    """Whether a file is somebody else's: of the standard library, or installed and not this package."""
    if filename.startswith(str(_PACKAGE)):
        return False
    return filename.startswith((_STDLIB, "<frozen")) or bool(_LIBRARIES & set(Path(filename).parts))


def _innermost(places: Iterable[tuple[types.CodeType, int | None]]) -> str:
    """The last of ``places`` that is nobody else's code; the last that is not machinery, where all are libraries'."""
    found = [(code, line) for code, line in places if not is_machinery(code.co_filename)]
    own = [(code, line) for code, line in found if not is_library(code.co_filename)]
    return at(*(own or found)[-1]) if found else ""
