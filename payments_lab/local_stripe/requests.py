"""A request and an answer, however they travel."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the API. ``params`` are nested dicts, lists and texts, as the form carried them."""

    method: str
    path: str
    params: dict[str, Any]
    api_key: str | None = None
    idempotency_key: str | None = None
    version: str | None = None

    @property
    def writes(self) -> bool:
        return self.method != "GET"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer with its HTTP status; ``body`` is JSON text."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)
