"""The checkout form, used in Python."""

from __future__ import annotations

import pytest

from payments_lab import Lab, PaymentsService
from payments_lab.ports.immediate import immediately
from payments_lab.views import CheckoutForm, StripeDashboard


def form_for(lab: Lab) -> CheckoutForm:
    order = immediately(lab.orders.create(user_id="ada", price=2000))
    immediately(lab.settle())
    form = CheckoutForm(lab, order.id, "ada")
    assert form.widget.children
    return form


@pytest.fixture
def form() -> CheckoutForm:
    return form_for(Lab())


def test_without_a_kernel_it_is_the_table_of_the_cards(form: CheckoutForm) -> None:
    assert set(form._repr_mimebundle_()) == {"text/plain", "text/html"}
    assert "4000 0000 0000 9995  tok_chargeDeclinedInsufficientFunds  declined: insufficient_funds" in str(form)


def test_a_good_card_pays_and_says_the_code(form: CheckoutForm) -> None:
    form.pay.click()

    assert "Paid" in form.answer.value
    assert "ch_1" in form.answer.value
    assert "token=&quot;tok_visa&quot;" in form.told.line.value


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("tok_chargeDeclined", "generic_decline"),
        ("tok_chargeDeclinedExpiredCard", "expired_card"),
        ("tok_threeDSecureRequired", "authentication_required"),
    ],
)
def test_a_declined_card_shows_its_decline_code(form: CheckoutForm, token: str, code: str) -> None:
    form.cards.value = token

    form.pay.click()

    assert f"402, decline code {code}" in form.answer.value


def test_the_second_payment_is_refused_kindly(form: CheckoutForm) -> None:
    form.pay.click()
    form.pay.click()

    assert "409" in form.answer.value
    assert "decline code" not in form.answer.value


def test_a_service_that_fails_is_shown_failing() -> None:
    class Broken(PaymentsService):
        async def create_charge(self, **_: object) -> object:  # pyright: ignore[reportIncompatibleMethodOverride]
            raise ZeroDivisionError("by zero")

    form = form_for(Lab(payments=Broken))

    form.pay.click()

    assert "ZeroDivisionError: by zero" in form.told.line.value
    assert form.answer.value == ""


def test_the_dashboard_follows_the_form(form: CheckoutForm) -> None:
    dashboard = StripeDashboard(form.lab.stripe)
    assert dashboard.widget.titles == ("Charges", "Refunds", "Payment intents", "Balance", "Events")
    form.refresh()

    form.pay.click()

    assert "ch_1" in dashboard.pages["Charges"].value
    assert "charge.succeeded" in dashboard.pages["Events"].value


def test_the_dashboard_without_a_kernel_is_the_charges_and_the_balance(form: CheckoutForm) -> None:
    form.cards.value = "tok_chargeDeclinedLostCard"
    form.pay.click()

    words = StripeDashboard(form.lab.stripe)._repr_mimebundle_()

    assert "lost_card" in words["text/plain"]
    assert "Balance" in words["text/html"]
    assert "Refunds" not in words["text/plain"]


def test_the_dashboard_shows_refunds_intents_and_the_youngest_fifty() -> None:
    lab = Lab()
    stripe = lab.stripe.client().v1
    for _ in range(51):
        charge = stripe.charges.create({"amount": 2000, "currency": "usd", "source": "tok_visa"})
    stripe.refunds.create({"charge": charge.id})
    stripe.payment_intents.create({"amount": 500, "currency": "usd", "metadata": {"orderId": "ord_9"}})

    tables = StripeDashboard(lab.stripe).tables()

    assert len(tables["Charges"].rows) == 50
    assert tables["Charges"].caption == "the youngest 50 of 51"
    assert tables["Charges"].rows[0][0] == charge.id
    assert tables["Refunds"].rows[0][1] == charge.id
    assert tables["Payment intents"].rows[0][4] == "ord_9"
