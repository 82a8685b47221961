"""Webhook endpoints: where events are sent. Source: https://docs.stripe.com/api/webhook_endpoints"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from payments_lab.local_stripe.errors import invalid_request
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.listing import listing_form, page
from payments_lab.local_stripe.parameters import (
    NOTHING,
    boolean,
    form,
    merged,
    metadata,
    optional_text,
    read,
    text,
    texts,
)

_COMMON = {"description": optional_text, "enabled_events": texts, "metadata": metadata, "url": text}
NEW = form({**_COMMON, "api_version": text, "connect": boolean}, required=("enabled_events", "url"))
CHANGES = form({**_COMMON, "disabled": boolean})
LISTING = listing_form({}, dated=False)


def create(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    """The new endpoint; only this answer shows its signing secret."""
    asked = read(NEW, params)
    _check(asked)
    endpoint_id = ledger.new_id("we")
    secret = f"whsec_{hashlib.sha256(endpoint_id.encode()).hexdigest()[:32]}"
    ledger.note(endpoint_id, secret=secret)
    made = ledger.add(
        {
            "id": endpoint_id,
            "object": "webhook_endpoint",
            "api_version": asked.get("api_version"),
            "application": None,
            "created": ledger.now(),
            "description": asked.get("description"),
            "enabled_events": asked["enabled_events"],
            "livemode": False,
            "metadata": merged({}, asked.get("metadata", {})),
            "status": "enabled",
            "url": asked["url"],
        }
    )
    return {**made, "secret": secret}


def retrieve(ledger: Ledger, params: dict[str, Any], endpoint_id: str) -> StripeObject:
    read(NOTHING, params)
    return ledger.get("webhook_endpoint", endpoint_id)


def update(ledger: Ledger, params: dict[str, Any], endpoint_id: str) -> StripeObject:
    endpoint = ledger.get("webhook_endpoint", endpoint_id)
    asked = read(CHANGES, params)
    _check(asked)
    if "metadata" in asked:
        asked["metadata"] = merged(endpoint["metadata"], asked["metadata"]) if asked["metadata"] else {}
    if "disabled" in asked:
        asked["status"] = "disabled" if asked.pop("disabled") else "enabled"
    endpoint |= asked
    return ledger.save(endpoint)


def delete(ledger: Ledger, params: dict[str, Any], endpoint_id: str) -> StripeObject:
    ledger.get("webhook_endpoint", endpoint_id)
    read(NOTHING, params)
    ledger.table("webhook_endpoint").remove(endpoint_id)
    return {"id": endpoint_id, "object": "webhook_endpoint", "deleted": True}


def listing(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    return page(ledger, "webhook_endpoint", "/v1/webhook_endpoints", read(LISTING, params))


def _check(asked: dict[str, Any]) -> None:
    if "url" in asked and not _is_web_address(asked["url"]):
        raise invalid_request("Invalid URL: An explicit scheme (such as https) must be provided.", param="url")
    for index, name in enumerate(asked.get("enabled_events", ())):
        if name != "*" and "." not in name:
            raise invalid_request(
                f"Invalid enabled_events[{index}]: {name[:50]} is not a type of event",
                param=f"enabled_events[{index}]",
            )


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
