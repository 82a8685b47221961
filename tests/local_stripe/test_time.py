"""What time alone does: keys grow old, authorisations expire, money becomes available, banks make up their minds."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.objects.balance import charge_fee, debit_fee

PLAIN: dict[str, Any] = {"amount": 2000, "currency": "usd", "source": "tok_visa"}
DAY = 86400


def advance(local: LocalStripe, seconds: int) -> None:
    local.clock.advance(seconds)  # pyright: ignore[reportAttributeAccessIssue]


def pay(local: LocalStripe, method: str = "pm_card_visa", **more: Any) -> stripe.PaymentIntent:
    asked = {"amount": 2000, "currency": "usd", "confirm": True, "return_url": "https://shop.test", **more}
    return local.client().v1.payment_intents.create({**asked, "payment_method": method})  # pyright: ignore[reportArgumentType]


def debit(local: LocalStripe, method: str) -> stripe.PaymentIntent:
    return pay(
        local,
        method,
        allowed_payment_method_types=["us_bank_account"],
        mandate_data={"customer_acceptance": {"type": "offline", "offline": {}}},
    )


def balance(local: LocalStripe) -> tuple[int, int]:
    shown = local.client().v1.balance.retrieve()
    return shown.available[0].amount, shown.pending[0].amount if shown.pending else 0


def test_a_key_is_forgotten_after_a_day(local_stripe: LocalStripe) -> None:
    client = local_stripe.client()

    def create(**more: Any) -> str:
        return client.v1.charges.create({**PLAIN, **more}, {"idempotency_key": "k"}).id  # pyright: ignore[reportArgumentType]

    first = create()
    advance(local_stripe, DAY - 1)
    assert create() == first
    advance(local_stripe, 1)

    assert create(amount=3000) != first


def test_keys_that_are_old_leave_the_state(local_stripe: LocalStripe) -> None:
    client = local_stripe.client()
    for n in range(3):
        client.v1.charges.create(PLAIN, {"idempotency_key": f"old-{n}"})  # pyright: ignore[reportArgumentType]
    advance(local_stripe, DAY)

    client.v1.charges.create(PLAIN, {"idempotency_key": "new"})  # pyright: ignore[reportArgumentType]

    assert b"old-" not in b"".join(line for line in local_stripe.snapshot().split(b"\n") if line.startswith(b"K"))


def test_an_asynchronous_capture_is_booked_a_moment_later(local_stripe: LocalStripe) -> None:
    made = pay(local_stripe, expand=["latest_charge"])
    first = made.to_dict()["latest_charge"]
    advance(local_stripe, 2)
    later = local_stripe.client().v1.charges.retrieve(first["id"])

    assert (first["captured"], first["balance_transaction"]) == (True, None)
    assert later.balance_transaction is not None
    updated = [event for event in local_stripe.events() if event["type"] == "charge.updated"]
    assert [event["data"]["previous_attributes"] for event in updated] == [{"balance_transaction": None}]


def test_a_synchronous_capture_is_booked_at_once(local_stripe: LocalStripe) -> None:
    made = pay(local_stripe, capture_method="automatic", expand=["latest_charge"])

    assert made.to_dict()["latest_charge"]["balance_transaction"] is not None


def test_a_refund_does_not_wait_for_the_books(local_stripe: LocalStripe) -> None:
    made = pay(local_stripe)

    local_stripe.client().v1.refunds.create({"payment_intent": made.id})
    advance(local_stripe, 5)

    assert local_stripe.balance() == {"usd": -charge_fee(2000, foreign=False)}


def test_an_authorisation_expires_after_a_week(local_stripe: LocalStripe) -> None:
    made = pay(local_stripe, capture_method="manual")
    advance(local_stripe, 7 * DAY)
    v1 = local_stripe.client().v1

    after = v1.payment_intents.retrieve(made.id)

    assert (after.status, after.cancellation_reason, after.amount_capturable) == ("canceled", "expired", 0)
    assert "charge.expired" in [event["type"] for event in local_stripe.events()]
    with pytest.raises(stripe.InvalidRequestError):
        v1.payment_intents.capture(made.id)


def test_an_expired_charge_can_not_be_captured(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    held = v1.charges.create({**PLAIN, "capture": False})  # pyright: ignore[reportArgumentType]
    advance(local_stripe, 7 * DAY)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        v1.charges.capture(held.id)

    assert refused.value.code == "charge_expired_for_capture"


def test_what_was_captured_in_time_does_not_expire(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    held = v1.charges.create({**PLAIN, "capture": False})  # pyright: ignore[reportArgumentType]
    v1.charges.capture(held.id)
    advance(local_stripe, 8 * DAY)

    assert v1.charges.retrieve(held.id).captured is True
    assert "charge.expired" not in [event["type"] for event in local_stripe.events()]


def test_money_becomes_available_after_two_days(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    made = v1.charges.create(PLAIN)  # pyright: ignore[reportArgumentType]
    net = 2000 - charge_fee(2000, foreign=False)

    assert balance(local_stripe) == (0, net)
    assert v1.balance_transactions.retrieve(str(made.balance_transaction)).status == "pending"
    advance(local_stripe, 2 * DAY)

    assert balance(local_stripe) == (net, 0)
    assert v1.balance_transactions.retrieve(str(made.balance_transaction)).status == "available"


def test_some_cards_money_is_available_at_once(local_stripe: LocalStripe) -> None:
    local_stripe.client().v1.charges.create({**PLAIN, "source": "tok_bypassPending"})  # pyright: ignore[reportArgumentType]

    assert balance(local_stripe) == (2000 - charge_fee(2000, foreign=False), 0)


def test_a_card_from_abroad_costs_more(local_stripe: LocalStripe) -> None:
    local_stripe.client().v1.charges.create({**PLAIN, "source": "tok_fr"})  # pyright: ignore[reportArgumentType]

    assert [booked["fee"] for booked in local_stripe.balance_transactions()] == [30 + 58 + 30]
    assert (charge_fee(2000, foreign=False), charge_fee(2000, foreign=True)) == (88, 118)


def test_a_pending_refund_succeeds_later(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    made = v1.charges.create({**PLAIN, "source": "tok_pendingRefund"})  # pyright: ignore[reportArgumentType]
    refund = v1.refunds.create({"charge": made.id})
    advance(local_stripe, 60)

    assert refund.status == "pending"
    assert v1.refunds.retrieve(refund.id).status == "succeeded"
    assert [event["type"] for event in local_stripe.events()][-1] == "refund.updated"


def test_a_refund_that_fails_later_gives_the_money_back_to_the_account(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    made = v1.charges.create({**PLAIN, "source": "tok_refundFail"})  # pyright: ignore[reportArgumentType]
    refund = v1.refunds.create({"charge": made.id})
    assert (refund.status, v1.charges.retrieve(made.id).refunded) == ("succeeded", True)
    advance(local_stripe, 60)

    after = v1.refunds.retrieve(refund.id)

    assert (after.status, after.failure_reason) == ("failed", "expired_or_canceled_card")
    assert v1.charges.retrieve(made.id).amount_refunded == 0
    assert local_stripe.balance() == {"usd": 2000 - charge_fee(2000, foreign=False)}
    assert "refund.failed" in [event["type"] for event in local_stripe.events()]


def test_a_debit_is_processing_until_the_bank_says_yes(local_stripe: LocalStripe) -> None:
    made = debit(local_stripe, "pm_usBankAccount_success")
    assert (made.status, made.amount_received) == ("processing", 0)
    assert local_stripe.balance() == {}
    advance(local_stripe, 60)

    after = local_stripe.client().v1.payment_intents.retrieve(made.id)

    assert (after.status, after.amount_received) == ("succeeded", 2000)
    assert local_stripe.balance() == {"usd": 2000 - debit_fee(2000)}


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("pm_usBankAccount_insufficientFunds", "insufficient_funds"),
        ("pm_usBankAccount_accountClosed", "account_closed"),
    ],
)
def test_a_debit_may_fail_days_later(local_stripe: LocalStripe, method: str, code: str) -> None:
    made = debit(local_stripe, method)
    advance(local_stripe, 60)

    after = local_stripe.client().v1.payment_intents.retrieve(made.id)

    assert (after.status, after.amount_received) == ("requires_payment_method", 0)
    assert after.last_payment_error is not None
    assert after.last_payment_error.code == "payment_intent_payment_attempt_failed"
    assert [charge["failure_code"] for charge in local_stripe.charges()] == [code]
    assert local_stripe.balance() == {}


def test_a_debit_may_never_end_and_can_be_canceled(local_stripe: LocalStripe) -> None:
    made = debit(local_stripe, "pm_usBankAccount_processing")
    advance(local_stripe, 30 * DAY)
    v1 = local_stripe.client().v1

    assert v1.payment_intents.retrieve(made.id).status == "processing"
    assert v1.payment_intents.cancel(made.id).status == "canceled"


def test_a_debit_that_was_canceled_is_not_settled(local_stripe: LocalStripe) -> None:
    made = debit(local_stripe, "pm_usBankAccount_success")
    local_stripe.client().v1.payment_intents.cancel(made.id)
    advance(local_stripe, 60)

    local_stripe.settle()

    assert local_stripe.payment_intents()[0]["status"] == "canceled"
    assert local_stripe.balance() == {}


def test_a_debit_needs_a_mandate_and_dollars(local_stripe: LocalStripe) -> None:
    named = {"allowed_payment_method_types": ["us_bank_account"]}

    with pytest.raises(stripe.InvalidRequestError, match="A mandate is required"):
        pay(local_stripe, "pm_usBankAccount_success", **named)
    with pytest.raises(stripe.InvalidRequestError, match="support the following currencies: usd"):
        pay(local_stripe, "pm_usBankAccount_success", currency="eur", mandate_data={"a": "b"}, **named)
    with pytest.raises(stripe.InvalidRequestError, match="not allowed for this PaymentIntent"):
        pay(local_stripe, "pm_usBankAccount_success")


def test_a_lost_dispute_costs_the_money_and_a_fee(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    v1.charges.create({**PLAIN, "source": "tok_createDispute"})  # pyright: ignore[reportArgumentType]
    (dispute,) = v1.disputes.list().data
    assert local_stripe.balance() == {"usd": -charge_fee(2000, foreign=False) - 1500}

    v1.disputes.close(dispute.id)

    assert local_stripe.disputes()[0]["status"] == "lost"
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        v1.disputes.close(dispute.id)
    with pytest.raises(stripe.InvalidRequestError, match="This dispute is closed"):
        v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "late"}})


def test_a_won_dispute_brings_the_money_and_the_fee_back(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    v1.charges.create({**PLAIN, "source": "tok_createDisputeProductNotReceived"})  # pyright: ignore[reportArgumentType]
    (dispute,) = v1.disputes.list().data

    v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}, "metadata": {"by": "ada"}})

    assert local_stripe.disputes()[0]["status"] == "won"
    assert local_stripe.balance() == {"usd": 2000 - charge_fee(2000, foreign=False)}


def test_an_inquiry_takes_no_money_and_may_be_refunded(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    made = v1.charges.create({**PLAIN, "source": "tok_createDisputeInquiry"})  # pyright: ignore[reportArgumentType]

    assert local_stripe.disputes()[0]["status"] == "warning_needs_response"
    assert v1.refunds.create({"charge": made.id}).status == "succeeded"


def test_an_inquiry_can_become_a_dispute(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    made = v1.charges.create({**PLAIN, "source": "tok_createDisputeInquiry"})  # pyright: ignore[reportArgumentType]
    (dispute,) = v1.disputes.list().data

    v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}})

    assert local_stripe.disputes()[0]["status"] == "needs_response"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        v1.refunds.create({"charge": made.id})
    assert refused.value.code == "charge_disputed"


def test_evidence_can_be_staged_before_it_is_sent(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    v1.charges.create({**PLAIN, "source": "tok_createMultipleDisputes"})  # pyright: ignore[reportArgumentType]
    second, first = v1.disputes.list().data

    staged = v1.disputes.update(first.id, {"evidence": {"uncategorized_text": "winning_evidence"}, "submit": False})

    assert (staged.status, staged.evidence_details.has_evidence) == ("needs_response", True)
    assert [second.reason, first.reason] == ["product_not_received", "fraudulent"]


def test_a_held_charge_is_disputed_only_when_it_is_captured(local_stripe: LocalStripe) -> None:
    v1 = local_stripe.client().v1
    held = v1.charges.create({**PLAIN, "source": "tok_createDispute", "capture": False})  # pyright: ignore[reportArgumentType]
    assert local_stripe.disputes() == []

    v1.charges.capture(held.id)

    assert [dispute["charge"] for dispute in local_stripe.disputes()] == [held.id]


def test_a_request_that_only_reads_may_do_what_is_due(local_stripe: LocalStripe) -> None:
    pay(local_stripe)
    assert (local_stripe.writes_by_itself(), local_stripe.next_timer()) == (False, 1767268802)
    advance(local_stripe, 2)

    assert local_stripe.writes_by_itself() is True
    local_stripe.client().v1.balance.retrieve()

    assert (local_stripe.writes_by_itself(), local_stripe.next_timer()) == (False, None)
