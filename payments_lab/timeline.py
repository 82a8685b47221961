"""The lab's records as a story: services as lanes, events as messages with their versions, calls to Stripe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from payments_lab.bus.records import Happening, Record
from payments_lab.bus.simulator import Message
from payments_lab.diagrams import Arrow, Crash, Gap, Lane, Note, Receive, Send, Step, Story
from payments_lab.local_stripe.requests import Request, Response

LANES = (
    Lane("orders", "orders"),
    Lane("expiration", "expiration"),
    Lane("payments", "payments"),
    Lane("stripe", "Stripe"),
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request to Stripe and its answer, made when the bus's log had ``position`` records."""

    position: int
    request: Request
    response: Response | None


def tell(title: str, log: Sequence[Record], messages: Sequence[Message], exchanges: Iterable[Exchange] = ()) -> Story:
    """The story so far, in the order in which it happened."""
    teller = _Teller(messages)
    waiting = sorted(exchanges, key=lambda exchange: exchange.position)
    for position, record in enumerate(log):
        while waiting and waiting[0].position <= position:
            teller.exchange(waiting.pop(0))
        teller.record(record)
    for exchange in waiting:
        teller.exchange(exchange)
    return Story(title, teller.lanes(), tuple(teller.steps))


class _Teller:
    def __init__(self, messages: Sequence[Message]) -> None:
        self.steps: list[Step] = []
        self._messages = {message.sequence: message for message in messages}
        self._seen: set[str] = set()
        self._now: Any = None
        self._deliveries: dict[tuple[int, str, int], int] = {}

    def lanes(self) -> tuple[Lane, ...]:
        known = {lane.key for lane in LANES}
        others = sorted(self._seen - known)
        return (
            tuple(lane for lane in LANES if lane.key in self._seen) + tuple(Lane(key, key) for key in others) or LANES
        )

    def record(self, record: Record) -> None:
        self._time(record)
        party = _service(record.party)
        self._seen.add(party)
        key = str(record.sequence)
        match record.happening:
            case Happening.PUBLISHED:
                self.steps.append(Send(key, party, self._label(record)))
            case Happening.DELIVERED:
                self._deliveries[record.sequence, record.party, record.attempt] = len(self.steps)
                self.steps.append(Receive(key, party, attempt=record.attempt))
            case Happening.ACKED:
                self._tick(record)
            case Happening.CRASHED:
                self.steps.append(Crash(party, f"crashes {record.detail}".strip()))
            case Happening.DEAD:
                self.steps.append(Note(party, f"dead letter: {record.detail}", tone="bad"))
            case Happening.NAKED:
                self.steps.append(Note(party, f"not yet, {record.detail}" if record.detail else "not yet", tone="warn"))
            case _:
                detail = f": {record.detail}" if record.detail else ""
                self.steps.append(Note(party, f"{record.happening} {record.subject}{detail}", tone="warn"))

    def exchange(self, exchange: Exchange) -> None:
        self._seen |= {"payments", "stripe"}
        self.steps.append(Arrow("payments", "stripe", _asked(exchange.request), kind="call"))
        if exchange.response is None:
            self.steps.append(Arrow("stripe", "payments", "no answer", kind="lost"))
            return
        kind = "reply" if exchange.response.status == 200 else "error"
        self.steps.append(Arrow("stripe", "payments", _answered(exchange.response), kind=kind))

    def _tick(self, record: Record) -> None:
        """Mark the delivery that this acknowledgement answers."""
        place = self._deliveries.get((record.sequence, record.party, record.attempt))
        if place is not None:
            self.steps[place] = replace(self.steps[place], detail="acked")

    def _label(self, record: Record) -> str:
        version = _version(self._messages[record.sequence].data)
        return f"{record.subject} v{version}" if version is not None else record.subject

    def _time(self, record: Record) -> None:
        if self._now is not None and record.at > self._now:
            duration = _duration((record.at - self._now).total_seconds())
            self.steps.append(Gap(f"{duration} passes" if duration == "1 second" else f"{duration} pass"))
        self._now = record.at


def _service(party: str) -> str:
    return party.removesuffix("-service")


def _version(data: bytes) -> int | None:
    try:
        return json.loads(data).get("version")
    except (ValueError, AttributeError):
        return None


def _asked(request: Request) -> str:
    params = request.params
    if request.path == "/v1/charges" and request.method == "POST":
        return f"charge {params.get('amount')} {params.get('currency')} to {params.get('source')}"
    if request.path == "/v1/refunds" and request.method == "POST":
        return f"refund {params.get('charge')}"
    return f"{request.method} {request.path}"


def _answered(response: Response) -> str:
    body = response.json
    if response.status != 200:
        error = body["error"]
        return f"{response.status} {error.get('decline_code') or error.get('code') or error['type']}"
    replayed = " (the same answer again)" if "Idempotent-Replayed" in response.headers else ""
    return f"{body.get('id', body['object'])} {body.get('status', '')}".rstrip() + replayed


def _duration(seconds: float) -> str:
    if seconds >= 120:
        return f"{seconds / 60:g} minutes"
    return "1 second" if seconds == 1 else f"{seconds:.3g} seconds"
