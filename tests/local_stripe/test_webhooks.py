"""Webhooks: signed as Stripe signs, delivered more than once, late, out of order, and tried again with back-off."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import stripe

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.webhooks import BACK_OFF_SECONDS, WebhookRequest
from payments_lab.ports import LabClock, SystemClock


class Endpoint:
    """A shop's endpoint, which verifies with the real library what it gets."""

    def __init__(self, secret: str, *answers: int, tolerance: int | None = None) -> None:
        self.heard: list[stripe.Event] = []
        self._secret = secret
        self._answers = list(answers)
        self._tolerance: Any = tolerance

    def __call__(self, request: WebhookRequest) -> int:
        header = request.headers["Stripe-Signature"]
        self.heard.append(stripe.Webhook.construct_event(request.body, header, self._secret, self._tolerance))
        return self._answers.pop(0) if self._answers else 200

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.heard]


def listen(local: LocalStripe, *events: str) -> Endpoint:
    made = local.client().v1.webhook_endpoints.create({"url": "https://shop.test/hook", "enabled_events": list(events)})  # pyright: ignore[reportArgumentType]
    return Endpoint(str(made.secret))


def charge(local: LocalStripe) -> stripe.Charge:
    return local.client().v1.charges.create({"amount": 2000, "currency": "usd", "source": "tok_visa"})


@pytest.fixture
def present() -> LocalStripe:
    """A Stripe whose clock shows the present, as the library's tolerance wants it."""
    return LocalStripe(LabClock(SystemClock().now()))


def test_an_endpoint_hears_what_it_asked_for(local_stripe: LocalStripe) -> None:
    endpoint = listen(local_stripe, "charge.succeeded")
    made = charge(local_stripe)
    local_stripe.client().v1.refunds.create({"charge": made.id})

    local_stripe.webhooks.deliver_due(endpoint)

    assert endpoint.types == ["charge.succeeded"]
    assert endpoint.heard[0].data.object["id"] == made.id


def test_a_star_asks_for_everything(local_stripe: LocalStripe) -> None:
    endpoint = listen(local_stripe, "*")
    local_stripe.client().v1.refunds.create({"charge": charge(local_stripe).id})

    local_stripe.webhooks.deliver_due(endpoint)

    assert endpoint.types == ["charge.succeeded", "charge.refunded", "refund.created"]


def test_a_disabled_endpoint_hears_nothing(local_stripe: LocalStripe) -> None:
    listen(local_stripe, "*")
    v1 = local_stripe.client().v1
    v1.webhook_endpoints.update(v1.webhook_endpoints.list().data[0].id, {"disabled": True})

    charge(local_stripe)

    assert local_stripe.webhooks.pending() == []


def test_the_library_takes_our_signature(present: LocalStripe) -> None:
    endpoint = listen(present, "*")
    endpoint._tolerance = 300
    charge(present)

    present.webhooks.deliver_due(endpoint)

    assert endpoint.types == ["charge.succeeded"]


def test_the_library_rejects_an_altered_payload(present: LocalStripe) -> None:
    secret, request = signed(present)

    with pytest.raises(stripe.SignatureVerificationError, match="No signatures found"):
        stripe.Webhook.construct_event(request.body.replace(b"2000", b"1"), request.headers["Stripe-Signature"], secret)


def test_the_library_rejects_a_forged_signature(present: LocalStripe) -> None:
    _, request = signed(present)

    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(request.body, request.headers["Stripe-Signature"], "whsec_of_somebody_else")


def test_the_library_rejects_a_stale_signature(local_stripe: LocalStripe) -> None:
    secret, request = signed(local_stripe)

    with pytest.raises(stripe.SignatureVerificationError, match="Timestamp outside the tolerance zone"):
        stripe.Webhook.construct_event(request.body, request.headers["Stripe-Signature"], secret)


