"""The id port: the only source of new identifiers in the package."""

from __future__ import annotations

import secrets
from collections import Counter
from typing import Protocol


class Ids(Protocol):
    """Makes identifiers that it never makes again, such as ``ord_1`` for the prefix ``ord``."""

    def new(self, prefix: str) -> str: ...


class SequentialIds:
    """Counts each prefix from 1: ``ord_1``, ``ord_2``, ``pay_1``. Short to read and the same in every run."""

    def __init__(self) -> None:
        self._last: Counter[str] = Counter()

    def new(self, prefix: str) -> str:
        self._last[prefix] += 1
        return f"{prefix}_{self._last[prefix]}"


class RandomIds:
    """96 random bits as hexadecimal behind the prefix, for shops whose processes share no counter."""

    def new(self, prefix: str) -> str:
        return f"{prefix}_{secrets.token_hex(12)}"
