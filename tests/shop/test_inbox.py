"""Stripe's events: in whatever order, however often, before our own request has heard or after."""

from __future__ import annotations

from typing import Any

import pytest

from payments_lab.lab import Lab
from payments_lab.shop.audit import audit
from payments_lab.shop.errors import InvalidRequest, OutcomeUnknown
from payments_lab.shop.inbox import parse_event
from payments_lab.shop.orders import Order
from payments_lab.shop.payments import WaitingPayment
from payments_lab.shop.status import OrderStatus

pytestmark = pytest.mark.anyio

ASKS = "pm_card_threeDSecure2Required"


async def challenged(lab: Lab, order: Order, key: str = "click-1") -> str:
    """The id of an intent that waits for Ada at her bank."""
    waiting = await lab.payments.create_intent(
        order_id=order.id, payment_method=ASKS, user_id="ada", idempotency_key=key
    )
    assert isinstance(waiting, WaitingPayment)
    return lab.stripe.payment_intents()[-1]["id"]


def events(lab: Lab, kind: str) -> list[Any]:
    return [event for event in lab.stripe.events() if event["type"] == kind]


async def hear(lab: Lab, kind: str) -> bool:
    """The last event of this kind arrives."""
    return await lab.inbox.receive(parse_event(events(lab, kind)[-1]))


async def stored(lab: Lab) -> dict[str, Any]:
    (document,) = await lab.payments.payments.find({}).to_list()
    return document


def kept(lab: Lab) -> int:
    return sum(charge["amount"] - charge["amount_refunded"] for charge in lab.stripe.charges() if charge["paid"])


async def test_an_event_completes_the_payment_that_waited_and_its_order(lab: Lab, order: Order) -> None:
    lab.stripe.authenticate(await challenged(lab, order))

    assert await hear(lab, "payment_intent.succeeded")
    await lab.settle()

    assert (await stored(lab))["status"] == "paid"
    assert (await lab.orders.get(order.id)).status is OrderStatus.COMPLETE
    assert audit(lab.books()) == []


async def test_an_event_that_comes_again_changes_nothing(lab: Lab, order: Order) -> None:
    lab.stripe.authenticate(await challenged(lab, order))

    heard = [await hear(lab, "payment_intent.succeeded") for _ in range(3)]

    assert heard == [True, False, False]
    assert lab.published().count("payment:created") == 1


async def test_an_event_that_comes_again_asks_nothing_of_stripe(lab: Lab, order: Order) -> None:
    lab.stripe.authenticate(await challenged(lab, order), succeed=False)
    await hear(lab, "payment_intent.payment_failed")
    await lab.payments.payments.update_one({}, {"$set": {"status": "waiting"}})
    asked: list[object] = []
    lab.stripe.observers.append(lambda *exchange: asked.append(exchange))

    assert not await hear(lab, "payment_intent.payment_failed")

    assert asked == []


async def test_an_old_event_whose_mark_is_gone_announces_nothing_anew(lab: Lab, order: Order) -> None:
    lab.stripe.authenticate(await challenged(lab, order))
    await hear(lab, "payment_intent.succeeded")
    await lab.advance(3600)
    await lab.inbox.inbox.delete_one({})

    assert await hear(lab, "payment_intent.succeeded")

    assert lab.published().count("payment:created") == 1


async def test_an_event_may_come_before_the_reply_to_our_own_request(lab: Lab, order: Order) -> None:
    lab.stripe.faults.lose_reply()
    with pytest.raises(OutcomeUnknown):
        await lab.payments.create_intent(order_id=order.id, payment_method="pm_card_visa", user_id="ada")

    assert await hear(lab, "payment_intent.succeeded")
    await lab.payments.recover()
    await lab.settle()

    assert ((await stored(lab))["status"], kept(lab)) == ("paid", 2000)
    assert lab.published().count("payment:created") == 1


async def test_an_event_that_comes_after_our_own_reply_changes_nothing(lab: Lab, order: Order) -> None:
    await lab.payments.create_intent(order_id=order.id, payment_method="pm_card_visa", user_id="ada")
    before = await stored(lab)

    assert await hear(lab, "payment_intent.succeeded")

    assert await stored(lab) == before
    assert lab.stripe.refunds() == []


async def test_a_failed_challenge_fails_the_payment_and_closes_the_intent(lab: Lab, order: Order) -> None:
    lab.stripe.authenticate(await challenged(lab, order), succeed=False)

    await hear(lab, "payment_intent.payment_failed")

    assert (await stored(lab))["declineCode"] == "payment_intent_authentication_failure"
    assert lab.stripe.payment_intents()[-1]["status"] == "canceled"