def test_a_failing_endpoint_is_tried_again_with_back_off(local_stripe: LocalStripe) -> None:
    endpoint = listen(local_stripe, "*")
    endpoint._answers = [500, 503]
    charge(local_stripe)

    assert [delivery.attempts for delivery in local_stripe.webhooks.deliver_due(endpoint)] == [1]
    assert local_stripe.webhooks.due() == []
    local_stripe.clock.advance(BACK_OFF_SECONDS[0])  # pyright: ignore[reportAttributeAccessIssue]
    assert [delivery.attempts for delivery in local_stripe.webhooks.deliver_due(endpoint)] == [2]
    local_stripe.clock.advance(BACK_OFF_SECONDS[1])  # pyright: ignore[reportAttributeAccessIssue]

    (last,) = local_stripe.webhooks.deliver_due(endpoint)

    assert last.status == "delivered"
    assert endpoint.types == ["charge.succeeded"] * 3
    assert local_stripe.webhooks.pending() == []


def test_an_endpoint_that_never_answers_is_given_up(local_stripe: LocalStripe) -> None:
    endpoint = listen(local_stripe, "*")
    endpoint._answers = [0] * 10
    charge(local_stripe)

    for _ in range(10):
        local_stripe.webhooks.deliver_due(endpoint)
        local_stripe.clock.advance(timedelta(days=1))  # pyright: ignore[reportAttributeAccessIssue]

    assert len(endpoint.heard) == 1 + len(BACK_OFF_SECONDS)
    assert [delivery.status for delivery in local_stripe.webhooks.failed()] == ["failed"]


@pytest.mark.parametrize("gone", ["deleted", "disabled"])
def test_an_endpoint_that_is_gone_is_not_tried_again(local_stripe: LocalStripe, gone: str) -> None:
    endpoint = listen(local_stripe, "*")
    endpoint._answers = [500]
    charge(local_stripe)
    local_stripe.webhooks.deliver_due(endpoint)
    endpoints = local_stripe.client().v1.webhook_endpoints
    known = endpoints.list().data[0].id
    if gone == "deleted":
        endpoints.delete(known)
    else:
        endpoints.update(known, {"disabled": True})

    local_stripe.clock.advance(BACK_OFF_SECONDS[0])  # pyright: ignore[reportAttributeAccessIssue]
    local_stripe.webhooks.deliver_due(endpoint)

    assert len(endpoint.heard) == 1
    assert [delivery.status for delivery in local_stripe.webhooks.failed()] == ["failed"]


def test_an_endpoint_that_was_disabled_for_a_while_is_tried_again(local_stripe: LocalStripe) -> None:
    endpoint = listen(local_stripe, "*")
    endpoint._answers = [500]
    charge(local_stripe)
    local_stripe.webhooks.deliver_due(endpoint)
    endpoints = local_stripe.client().v1.webhook_endpoints
    for disabled in (True, False):
        endpoints.update(endpoints.list().data[0].id, {"disabled": disabled})

    local_stripe.clock.advance(BACK_OFF_SECONDS[0])  # pyright: ignore[reportAttributeAccessIssue]
    local_stripe.webhooks.deliver_due(endpoint)

    assert endpoint.types == ["charge.succeeded"] * 2


@pytest.mark.parametrize("url", ["shop", "ftp://shop.test", "http://", "http://shop.test:99999", "http://[shop"])
def test_an_endpoint_needs_an_address_of_the_web(local_stripe: LocalStripe, url: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Invalid URL") as refused:
        local_stripe.client().v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})

    assert refused.value.param == "url"


def test_what_was_delivered_can_be_sent_once_more(local_stripe: LocalStripe) -> None:
    endpoint = listen(local_stripe, "*")
    charge(local_stripe)
    local_stripe.webhooks.deliver_due(endpoint)

    local_stripe.webhooks.resend(endpoint.heard[0].id)
    local_stripe.webhooks.deliver_due(endpoint)

    assert [event.id for event in endpoint.heard] == [endpoint.heard[0].id] * 2


