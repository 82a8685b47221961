"""What goes wrong between a client and Stripe, and how the real library takes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import stripe

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.faults import Fault
from payments_lab.ports import LabClock

PLAIN: dict[str, Any] = {"amount": 2000, "currency": "usd", "source": "tok_visa"}


def impatient(local: LocalStripe) -> stripe.StripeClient:
    """A client that never tries again by itself."""
    return local.client(max_network_retries=0)


def patient(local: LocalStripe) -> stripe.StripeClient:
    """A client that tries twice more; ``StripeClient`` itself never does unless it is told to."""
    return local.client(max_network_retries=2)


def test_a_refused_connection_is_a_connection_error_and_changes_nothing(local_stripe: LocalStripe) -> None:
    local_stripe.faults.connection_refused()

    with pytest.raises(stripe.APIConnectionError):
        impatient(local_stripe).v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    assert local_stripe.charges() == []


def test_a_lost_reply_is_the_same_error_although_the_card_was_charged(local_stripe: LocalStripe) -> None:
    local_stripe.faults.lose_reply()

    with pytest.raises(stripe.APIConnectionError):
        impatient(local_stripe).v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    assert len(local_stripe.charges()) == 1


def test_the_librarys_own_retry_brings_the_answer_and_no_second_charge(local_stripe: LocalStripe) -> None:
    local_stripe.faults.lose_reply()

    made = patient(local_stripe).v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    assert made.last_response.headers["Idempotent-Replayed"] == "true"
    assert [charge["id"] for charge in local_stripe.charges()] == [made.id]


def test_the_library_gives_up_after_its_retries(local_stripe: LocalStripe) -> None:
    local_stripe.faults.connection_refused(times=3)

    with pytest.raises(stripe.APIConnectionError):
        patient(local_stripe).v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    assert local_stripe.faults.pending() == []


def test_an_error_before_the_effect_is_retried_to_success(local_stripe: LocalStripe) -> None:
    local_stripe.faults.error_before()

    assert patient(local_stripe).v1.charges.create(PLAIN).paid is True  # pyright: ignore[reportArgumentType]
    assert len(local_stripe.charges()) == 1


def test_an_error_after_the_effect_is_replayed_with_its_key(local_stripe: LocalStripe) -> None:
    local_stripe.faults.error_after()
    client = impatient(local_stripe)

    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            client.v1.charges.create(PLAIN, {"idempotency_key": "k"})  # pyright: ignore[reportArgumentType]
        assert failed.value.http_status == 500

    assert failed.value.headers is not None
    assert failed.value.headers["Idempotent-Replayed"] == "true"
    assert len(local_stripe.charges()) == 1


def test_a_refusal_stays_a_refusal_where_an_error_was_to_come_after(local_stripe: LocalStripe) -> None:
    local_stripe.faults.error_after()

    with pytest.raises(stripe.CardError):
        impatient(local_stripe).v1.charges.create({**PLAIN, "source": "tok_chargeDeclined"})  # pyright: ignore[reportArgumentType]


def test_too_many_requests_are_a_rate_limit_error(local_stripe: LocalStripe) -> None:
    local_stripe.faults.rate_limit()

    with pytest.raises(stripe.RateLimitError) as limited:
        local_stripe.client().v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    assert limited.value.http_status == 429
    assert local_stripe.charges() == []


def test_a_key_that_is_in_flight_is_a_409_and_the_library_waits_for_it(local_stripe: LocalStripe) -> None:
    local_stripe.faults.in_flight()
    with pytest.raises(stripe.APIError) as refused:
        impatient(local_stripe).v1.charges.create(PLAIN, {"idempotency_key": "k"})  # pyright: ignore[reportArgumentType]
    local_stripe.faults.in_flight()

    made = patient(local_stripe).v1.charges.create(PLAIN, {"idempotency_key": "k"})  # pyright: ignore[reportArgumentType]

    body: Any = refused.value.json_body
    assert (refused.value.http_status, body["error"]["code"]) == (409, "idempotency_key_in_use")
    assert made.paid is True


def test_a_key_that_is_held_is_in_flight_for_everybody_else(local_stripe: LocalStripe) -> None:
    local_stripe.hold_key("k")
    with pytest.raises(stripe.APIError) as refused:
        impatient(local_stripe).v1.charges.create(PLAIN, {"idempotency_key": "k"})  # pyright: ignore[reportArgumentType]
    local_stripe.release_key("k")

    assert refused.value.http_status == 409
    assert impatient(local_stripe).v1.charges.create(PLAIN, {"idempotency_key": "k"}).paid  # pyright: ignore[reportArgumentType]


def test_a_slow_reply_takes_time_on_the_labs_clock(local_stripe: LocalStripe) -> None:
    local_stripe.faults.slow(30)
    before = local_stripe.clock.now()

    impatient(local_stripe).v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    assert local_stripe.clock.now() - before == timedelta(seconds=30)


def test_a_reply_that_is_too_slow_is_a_timeout_and_nobody_knows(local_stripe: LocalStripe) -> None:
    local_stripe.faults.slow(30)
    client = local_stripe.client(patience=10, max_network_retries=0)
    before = local_stripe.clock.now()

    with pytest.raises(stripe.APIConnectionError, match="timed out after 10 seconds"):
        client.v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    assert local_stripe.clock.now() - before == timedelta(seconds=10)
    assert len(local_stripe.charges()) == 1


def test_a_fault_can_wait_for_its_request(local_stripe: LocalStripe) -> None:
    local_stripe.faults.error_before(path="/v1/refunds", method="POST", after=1)
    client = impatient(local_stripe)
    made = client.v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]
    client.v1.refunds.create({"charge": made.id, "amount": 500})
    client.v1.refunds.list()

    with pytest.raises(stripe.APIError):
        client.v1.refunds.create({"charge": made.id})

    assert [refund["amount"] for refund in local_stripe.refunds()] == [500]


def test_a_chooser_decides_for_each_request(local_stripe: LocalStripe) -> None:
    asked: list[str] = []

    def choose(request: Any) -> Fault | str | None:
        asked.append(f"{request.method} {request.path}")
        return [None, "reply lost", Fault("slow reply", 5)][len(asked) - 1]

    local_stripe.faults.choose = choose  # pyright: ignore[reportAttributeAccessIssue]
    client = impatient(local_stripe)
    client.v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]
    with pytest.raises(stripe.APIConnectionError):
        client.v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]
    client.v1.charges.list()

    assert asked == ["POST /v1/charges", "POST /v1/charges", "GET /v1/charges"]
    local_stripe.faults.clear()
    assert local_stripe.faults.choose is None


def test_scripted_faults_belong_to_a_snapshot(local_stripe: LocalStripe) -> None:
    local_stripe.faults.lose_reply(times=2)
    before = local_stripe.snapshot()
    with pytest.raises(stripe.APIConnectionError):
        impatient(local_stripe).v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    local_stripe.restore(before)

    assert [fault["times"] for fault in local_stripe.faults.pending()] == [2]
    assert local_stripe.charges() == []


@pytest.mark.parametrize("wrong", [{"times": 0}, {"after": -1}, {"seconds": -1.0}])
def test_a_fault_that_makes_no_sense_is_refused(local_stripe: LocalStripe, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a fault hits at least one request"):
        local_stripe.faults.script("rate limit", **wrong)
    with pytest.raises(ValueError, match="'thunder' is no fault"):
        local_stripe.faults.script("thunder")  # pyright: ignore[reportArgumentType]


@pytest.mark.anyio
async def test_the_asynchronous_door_has_the_same_faults(local_stripe: LocalStripe) -> None:
    local_stripe.faults.lose_reply()
    made = await patient(local_stripe).v1.charges.create_async(PLAIN)  # pyright: ignore[reportArgumentType]
    local_stripe.faults.rate_limit()
    with pytest.raises(stripe.RateLimitError):
        await local_stripe.client().v1.charges.create_async(PLAIN)  # pyright: ignore[reportArgumentType]

    assert [charge["id"] for charge in local_stripe.charges()] == [made.id]


def test_observers_see_what_was_asked_and_answered(local_stripe: LocalStripe) -> None:
    seen: list[int | None] = []
    local_stripe.observers.append(lambda request, response: seen.append(response and response.status))
    local_stripe.faults.lose_reply(after=1)

    client = impatient(local_stripe)
    client.v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]
    with pytest.raises(stripe.APIConnectionError):
        client.v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]

    assert seen == [200, None]
    assert isinstance(local_stripe.clock, LabClock)
