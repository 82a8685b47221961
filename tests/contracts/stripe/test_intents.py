"""The contract of payment intents."""

from __future__ import annotations

import pytest
import stripe

from tests.contracts.stripe.words import error_of, intent, paid


def test_an_intent_begins_without_a_payment_method(client: stripe.StripeClient) -> None:
    made = intent(client, metadata={"order": "7"})

    assert (made.status, made.amount, made.amount_received, made.latest_charge) == (
        "requires_payment_method",
        2000,
        0,
        None,
    )
    assert str(made.client_secret).startswith(f"{made.id}_secret_")
    assert made.capture_method == "automatic_async"


def test_a_payment_method_makes_an_intent_ready_to_confirm(client: stripe.StripeClient) -> None:
    assert intent(client, payment_method="pm_card_visa").status == "requires_confirmation"


def test_confirming_takes_the_money(client: stripe.StripeClient) -> None:
    made = client.v1.payment_intents.confirm(intent(client).id, {"payment_method": "pm_card_visa"})

    assert (made.status, made.amount_received) == ("succeeded", 2000)
    charge = client.v1.charges.retrieve(str(made.latest_charge))
    assert (charge.payment_intent, charge.paid, charge.amount) == (made.id, True, 2000)


def test_an_intent_can_be_created_and_confirmed_in_one_call(client: stripe.StripeClient) -> None:
    assert paid(client).status == "succeeded"


def test_a_decline_leaves_the_intent_open_for_another_card(client: stripe.StripeClient) -> None:
    made = intent(client)

    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa_chargeDeclined"})
    after = client.v1.payment_intents.retrieve(made.id)
    second = client.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"})

    assert declined.value.code == "card_declined"
    assert (after.status, after.payment_method) == ("requires_payment_method", None)
    assert after.last_payment_error is not None
    assert after.last_payment_error.decline_code == "generic_decline"
    assert (second.status, second.last_payment_error) == ("succeeded", None)


def test_the_error_of_a_decline_shows_the_intent(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as declined:
        paid(client, "pm_card_visa_chargeDeclinedInsufficientFunds")

    error = error_of(declined.value)
    assert error["decline_code"] == "insufficient_funds"
    assert error["payment_intent"]["status"] == "requires_payment_method"
    assert error["payment_method"]["type"] == "card"
    assert error["charge"] == error["payment_intent"]["latest_charge"]


def test_an_intent_is_paid_at_most_once(client: stripe.StripeClient) -> None:
    made = paid(client)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"})

    assert refused.value.code == "payment_intent_unexpected_state"
    assert len(client.v1.charges.list({"payment_intent": made.id}).data) == 1


def test_confirming_without_a_payment_method_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method") as refused:
        client.v1.payment_intents.confirm(intent(client).id)

    assert refused.value.code == "payment_intent_unexpected_state"


def test_a_three_d_secure_card_requires_action(client: stripe.StripeClient) -> None:
    made = paid(client, "pm_card_authenticationRequired", return_url="https://shop.test/back")

    assert (made.status, made.amount_received, made.latest_charge) == ("requires_action", 0, None)
    assert made.next_action is not None
    assert made.next_action.type == "redirect_to_url"
    assert made.next_action.redirect_to_url is not None
    assert made.next_action.redirect_to_url.return_url == "https://shop.test/back"


def test_without_a_return_url_the_action_is_for_the_browsers_library(client: stripe.StripeClient) -> None:
    made = paid(client, "pm_card_authenticationRequired")

    assert made.next_action is not None
    assert made.next_action.type == "use_stripe_sdk"


def test_who_can_not_handle_an_action_gets_an_error_instead(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as declined:
        paid(client, "pm_card_authenticationRequired", error_on_requires_action=True)

    assert declined.value.code == "authentication_required"


def test_a_buyer_who_is_away_can_not_authenticate(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as declined:
        paid(client, "pm_card_authenticationRequired", off_session=True)

    assert declined.value.code == "authentication_required"
    assert error_of(declined.value)["payment_intent"]["status"] == "requires_payment_method"


def test_manual_capture_holds_the_money_first(client: stripe.StripeClient) -> None:
    held = paid(client, capture_method="manual")
    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 2000, 0)

    taken = client.v1.payment_intents.capture(held.id)

    assert (taken.status, taken.amount_capturable, taken.amount_received) == ("succeeded", 0, 2000)


def test_part_of_what_is_held_can_be_captured(client: stripe.StripeClient) -> None:
    held = paid(client, capture_method="manual")

    taken = client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1500})

    assert (taken.amount, taken.amount_received, taken.amount_capturable) == (2000, 1500, 0)
    charge = client.v1.charges.retrieve(str(taken.latest_charge))
    assert (charge.amount_captured, charge.amount_refunded) == (1500, 0)


def test_more_than_what_is_held_can_not_be_captured_from_an_intent(client: stripe.StripeClient) -> None:
    held = paid(client, capture_method="manual")

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.capture(held.id, {"amount_to_capture": 2001})


def test_only_what_is_held_can_be_captured(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.capture(intent(client).id)

    assert refused.value.code == "payment_intent_unexpected_state"


def test_a_canceled_intent_takes_no_money_any_more(client: stripe.StripeClient) -> None:
    made = client.v1.payment_intents.cancel(intent(client).id, {"cancellation_reason": "abandoned"})

    assert (made.status, made.cancellation_reason) == ("canceled", "abandoned")
    assert isinstance(made.canceled_at, int)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"})
    assert refused.value.code == "payment_intent_unexpected_state"


def test_canceling_releases_what_was_held(client: stripe.StripeClient) -> None:
    held = paid(client, capture_method="manual")

    canceled = client.v1.payment_intents.cancel(held.id)

    assert (canceled.status, canceled.amount_capturable) == ("canceled", 0)
    charge = client.v1.charges.retrieve(str(held.latest_charge))
    assert (charge.captured, charge.amount_captured, charge.amount_refunded, charge.refunded) == (False, 0, 0, False)
    assert client.v1.refunds.list({"payment_intent": held.id}).data == []


def test_a_paid_intent_can_not_be_canceled(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="because it has a status of succeeded") as refused:
        client.v1.payment_intents.cancel(paid(client).id)

    assert refused.value.code == "payment_intent_unexpected_state"


def test_the_amount_can_change_until_it_is_paid(client: stripe.StripeClient) -> None:
    made = intent(client)
    assert client.v1.payment_intents.update(made.id, {"amount": 2500}).amount == 2500
    client.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.update(made.id, {"amount": 100})

    assert refused.value.code == "payment_intent_unexpected_state"


def test_redirects_need_an_address_to_come_back_to(client: stripe.StripeClient) -> None:
    plain = {"amount": 2000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}

    with pytest.raises(stripe.InvalidRequestError, match="you must provide a `return_url`"):
        client.v1.payment_intents.create(plain)  # pyright: ignore[reportArgumentType]


def test_a_payment_method_is_used_once_without_a_customer(client: stripe.StripeClient) -> None:
    method = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    paid(client, method.id)

    with pytest.raises(stripe.InvalidRequestError, match="It may not be used again"):
        paid(client, method.id)


def test_an_older_version_still_names_the_types_of_payment_methods(client: stripe.StripeClient) -> None:
    plain = {"amount": 2000, "currency": "usd", "payment_method_types": ["card"]}

    made = client.v1.payment_intents.create(plain, {"stripe_version": "2025-03-31.basil"})  # pyright: ignore[reportArgumentType]

    assert made.payment_method_types == ["card"]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.create(plain)  # pyright: ignore[reportArgumentType]
    assert refused.value.code == "payment_method_types_no_longer_supported"
