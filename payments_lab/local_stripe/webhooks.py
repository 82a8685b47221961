"""Webhooks: events on their way to endpoints, steered by whoever holds the lab.

Stripe delivers at least once and in no particular order, so here a delivery can be made twice, late, or before an
older one. An endpoint that does not answer with 2xx is tried again with back-off, three times in test mode.
Sources: https://docs.stripe.com/webhooks#behaviors, https://docs.stripe.com/webhooks/signature
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.objects import event_list
from payments_lab.local_stripe.signatures import signature_header
from payments_lab.local_stripe.tables import encode

BACK_OFF_SECONDS = (300, 1800, 7200)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. ``due`` is Unix seconds; ``attempts`` counts those that failed.

    ``status`` is ``pending`` (it will be tried when due), ``failed`` (given up; resend it) or ``delivered``.
    """

    id: str
    event: str
    type: str
    endpoint: str
    url: str
    due: int
    attempts: int
    status: str


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """What is posted to an endpoint."""

    url: str
    body: bytes
    headers: dict[str, str]


Post = Callable[[WebhookRequest], int]
AsyncPost = Callable[[WebhookRequest], Awaitable[int]]


class Webhooks:
    """What is on its way, and the means to bring it there.

    ``post`` functions get a :class:`WebhookRequest` and return the endpoint's status, 0 when no answer came. Exceptions
    of theirs come out, and the delivery stays where it was.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.on_change: Callable[[], None] | None = None
        ledger.on_event = self._queue

    def pending(self) -> list[Delivery]:
        """What will be tried, now or later, in the order in which it happened."""
        return [Delivery(**row) for row in self._rows.values() if row["status"] == "pending"]

    def due(self) -> list[Delivery]:
        """What may be tried now; what is for an endpoint that is disabled or deleted by now is given up.

        Source: https://docs.stripe.com/webhooks#behaviors
        """
        waiting = [delivery for delivery in self.pending() if delivery.due <= self._ledger.now()]
        for delivery in waiting:
            if not self._listens(delivery.endpoint):
                self._rows[delivery.id]["status"] = "failed"
        return [delivery for delivery in waiting if self._listens(delivery.endpoint)]

    def failed(self) -> list[Delivery]:
        """What was given up."""
        return [Delivery(**row) for row in self._rows.values() if row["status"] == "failed"]

    def request(self, delivery: Delivery) -> WebhookRequest:
        """What is posted for this delivery, signed now. KeyError when its endpoint is gone."""
        body = self.payload(delivery.event)
        secret = self.secret(delivery.endpoint)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature_header(body, secret, self._ledger.now()),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        return WebhookRequest(delivery.url, body, headers)

    def payload(self, event_id: str) -> bytes:
        """The event as it is posted."""
        return encode(event_list.as_of(self._ledger, self._event(event_id))).encode()

    def secret(self, endpoint_id: str) -> str:
        """The endpoint's signing secret, ``whsec_…``."""
        return self._ledger.backstage(endpoint_id)["secret"]

    def deliver(self, delivery: Delivery, post: Post) -> Delivery:
        """Try it now, due or not, and record what came of it. Trying a delivered one again is a duplicate."""
        return self.record(delivery, post(self.request(delivery)))

    def deliver_due(self, post: Post) -> list[Delivery]:
        """Try everything that is due, oldest first, also what becomes due meanwhile; what came of each."""
        done: list[Delivery] = []
        while waiting := self.due():
            done += [self.deliver(delivery, post) for delivery in waiting]
        return done

    async def deliver_due_async(self, post: AsyncPost) -> list[Delivery]:
        """The same for an endpoint that must be awaited."""
        done: list[Delivery] = []
        while waiting := self.due():
            done += [self.record(delivery, await post(self.request(delivery))) for delivery in waiting]
        return done

    def record(self, delivery: Delivery, status: int) -> Delivery:
        """Take down what the endpoint answered (0 for nothing): done, to be tried later, or given up."""
        row = self._rows.get(delivery.id)
        if 200 <= status < 300:
            self._rows.pop(delivery.id, None)
            return replace(delivery, status="delivered")
        if row is None:
            return delivery
        row["attempts"] += 1
        if row["attempts"] > len(BACK_OFF_SECONDS):
            row["status"] = "failed"
        else:
            row["due"] = self._ledger.now() + BACK_OFF_SECONDS[row["attempts"] - 1]
        return Delivery(**row)

    def resend(self, event_id: str, endpoint_id: str | None = None) -> list[Delivery]:
        """Send an event once more, to one endpoint or to every one that wants it, delivered before or not.

        KeyError when there is no such event.
        """
        kind = self._event(event_id)["type"]
        endpoints = [each for each in self._wanting(kind) if endpoint_id in (None, each["id"])]
        return [Delivery(**self._enqueue(event_id, kind, endpoint)) for endpoint in endpoints]

    def nudge(self) -> None:
        """Tell whoever brings webhooks by itself that something may be due: a new one came, or the clock was moved."""
        if self.on_change is not None:
            self.on_change()

    @property
    def memory(self) -> object:
        """Another one after a reset or a restored snapshot, when old deliveries mean nothing any more."""
        return self._ledger.state

    def hold(self, delivery: Delivery, seconds: int) -> Delivery:
        """Make it late by so many seconds, so that others overtake it."""
        row = self._rows.get(delivery.id)
        if row is None:
            raise KeyError(f"delivery {delivery.id} is not on its way any more")
        row["due"] = max(row["due"], self._ledger.now()) + seconds
        return Delivery(**row)

    @property
    def _rows(self) -> dict[str, dict[str, Any]]:
        return self._ledger.state.deliveries

    def _queue(self, event_id: str, kind: str) -> None:
        for endpoint in self._wanting(kind):
            self._enqueue(event_id, kind, endpoint)

    def _listens(self, endpoint_id: str) -> bool:
        endpoint = self._ledger.table("webhook_endpoint").find(endpoint_id)
        return endpoint is not None and endpoint["status"] == "enabled"

    def _wanting(self, kind: str) -> list[StripeObject]:
        table = self._ledger.table("webhook_endpoint")
        return [each for each in table if each["status"] == "enabled" and _wants(each["enabled_events"], kind)]

    def _enqueue(self, event_id: str, kind: str, endpoint: StripeObject) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": f"wd_{self._ledger.count('wd')}",
            "event": event_id,
            "type": kind,
            "endpoint": endpoint["id"],
            "url": endpoint["url"],
            "due": self._ledger.now(),
            "attempts": 0,
            "status": "pending",
        }
        self._rows[row["id"]] = row
        self.nudge()
        return row

    def _event(self, event_id: str) -> StripeObject:
        event = self._ledger.table("event").find(event_id)
        if event is None:
            raise KeyError(f"there is no event {event_id!r}")
        return event


def _wants(enabled: list[str], kind: str) -> bool:
    return "*" in enabled or kind in enabled