def test_one_delivery_can_be_made_twice(local_stripe: LocalStripe) -> None:
    endpoint = listen(local_stripe, "*")
    charge(local_stripe)
    (delivery,) = local_stripe.webhooks.pending()

    for _ in range(2):
        assert local_stripe.webhooks.deliver(delivery, endpoint).status == "delivered"

    assert endpoint.types == ["charge.succeeded"] * 2


def test_a_later_event_can_overtake_an_earlier_one(local_stripe: LocalStripe) -> None:
    endpoint = listen(local_stripe, "charge.succeeded", "charge.refunded")
    local_stripe.client().v1.refunds.create({"charge": charge(local_stripe).id})
    first, second = local_stripe.webhooks.pending()

    local_stripe.webhooks.deliver(second, endpoint)
    local_stripe.webhooks.deliver(first, endpoint)

    assert endpoint.types == ["charge.refunded", "charge.succeeded"]


def test_a_delivery_can_be_held_back(local_stripe: LocalStripe) -> None:
    endpoint = listen(local_stripe, "*")
    charge(local_stripe)
    local_stripe.webhooks.hold(local_stripe.webhooks.pending()[0], 60)
    charge(local_stripe)

    local_stripe.webhooks.deliver_due(endpoint)
    assert len(endpoint.heard) == 1
    local_stripe.clock.advance(60)  # pyright: ignore[reportAttributeAccessIssue]
    local_stripe.webhooks.deliver_due(endpoint)

    assert [event.data.object["id"] for event in endpoint.heard] == ["ch_2", "ch_1"]


def test_an_error_of_the_handler_comes_out_and_the_delivery_stays(local_stripe: LocalStripe) -> None:
    listen(local_stripe, "*")
    charge(local_stripe)

    def broken(request: WebhookRequest) -> int:
        raise LookupError("a bug of ours")

    with pytest.raises(LookupError, match="a bug of ours"):
        local_stripe.webhooks.deliver_due(broken)

    assert len(local_stripe.webhooks.pending()) == 1


@pytest.mark.anyio
async def test_an_endpoint_that_must_be_awaited_hears_the_same(local_stripe: LocalStripe) -> None:
    endpoint = listen(local_stripe, "*")
    charge(local_stripe)

    async def post(request: WebhookRequest) -> int:
        return endpoint(request)

    done = await local_stripe.webhooks.deliver_due_async(post)

    assert [delivery.type for delivery in done] == endpoint.types == ["charge.succeeded"]


def test_an_event_counts_who_still_waits_for_it(local_stripe: LocalStripe) -> None:
    endpoint = listen(local_stripe, "*")
    charge(local_stripe)
    events = local_stripe.client().v1.events

    waiting = events.list().data[0].pending_webhooks
    local_stripe.webhooks.deliver_due(endpoint)

    assert (waiting, events.list().data[0].pending_webhooks) == (1, 0)


def test_what_is_not_there_can_not_be_sent(local_stripe: LocalStripe) -> None:
    listen(local_stripe, "*")
    charge(local_stripe)
    (delivery,) = local_stripe.webhooks.pending()
    local_stripe.webhooks.record(delivery, 200)

    with pytest.raises(KeyError, match="there is no event 'evt_9'"):
        local_stripe.webhooks.resend("evt_9")
    with pytest.raises(KeyError, match="not on its way any more"):
        local_stripe.webhooks.hold(delivery, 5)
    assert local_stripe.webhooks.record(delivery, 500) == delivery


def test_a_delivery_survives_a_snapshot(local_stripe: LocalStripe) -> None:
    endpoint = listen(local_stripe, "*")
    charge(local_stripe)
    before = local_stripe.snapshot()
    local_stripe.webhooks.deliver_due(endpoint)

    local_stripe.restore(before)
    local_stripe.webhooks.deliver_due(endpoint)

    assert endpoint.types == ["charge.succeeded"] * 2


def signed(local: LocalStripe) -> tuple[str, WebhookRequest]:
    endpoint = listen(local, "*")
    charge(local)
    request = local.webhooks.request(local.webhooks.pending()[0])
    assert json.loads(request.body)["type"] == "charge.succeeded"
    return endpoint._secret, request
