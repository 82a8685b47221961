"""Where nobody may be interrupted."""

from __future__ import annotations

import os

_COVERAGE = f"{os.sep}coverage{os.sep}"


def is_delicate(filename: str) -> bool:
    """Whether code of this file must be let come to its end: half of a module is worse than a loop, and a tool that
    measures coverage would keep its lock for ever.
    """
    return filename.startswith("<frozen importlib") or _COVERAGE in filename