async def test_a_late_failure_after_the_success_changes_nothing(lab: Lab, order: Order) -> None:
    intent = await challenged(lab, order)
    lab.stripe.authenticate(intent, succeed=False)
    await lab.stripe.client().v1.payment_intents.confirm_async(intent, {"payment_method": "pm_card_visa"})
    await hear(lab, "payment_intent.succeeded")

    await hear(lab, "payment_intent.payment_failed")

    assert ((await stored(lab))["status"], kept(lab)) == ("paid", 2000)


async def test_a_failure_that_is_overtaken_by_a_success_tells_of_the_success(lab: Lab, order: Order) -> None:
    intent = await challenged(lab, order)
    lab.stripe.authenticate(intent, succeed=False)
    await lab.stripe.client().v1.payment_intents.confirm_async(intent, {"payment_method": "pm_card_visa"})

    await hear(lab, "payment_intent.payment_failed")
    await hear(lab, "payment_intent.succeeded")

    assert ((await stored(lab))["status"], kept(lab)) == ("paid", 2000)


async def test_an_intent_that_somebody_cancels_at_stripe_fails_the_payment(lab: Lab, order: Order) -> None:
    await lab.stripe.client().v1.payment_intents.cancel_async(await challenged(lab, order))

    await hear(lab, "payment_intent.canceled")

    assert (await stored(lab))["status"] == "failed"


async def test_money_for_an_order_cancelled_meanwhile_goes_back(lab: Lab, order: Order) -> None:
    intent = await challenged(lab, order)
    await lab.payments.orders.update_one({"_id": order.id}, {"$set": {"status": "cancelled", "version": 1}})
    lab.stripe.authenticate(intent)

    await hear(lab, "payment_intent.succeeded")

    assert ((await stored(lab))["status"], kept(lab)) == ("refunded", 0)


async def test_money_of_an_attempt_that_was_given_up_goes_back(lab: Lab, order: Order) -> None:
    await lab.payments.create_intent(order_id=order.id, payment_method="pm_card_visa", user_id="ada")
    stray: Any = {
        "amount": 2000,
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": True,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": {"orderId": order.id, "attempt": "att_of_long_ago"},
    }
    await lab.stripe.client().v1.payment_intents.create_async(stray)

    await hear(lab, "payment_intent.succeeded")

    assert [charge["refunded"] for charge in lab.stripe.charges()] == [False, True]
    assert (await stored(lab))["status"] == "paid"


@pytest.mark.parametrize(
    "metadata", [{}, {"orderId": "ord_404", "attempt": "att_1"}, {"orderId": "ord_1"}, {"invoice": "7"}]
)
@pytest.mark.parametrize("kind", ["payment_intent.succeeded", "payment_intent.payment_failed"])
async def test_intents_that_are_not_ours_are_taken_note_of_and_left_alone(
    lab: Lab, order: Order, kind: str, metadata: dict[str, str]
) -> None:
    facts = {"id": "pi_9", "latest_charge": "ch_9", "metadata": metadata}

    assert await lab.inbox.receive(parse_event({"id": "evt_9", "type": kind, "data": {"object": facts}}))

    assert lab.stripe.refunds() == []


async def test_an_event_of_another_kind_is_acknowledged_and_not_kept(lab: Lab) -> None:
    event = parse_event({"id": "evt_1", "type": "customer.created", "data": {"object": {}}})

    assert not await lab.inbox.receive(event)
    assert await lab.inbox.inbox.count_documents({}) == 0


async def test_an_event_whose_effect_failed_is_not_done_and_comes_again(lab: Lab, order: Order) -> None:
    lab.stripe.authenticate(await challenged(lab, order), succeed=False)
    lab.stripe.faults.connection_refused()
    with pytest.raises(OutcomeUnknown):
        await hear(lab, "payment_intent.payment_failed")

    assert await hear(lab, "payment_intent.payment_failed")

    assert (await stored(lab))["status"] == "failed"


