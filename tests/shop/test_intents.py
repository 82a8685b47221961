"""Payments by payment intents: the plain path, the bank's page, and money that must not be takeable any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from payments_lab.lab import Lab
from payments_lab.shop import intents
from payments_lab.shop.audit import audit
from payments_lab.shop.errors import (
    AlreadyPaid,
    BeingPaid,
    Declined,
    Definite,
    InvalidRequest,
    NotTheOwner,
    OrderExpired,
    OrderIsCancelled,
    OrderNotFound,
    OutcomeUnknown,
    PaymentRefused,
)
from payments_lab.shop.orders import Order
from payments_lab.shop.payments import Payment, WaitingPayment
from payments_lab.shop.status import OrderStatus, PaymentStatus

pytestmark = pytest.mark.anyio

VISA = "pm_card_visa"
ASKS = "pm_card_threeDSecure2Required"
POOR = "pm_card_chargeDeclinedInsufficientFunds"


async def ask(lab: Lab, order: Order, method: str = VISA, key: str | None = None) -> Payment | WaitingPayment:
    return await lab.payments.create_intent(
        order_id=order.id, payment_method=method, user_id=order.user_id, idempotency_key=key
    )


async def pay(lab: Lab, order: Order, method: str = VISA, key: str | None = None) -> Payment:
    payment = await ask(lab, order, method, key)
    assert isinstance(payment, Payment)
    return payment


async def challenged(lab: Lab, order: Order, key: str | None = "click-1") -> WaitingPayment:
    waiting = await ask(lab, order, ASKS, key)
    assert isinstance(waiting, WaitingPayment)
    return waiting


async def stored(lab: Lab) -> dict[str, Any]:
    (document,) = await lab.payments.payments.find({}).to_list()
    return document


def intent(lab: Lab, place: int = -1) -> Any:
    return lab.stripe.payment_intents()[place]


def authenticate(lab: Lab, *, succeed: bool = True) -> None:
    lab.stripe.authenticate(intent(lab)["id"], succeed=succeed)


def kept(lab: Lab) -> int:
    return sum(charge["amount"] - charge["amount_refunded"] for charge in lab.stripe.charges() if charge["paid"])


async def test_an_intent_takes_the_replicas_price_and_completes_the_order(lab: Lab, order: Order) -> None:
    payment = await pay(lab, order)
    await lab.settle()

    (charge,) = lab.stripe.charges()
    assert (charge["amount"], charge["currency"], charge["id"]) == (2000, "usd", payment.stripe_id)
    assert (payment.status, intent(lab)["status"]) == (PaymentStatus.PAID, "succeeded")
    assert (await lab.orders.get(order.id)).status is OrderStatus.COMPLETE
    assert audit(lab.books()) == []


async def test_the_same_key_gives_the_same_payment_and_no_second_intent(lab: Lab, order: Order) -> None:
    first = await pay(lab, order, key="click-1")
    await lab.settle()

    assert await pay(lab, order, key="click-1") == first
    assert len(lab.stripe.payment_intents()) == 1


async def test_the_attempt_is_stored_before_stripe_hears_of_it_and_is_its_idempotency_key(
    lab: Lab, order: Order
) -> None:
    lab.stripe.faults.connection_refused()
    with pytest.raises(OutcomeUnknown):
        await ask(lab, order)
    attempt = (await stored(lab))["attempt"]["id"]

    assert await lab.payments.recover() == 0

    assert (await stored(lab))["status"] == "paid"
    made = next(event for event in lab.stripe.events() if event["type"] == "payment_intent.created")
    assert made["request"]["idempotency_key"] == attempt == intent(lab)["metadata"]["attempt"]


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("orderId", {"order_id": {"$ne": None}}),
        ("paymentMethod", {"payment_method": ""}),
        ("paymentMethod", {"payment_method": {"$ne": None}}),
        ("userId", {"user_id": ""}),
    ],
)
async def test_an_empty_or_foreign_value_is_refused_by_name(
    lab: Lab, order: Order, field: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await lab.payments.create_intent(
            **{"order_id": order.id, "payment_method": VISA, "user_id": "ada", **arguments}
        )

    assert refused.value.field == field


async def test_nobody_pays_an_unknown_a_foreign_a_cancelled_or_an_expired_order(lab: Lab, order: Order) -> None:
    late = await lab.orders.create(user_id="ada", price=500)
    await lab.orders.cancel(order.id)
    await lab.settle()
    lab.clock.advance(timedelta(minutes=15))
    tries: list[tuple[str, str, type[Definite]]] = [
        ("ord_404", "ada", OrderNotFound),
        (order.id, "eve", NotTheOwner),
        (order.id, "ada", OrderIsCancelled),
        (late.id, "ada", OrderExpired),
    ]

    for order_id, user, refusal in tries:
        with pytest.raises(refusal):
            await lab.payments.create_intent(order_id=order_id, payment_method=VISA, user_id=user)

    assert lab.stripe.payment_intents() == []


async def test_a_declined_buyer_may_pay_with_another_card_and_the_first_intent_is_closed(
    lab: Lab, order: Order
) -> None:
    with pytest.raises(Declined) as declined:
        await ask(lab, order, POOR)
    assert declined.value.decline_code == "insufficient_funds"
    assert intent(lab)["status"] == "canceled"

    assert (await pay(lab, order)).status is PaymentStatus.PAID
    assert kept(lab) == 2000


async def test_the_same_key_after_a_decline_gives_the_same_decline(lab: Lab, order: Order) -> None:
    for _ in range(2):
        with pytest.raises(Declined):
            await ask(lab, order, POOR, "click-1")

    assert len(lab.stripe.payment_intents()) == 1


async def test_a_decline_counts_only_once_its_intent_is_known_to_be_closed(lab: Lab, order: Order) -> None:
    lab.stripe.faults.connection_refused(path="/v1/payment_intents/")
    with pytest.raises(OutcomeUnknown):
        await ask(lab, order, POOR, "click-1")
    assert (await stored(lab))["status"] == "charging"

    with pytest.raises(Declined):
        await ask(lab, order, POOR, "click-1")

    assert intent(lab)["status"] == "canceled"


async def test_an_unknown_payment_method_is_refused_by_name_and_does_not_trap_the_order(lab: Lab, order: Order) -> None:
    with pytest.raises(PaymentRefused) as refused:
        await ask(lab, order, "pm_nobody")
    assert refused.value.field == "paymentMethod"

    assert (await pay(lab, order)).status is PaymentStatus.PAID


async def test_a_lost_reply_is_an_unknown_outcome_that_the_same_key_resolves(lab: Lab, order: Order) -> None:
    lab.stripe.faults.lose_reply()
    with pytest.raises(OutcomeUnknown):
        await ask(lab, order, key="click-1")

    assert (await pay(lab, order, key="click-1")).status is PaymentStatus.PAID
    assert kept(lab) == 2000


async def test_an_old_attempt_is_looked_up_and_not_paid_again(lab: Lab, order: Order) -> None:
    lab.stripe.faults.lose_reply()
    with pytest.raises(OutcomeUnknown):
        await ask(lab, order)
    lab.clock.advance(timedelta(hours=25))

    await lab.payments.recover()

    assert ((await stored(lab))["status"], kept(lab)) == ("paid", 2000)


async def test_an_old_attempt_that_never_reached_stripe_is_given_up(lab: Lab, order: Order) -> None:
    lab.stripe.faults.connection_refused()
    with pytest.raises(OutcomeUnknown):
        await ask(lab, order)
    lab.clock.advance(timedelta(hours=25))

    assert await lab.payments.recover() == 0

    assert ((await stored(lab))["status"], lab.stripe.payment_intents()) == ("failed", [])


async def test_a_card_with_3d_secure_waits_for_its_buyer_and_no_secret_is_stored(lab: Lab, order: Order) -> None:
    waiting = await challenged(lab, order)

    assert waiting.status == "requires_action"
    assert waiting.client_secret == intent(lab)["client_secret"]
    assert waiting.next_action is not None
    assert waiting.next_action["type"] == "use_stripe_sdk"
    assert (await stored(lab))["status"] == "waiting"
    assert waiting.client_secret not in str(await stored(lab))
    assert kept(lab) == 0


async def test_the_banks_page_leads_back_to_the_shop_where_that_has_an_address(lab: Lab, order: Order) -> None:
    waiting = await lab.payments.create_intent(
        order_id=order.id, payment_method=ASKS, user_id="ada", return_url="http://127.0.0.1:8000/"
    )

    assert isinstance(waiting, WaitingPayment)
    assert waiting.next_action is not None
    assert waiting.next_action["redirect_to_url"]["return_url"] == "http://127.0.0.1:8000/"


async def test_the_same_key_after_the_challenge_tells_that_it_is_paid(lab: Lab, order: Order) -> None:
    waiting = await challenged(lab, order)
    assert await challenged(lab, order) == waiting
    authenticate(lab)

    payment = await pay(lab, order, ASKS, "click-1")
    await lab.settle()

    assert (payment.id, payment.status) == (waiting.id, PaymentStatus.PAID)
    assert (await lab.orders.get(order.id)).status is OrderStatus.COMPLETE


async def test_a_failed_challenge_is_a_decline_and_closes_the_intent(lab: Lab, order: Order) -> None:
    await challenged(lab, order)
    authenticate(lab, succeed=False)

    for _ in range(2):
        with pytest.raises(Declined) as declined:
            await ask(lab, order, ASKS, "click-1")
        assert declined.value.decline_code == "payment_intent_authentication_failure"

    assert intent(lab)["status"] == "canceled"
    assert (await pay(lab, order)).status is PaymentStatus.PAID


async def test_another_card_calls_off_the_one_that_waits(lab: Lab, order: Order) -> None:
    await challenged(lab, order)

    await pay(lab, order, key="click-2")

    assert [each["status"] for each in lab.stripe.payment_intents()] == ["canceled", "succeeded"]
    assert kept(lab) == 2000


async def test_another_card_after_a_challenge_that_succeeded_finds_the_order_paid(lab: Lab, order: Order) -> None:
    await challenged(lab, order)
    authenticate(lab)

    with pytest.raises(AlreadyPaid):
        await ask(lab, order, key="click-2")
    with pytest.raises(AlreadyPaid):
        await lab.payments.create_charge(order_id=order.id, token="tok_visa", user_id="ada")

    assert kept(lab) == 2000


async def test_a_token_under_the_key_of_a_waiting_intent_does_not_pay_twice(lab: Lab, order: Order) -> None:
    await challenged(lab, order)

    with pytest.raises(BeingPaid):
        await lab.payments.create_charge(order_id=order.id, token="tok_visa", user_id="ada", idempotency_key="click-1")

    assert lab.stripe.charges() == []


async def test_a_bank_that_takes_its_time_keeps_the_payment_waiting_and_other_cards_out(lab: Lab, order: Order) -> None:
    await challenged(lab, order)
    made = await lab.stripe.client().v1.payment_intents.retrieve_async(intent(lab)["id"])
    lab.payments.stripe.v1.payment_intents.retrieve_async = _answers({**made.to_dict(), "status": "processing"})  # type: ignore[method-assign]

    waiting = await challenged(lab, order)
    authenticate(lab)
    with pytest.raises(BeingPaid):
        await ask(lab, order, key="click-2")

    assert (waiting.status, (await stored(lab))["status"]) == ("processing", "waiting")


async def test_an_old_attempt_of_which_stripe_knows_nothing_is_given_up_among_others(lab: Lab, order: Order) -> None:
    lab.stripe.faults.connection_refused()
    with pytest.raises(OutcomeUnknown):
        await ask(lab, order, key="click-1")
    await lab.stripe.client().v1.payment_intents.create_async({"amount": 500, "currency": "usd"})
    lab.clock.advance(timedelta(hours=24))

    with pytest.raises(PaymentRefused, match="never sent"):
        await ask(lab, order, key="click-1")


async def test_a_failure_that_somebody_else_wrote_down_first_stands(lab: Lab, order: Order) -> None:
    await challenged(lab, order)
    waiting = await stored(lab)
    authenticate(lab, succeed=False)
    await lab.payments.follow_up(waiting)

    assert (await lab.payments.follow_up(waiting))["status"] == "failed"


def _answers(intent: dict[str, Any]) -> Any:
    from stripe import PaymentIntent

    async def retrieve(_: str) -> PaymentIntent:
        return PaymentIntent.construct_from(intent, "sk_test_local")

    return retrieve


async def test_an_order_cancelled_meanwhile_closes_the_intent_that_waits(lab: Lab, order: Order) -> None:
    await challenged(lab, order)

    await lab.orders.cancel(order.id)
    await lab.settle()

    assert (intent(lab)["status"], (await stored(lab))["status"]) == ("canceled", "failed")
    with pytest.raises(PaymentRefused):
        await ask(lab, order, ASKS, "click-1")
    assert audit(lab.books()) == []


async def test_an_order_that_expires_while_its_buyer_is_at_the_bank_takes_no_money(lab: Lab, order: Order) -> None:
    await challenged(lab, order)

    await lab.advance(timedelta(minutes=15))

    assert (await lab.orders.get(order.id)).status is OrderStatus.CANCELLED
    assert intent(lab)["status"] == "canceled"
    with pytest.raises(ValueError, match="waits for no authentication"):
        authenticate(lab)


async def test_money_taken_at_the_bank_just_before_the_cancellation_goes_back(lab: Lab, order: Order) -> None:
    await challenged(lab, order)
    authenticate(lab)

    await lab.orders.cancel(order.id)
    await lab.settle()

    assert (kept(lab), (await stored(lab))["status"]) == (0, "refunded")
    assert audit(lab.books()) == []


async def test_an_intent_that_starts_to_wait_after_the_cancellation_is_closed_at_once(lab: Lab, order: Order) -> None:
    lab.stripe.faults.lose_reply()
    with pytest.raises(OutcomeUnknown):
        await challenged(lab, order)
    await lab.orders.cancel(order.id)
    await lab.settle()

    await lab.payments.recover()

    assert (intent(lab)["status"], (await stored(lab))["status"]) == ("canceled", "failed")


async def test_a_cancellation_that_could_not_close_the_intent_comes_again(lab: Lab, order: Order) -> None:
    await challenged(lab, order)
    lab.stripe.faults.connection_refused(path="/v1/payment_intents/")
    await lab.orders.cancel(order.id)

    await lab.settle()

    assert intent(lab)["status"] == "canceled"


async def test_a_payment_whose_webhook_got_lost_is_asked_about_once_a_minute(lab: Lab, order: Order) -> None:
    await challenged(lab, order)
    authenticate(lab)
    await lab.payments.recover()
    assert (await stored(lab))["status"] == "waiting"

    lab.clock.advance(timedelta(minutes=1))
    await lab.payments.recover()

    assert (await stored(lab))["status"] == "paid"


async def test_two_who_look_at_once_record_the_money_once(lab: Lab, order: Order) -> None:
    await challenged(lab, order)
    waiting = await stored(lab)
    authenticate(lab)
    for _ in range(2):
        await lab.payments.follow_up(waiting)
    await lab.settle()

    assert kept(lab) == 2000
    assert await lab.payments.outbox.count_documents({}) == 0


async def test_a_reply_that_was_overtaken_by_another_click_hands_out_no_dead_secret(
    lab: Lab, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = intents.take

    async def overtaken(*arguments: Any) -> Any:
        standing = await take(*arguments)
        monkeypatch.setattr(intents, "take", take)
        await challenged(lab, order, "click-2")
        return standing

    monkeypatch.setattr(intents, "take", overtaken)
    with pytest.raises(BeingPaid):
        await challenged(lab, order, "click-1")

    assert [each["status"] for each in lab.stripe.payment_intents()] == ["canceled", "requires_action"]
    assert (await stored(lab))["attempt"]["clientKey"] == "click-2"


async def test_a_late_look_at_an_attempt_that_was_called_off_does_not_tell_of_the_next_one(
    lab: Lab, order: Order
) -> None:
    await challenged(lab, order)
    stale = await stored(lab)
    await challenged(lab, order, "click-2")

    payment = await lab.payments.follow_up(stale)

    assert payment["attempt"]["clientKey"] == "click-2"
    assert [each["status"] for each in lab.stripe.payment_intents()] == ["canceled", "requires_action"]
