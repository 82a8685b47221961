"""What can go wrong between a client and Stripe, on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from payments_lab.local_stripe.requests import Request

Kind = Literal["connection refused", "reply lost", "error before", "error after", "rate limit"]
Chooser = Callable[[Request], Kind | None]


@dataclass(slots=True)
class _Scripted:
    kind: Kind
    times: int
    path: str | None
    after: int


class Faults:
    """Faults for the requests to come, in the order in which they were asked for.

    Every verb takes ``times`` (how many requests it hits), ``path`` (only requests whose path begins so) and
    ``after`` (how many matching requests it lets pass first). ``choose`` may be set to a function that decides for
    each request instead.
    """

    def __init__(self) -> None:
        self.choose: Chooser | None = None
        self._scripted: list[_Scripted] = []

    def connection_refused(self, times: int = 1, *, path: str | None = None, after: int = 0) -> None:
        """Nothing reaches Stripe; the client cannot know that."""
        self._script("connection refused", times, path, after)

    def lose_reply(self, times: int = 1, *, path: str | None = None, after: int = 0) -> None:
        """Stripe does what it was asked, and the client never hears of it."""
        self._script("reply lost", times, path, after)

    def error_before(self, times: int = 1, *, path: str | None = None, after: int = 0) -> None:
        """A 500 before anything happened."""
        self._script("error before", times, path, after)

    def error_after(self, times: int = 1, *, path: str | None = None, after: int = 0) -> None:
        """A 500 although it happened; an idempotency key gives the same 500 again."""
        self._script("error after", times, path, after)

    def rate_limit(self, times: int = 1, *, path: str | None = None, after: int = 0) -> None:
        """A 429; nothing happened."""
        self._script("rate limit", times, path, after)

    def clear(self) -> None:
        self._scripted.clear()
        self.choose = None

    def take(self, request: Request) -> Kind | None:
        """The fault that this request meets, if any."""
        if self.choose is not None:
            return self.choose(request)
        for scripted in self._scripted:
            if scripted.path is not None and not request.path.startswith(scripted.path):
                continue
            if scripted.after:
                scripted.after -= 1
                return None
            scripted.times -= 1
            if not scripted.times:
                self._scripted.remove(scripted)
            return scripted.kind
        return None

    def _script(self, kind: Kind, times: int, path: str | None, after: int) -> None:
        if times < 1 or after < 0:
            raise ValueError(f"a fault hits at least one request and lets none or some pass; got {times=}, {after=}")
        self._scripted.append(_Scripted(kind, times, path, after))
