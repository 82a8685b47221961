"""A few plain words in a notebook's output, or a piece of code."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any


@dataclass(frozen=True, slots=True)
class Note:
    """``words``, shown as they are; as ``code``, in its typeface."""

    words: str
    code: bool = False

    def __str__(self) -> str:
        return self.words

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        shown = f"<pre>{escape(self.words)}</pre>" if self.code else f"<p>{escape(self.words)}</p>"
        return {"text/plain": self.words, "text/html": shown}
