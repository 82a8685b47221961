"""Reading events. Source: https://docs.stripe.com/api/events"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from payments_lab.local_stripe.errors import invalid_request
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.listing import listing_form, page
from payments_lab.local_stripe.parameters import NOTHING, boolean, read, text, texts

LISTING = listing_form({"type": text, "types": texts, "delivery_success": boolean})


def retrieve(ledger: Ledger, params: dict[str, Any], event_id: str) -> StripeObject:
    read(NOTHING, params)
    return ledger.get("event", event_id)


def listing(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    """A page of events, of one ``type`` (``charge.*`` is one), of several ``types``, or delivered or not."""
    asked = read(LISTING, params)
    if "type" in asked and "types" in asked:
        raise invalid_request("You may only specify one of these parameters: type, types.", code="parameters_exclusive")
    kinds = asked.pop("types", None)
    pattern = asked.pop("type", "*") if "*" in asked.get("type", "") else "*"
    delivered = asked.pop("delivery_success", None)
    waiting = {delivery["event"] for delivery in ledger.state.deliveries.values()}

    def keep(event: StripeObject) -> bool:
        return (
            (kinds is None or event["type"] in kinds)
            and fnmatchcase(event["type"], pattern)
            and (delivered is None or (event["id"] not in waiting) is delivered)
        )

    return page(ledger, "event", "/v1/events", asked, keep=keep)


def as_of(ledger: Ledger, event: StripeObject) -> StripeObject:
    """The event with the number of endpoints that still wait for it."""
    waiting = {
        delivery["endpoint"]
        for delivery in ledger.state.deliveries.values()
        if delivery["event"] == event["id"] and delivery["status"] == "pending"
    }
    return {**event, "pending_webhooks": len(waiting)} if waiting else event
