"""Events: what happened, with the object as it was then. Source: https://docs.stripe.com/api/events"""

from __future__ import annotations

from typing import Any

from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.tables import encode
from payments_lab.local_stripe.versions import API_VERSION


def emit(ledger: Ledger, kind: str, subject: StripeObject, previous: dict[str, Any] | None = None) -> None:
    """Record that ``kind`` happened to ``subject``; ``previous`` has the old values of what changed."""
    event_id = ledger.new_id("evt")
    before = f',"previous_attributes":{encode(previous)}' if previous is not None else ""
    request = {"id": ledger.origin.request_id, "idempotency_key": ledger.origin.idempotency_key}
    ledger.table("event").put_back(
        f'{{"id":"{event_id}","object":"event","api_version":"{API_VERSION}","created":{ledger.now()},'
        f'"data":{{"object":{ledger.text(subject)}{before}}},"livemode":false,"pending_webhooks":0,'
        f'"request":{encode(request)},"type":"{kind}"}}'
    )
    if ledger.on_event is not None:
        ledger.on_event(event_id, kind)


def changed(before: StripeObject, after: StripeObject) -> dict[str, Any]:
    """The fields of ``before`` that ``after`` has otherwise."""
    return {name: value for name, value in before.items() if after.get(name) != value}