async def test_a_crash_between_the_effect_and_its_mark_repeats_the_effect_harmlessly(
    lab: Lab, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(_: object) -> None:
        raise ConnectionResetError("the process died here")

    lab.stripe.authenticate(await challenged(lab, order))
    with monkeypatch.context() as crashing:
        crashing.setattr(lab.inbox.inbox, "insert_one", crash)
        with pytest.raises(ConnectionResetError):
            await hear(lab, "payment_intent.succeeded")

    assert await hear(lab, "payment_intent.succeeded")
    await lab.settle()

    assert kept(lab) == 2000
    assert lab.published().count("payment:created") == 1


async def test_of_two_who_take_the_same_event_at_once_one_marks_it(
    lab: Lab, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_yet(_: object) -> None:
        return None

    lab.stripe.authenticate(await challenged(lab, order))
    await hear(lab, "payment_intent.succeeded")
    monkeypatch.setattr(lab.inbox.inbox, "find_one", nothing_yet)

    assert not await hear(lab, "payment_intent.succeeded")


async def test_money_that_somebody_gave_back_by_hand_is_known_to_the_payment(lab: Lab, order: Order) -> None:
    payment = await lab.payments.create_charge(order_id=order.id, token="tok_visa", user_id="ada")
    stripe = lab.stripe.client()
    await stripe.v1.refunds.create_async({"charge": payment.stripe_id, "amount": 500})
    await hear(lab, "charge.refunded")
    partly = await stored(lab)
    await stripe.v1.refunds.create_async({"charge": payment.stripe_id})
    await hear(lab, "charge.refunded")

    assert (partly["status"], partly["amountRefunded"]) == ("paid", 500)
    assert ((await stored(lab))["status"], (await stored(lab))["amountRefunded"]) == ("refunded", 2000)


async def test_refunds_that_arrive_in_the_wrong_order_count_as_the_later_one(lab: Lab, order: Order) -> None:
    payment = await lab.payments.create_charge(order_id=order.id, token="tok_visa", user_id="ada")
    for amount in (500, 700):
        await lab.stripe.client().v1.refunds.create_async({"charge": payment.stripe_id, "amount": amount})
    earlier, later = events(lab, "charge.refunded")

    for event in (later, earlier):
        await lab.inbox.receive(parse_event(event))

    assert (await stored(lab))["amountRefunded"] == 1200


async def test_a_refund_heard_of_before_the_payment_itself_is_not_lost(lab: Lab, order: Order) -> None:
    lab.stripe.authenticate(await challenged(lab, order))
    await lab.stripe.client().v1.refunds.create_async({"charge": lab.stripe.charges()[0]["id"]})

    await hear(lab, "charge.refunded")

    assert (await stored(lab))["status"] == "refunded"


async def test_refunds_of_charges_that_no_payment_has_are_left_alone(lab: Lab, order: Order) -> None:
    await lab.payments.create_charge(order_id=order.id, token="tok_visa", user_id="ada")
    stripe = lab.stripe.client()
    for metadata in ({}, {"orderId": order.id}):
        params: Any = {"amount": 900, "currency": "usd", "source": "tok_visa", "metadata": metadata}
        charge = await stripe.v1.charges.create_async(params)
        await stripe.v1.refunds.create_async({"charge": charge.id})
        await hear(lab, "charge.refunded")

    assert ((await stored(lab))["status"], "amountRefunded" in await stored(lab)) == ("paid", False)


async def test_a_dispute_is_written_down_and_its_end_is_not_overwritten(lab: Lab, order: Order) -> None:
    await lab.payments.create_charge(order_id=order.id, token="tok_createDispute", user_id="ada")
    lab.stripe.settle()
    (dispute,) = lab.stripe.disputes()
    params: Any = {"evidence": {"uncategorized_text": "winning_evidence"}, "submit": True}
    await lab.stripe.client().v1.disputes.update_async(dispute["id"], params)
    lab.clock.advance(3600 * 24 * 90)
    lab.stripe.settle()
    assert await hear(lab, "charge.dispute.closed")

    assert await hear(lab, "charge.dispute.created")

    facts = (await stored(lab))["dispute"]
    assert (facts["id"], facts["amount"], facts["reason"], facts["status"]) == (
        dispute["id"],
        2000,
        "fraudulent",
        "won",
    )


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "evt_1",
        {"type": "payment_intent.succeeded", "data": {"object": {}}},
        {"id": {"$ne": None}, "type": "payment_intent.succeeded", "data": {"object": {}}},
        {"id": "evt_1", "type": {"$gt": ""}, "data": {"object": {}}},
        {"id": "evt_1", "type": "payment_intent.succeeded", "data": None},
    ],
)
def test_what_is_no_event_is_refused(document: object) -> None:
    with pytest.raises(InvalidRequest):
        parse_event(document)
