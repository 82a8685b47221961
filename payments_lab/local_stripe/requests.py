"""A request and an answer, however they travel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Headers(dict[str, str]):
    """Header fields by name, in any letter case, as HTTP has them."""

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        super().__init__()
        for name, value in (fields or {}).items():
            self[name] = value

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name.lower(), value)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the API. ``params`` are nested dicts, lists and texts, as the form carried them.

    ``id`` is the request's own id where the door gives one; without it, the state gives one. ``malformed`` is the
    refusal that a form deserves which could not be read.
    """

    method: str
    path: str
    params: dict[str, Any]
    api_key: str | None = None
    idempotency_key: str | None = None
    version: str | None = None
    id: str | None = None
    malformed: Exception | None = None

    @property
    def writes(self) -> bool:
        return self.method != "GET"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer with its HTTP status; ``body`` is JSON text, ``delay`` the seconds that a slow reply takes."""

    status: int
    body: str
    headers: Headers = field(default_factory=Headers)
    delay: float = 0.0

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)
