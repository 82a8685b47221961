"""The contract of events and of the balance."""

from __future__ import annotations

import pytest
import stripe

from tests.contracts.stripe.words import charge, eventually, paid


def events_about(client: stripe.StripeClient, object_id: str, kinds: set[str]) -> set[str] | None:
    found = {event.type for event in client.v1.events.list({"limit": 50}) if event.data.object["id"] == object_id}
    return found if kinds <= found else None


def test_a_charge_is_told_as_an_event(client: stripe.StripeClient) -> None:
    made = charge(client)

    assert eventually(lambda: events_about(client, made.id, {"charge.succeeded"}))


def test_a_decline_is_told_as_an_event(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError):
        charge(client, "tok_chargeDeclined")

    assert eventually(lambda: client.v1.events.list({"type": "charge.failed", "limit": 1}).data)


def test_an_intents_life_is_told_as_events(client: stripe.StripeClient) -> None:
    made = paid(client)

    assert eventually(lambda: events_about(client, made.id, {"payment_intent.created", "payment_intent.succeeded"}))


def test_a_refund_is_told_as_events(client: stripe.StripeClient) -> None:
    made = charge(client)
    refund = client.v1.refunds.create({"charge": made.id})

    assert eventually(lambda: events_about(client, made.id, {"charge.refunded"}))
    assert eventually(lambda: events_about(client, refund.id, {"refund.created"}))


def test_an_event_shows_the_object_as_it_was_then(client: stripe.StripeClient) -> None:
    made = charge(client)
    client.v1.refunds.create({"charge": made.id})

    def look() -> stripe.Event | None:
        events = client.v1.events.list({"type": "charge.succeeded", "limit": 20})
        return next((event for event in events if event.data.object["id"] == made.id), None)

    assert eventually(look).data.object["refunded"] is False


def test_an_event_names_the_request_behind_it(client: stripe.StripeClient) -> None:
    made = charge(client)

    def look() -> stripe.Event | None:
        events = client.v1.events.list({"type": "charge.succeeded", "limit": 20})
        return next((event for event in events if event.data.object["id"] == made.id), None)

    event = eventually(look)
    assert event.request is not None
    assert event.request.id == made.last_response.request_id
    assert client.v1.events.retrieve(event.id).id == event.id


def test_the_balance_grows_with_a_charge(client: stripe.StripeClient) -> None:
    def total() -> int:
        balance = client.v1.balance.retrieve()
        return sum(part.amount for part in (*balance.available, *balance.pending) if part.currency == "usd")

    before = total()
    made = charge(client)
    booked = client.v1.balance_transactions.retrieve(str(made.balance_transaction))

    assert eventually(lambda: total() - before == booked.net)


def test_a_webhook_endpoint_shows_its_secret_once(client: stripe.StripeClient) -> None:
    made = client.v1.webhook_endpoints.create(
        {"url": "https://example.com/hook", "enabled_events": ["charge.succeeded"]}
    )
    found = client.v1.webhook_endpoints.retrieve(made.id)
    gone = client.v1.webhook_endpoints.delete(made.id)

    assert str(made.secret).startswith("whsec_")
    assert "secret" not in found
    assert (found.status, gone.deleted) == ("enabled", True)
