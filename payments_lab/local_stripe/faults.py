"""What can go wrong between a client and Stripe, on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from payments_lab.local_stripe.ledger import Ledger
from payments_lab.local_stripe.requests import Request

Kind = Literal[
    "connection refused", "reply lost", "error before", "error after", "rate limit", "in flight", "slow reply"
]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Fault:
    """What a request meets; ``seconds`` is how slow a slow reply is."""

    kind: Kind
    seconds: float = 0.0


Chooser = Callable[[Request], "Fault | Kind | None"]


class Faults:
    """Faults for the requests to come, in the order in which they were asked for.

    Every verb takes ``times`` (how many requests it hits), ``path`` (only requests whose path begins so, such as
    ``"/v1/refunds"``), ``method`` (``"POST"``) and ``after`` (how many matching requests it lets pass first).
    ``choose`` may be set to a function that decides for each request instead. What is scripted is part of a snapshot.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.choose: Chooser | None = None
        self._ledger = ledger

    def connection_refused(
        self, times: int = 1, *, path: str | None = None, method: str | None = None, after: int = 0
    ) -> None:
        """Nothing reaches Stripe; the client cannot know that."""
        self.script("connection refused", times, path=path, method=method, after=after)

    def lose_reply(self, times: int = 1, *, path: str | None = None, method: str | None = None, after: int = 0) -> None:
        """Stripe does what it was asked, and the client never hears of it."""
        self.script("reply lost", times, path=path, method=method, after=after)

    def error_before(
        self, times: int = 1, *, path: str | None = None, method: str | None = None, after: int = 0
    ) -> None:
        """A 500 before anything happened."""
        self.script("error before", times, path=path, method=method, after=after)

    def error_after(
        self, times: int = 1, *, path: str | None = None, method: str | None = None, after: int = 0
    ) -> None:
        """A 500 although it happened; an idempotency key gives the same 500 again."""
        self.script("error after", times, path=path, method=method, after=after)

    def rate_limit(self, times: int = 1, *, path: str | None = None, method: str | None = None, after: int = 0) -> None:
        """A 429; nothing happened."""
        self.script("rate limit", times, path=path, method=method, after=after)

    def in_flight(self, times: int = 1, *, path: str | None = None, method: str | None = None, after: int = 0) -> None:
        """A 409, as if another request with the same idempotency key were not answered yet; nothing happened."""
        self.script("in flight", times, path=path, method=method, after=after)

    def slow(
        self,
        seconds: float,
        times: int = 1,
        *,
        path: str | None = None,
        method: str | None = None,
        after: int = 0,
    ) -> None:
        """It happens at once, and the reply takes ``seconds``: on the lab's clock in process, really over HTTP.

        A client whose patience is shorter sees a timeout, and nobody knows what happened.
        """
        self.script("slow reply", times, path=path, method=method, after=after, seconds=seconds)

    def script(
        self,
        kind: Kind,
        times: int = 1,
        *,
        path: str | None = None,
        method: str | None = None,
        after: int = 0,
        seconds: float = 0.0,
    ) -> None:
        """Any fault by its name. ValueError for one that makes no sense."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no fault; known are {', '.join(KINDS)}")
        if times < 1 or after < 0 or seconds < 0:
            raise ValueError(
                f"a fault hits at least one request, lets none or some pass and takes no negative time; "
                f"got {times=}, {after=}, {seconds=}"
            )
        self._scripted.append(
            {"kind": kind, "times": times, "path": path, "method": method, "after": after, "seconds": seconds}
        )

    def clear(self) -> None:
        """Forget what was scripted, and who chooses."""
        self._scripted.clear()
        self.choose = None

    def pending(self) -> list[dict[str, Any]]:
        """What is scripted and has not happened yet."""
        return [dict(scripted) for scripted in self._scripted]

    def take(self, request: Request) -> Fault | None:
        """The fault that this request meets, if any."""
        if self.choose is not None:
            chosen = self.choose(request)
            return Fault(chosen) if isinstance(chosen, str) else chosen
        for scripted in self._scripted:
            if not _matches(scripted, request):
                continue
            if scripted["after"]:
                scripted["after"] -= 1
                return None
            scripted["times"] -= 1
            if not scripted["times"]:
                self._scripted.remove(scripted)
            return Fault(scripted["kind"], scripted["seconds"])
        return None

    @property
    def _scripted(self) -> list[dict[str, Any]]:
        return self._ledger.state.faults


def _matches(scripted: dict[str, Any], request: Request) -> bool:
    path, method = scripted["path"], scripted["method"]
    return (path is None or request.path.startswith(path)) and (method is None or request.method == method)
