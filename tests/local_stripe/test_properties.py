"""Money is conserved, whatever is asked in whatever order and whatever goes wrong on the way."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

import pytest
import stripe
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from payments_lab.local_stripe import LocalStripe, idempotency, timers
from payments_lab.local_stripe.faults import KINDS
from payments_lab.local_stripe.objects import balance, refunds
from payments_lab.local_stripe.requests import Request
from payments_lab.ports import LabClock

pytestmark = pytest.mark.usefixtures("the_same_examples_everywhere")

DISPUTE_FEE = 1500
TOKENS = (
    "tok_visa",
    "tok_mastercard",
    "tok_gb",
    "tok_chargeDeclined",
    "tok_createDispute",
    "tok_createDisputeInquiry",
    "tok_refundFail",
    "tok_pendingRefund",
    "tok_bypassPending",
)
METHODS = ("pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired")
amounts = st.integers(50, 5000)
keys = st.sampled_from([None, "k1", "k2", "k3"])


def fee(charge: Any) -> int:
    """What Stripe keeps, by its price list: more of a card from abroad."""
    abroad = charge["payment_method_details"]["card"]["country"] != "US"
    share = Decimal(charge["amount_captured"]) * (Decimal("0.044") if abroad else Decimal("0.029"))
    return int(share.quantize(Decimal(1), ROUND_HALF_UP)) + 30


class Money(RuleBasedStateMachine):
    """A shop that asks for anything, over a line on which everything goes wrong."""

    charges = Bundle("charges")
    intents = Bundle("intents")

    def __init__(self) -> None:
        super().__init__()
        self.clock = LabClock()
        self.local = LocalStripe(self.clock)
        self.v1 = self.local.client(max_network_retries=0, patience=10).v1

    @initialize()
    def there_is_something_to_argue_about(self) -> None:
        for token in ("tok_createDispute", "tok_refundFail"):
            made = self.v1.charges.create({"amount": 2000, "currency": "usd", "source": token})
        self.v1.refunds.create({"charge": made.id, "amount": 700})

    @rule(kind=st.sampled_from(KINDS), after=st.integers(1, 4))
    def something_goes_wrong(self, kind: Any, after: int) -> None:
        if not self.local.faults.pending():
            self.local.faults.script(kind, after=after, seconds=20)

    @rule(target=charges, amount=amounts, token=st.sampled_from(TOKENS), capture=st.booleans(), key=keys)
    def charge(self, amount: int, token: str, capture: bool, key: str | None) -> Any:
        asked = {
            "amount": amount,
            "currency": "usd",
            "source": token,
            "capture": capture,
            "metadata": {"key": key or ""},
        }
        options = {"idempotency_key": key} if key else {}
        try:
            return self.v1.charges.create(asked, options).id  # pyright: ignore[reportArgumentType]
        except stripe.StripeError:
            return multiple()

    @rule(charge=charges, amount=st.none() | amounts, key=keys)
    def refund(self, charge: str, amount: int | None, key: str | None) -> None:
        asked: Any = {"charge": charge, "metadata": {"key": key or ""}, **({"amount": amount} if amount else {})}
        options: Any = {"idempotency_key": f"refund-{key}"} if key else {}
        self.attempt(self.v1.refunds.create, asked, options)

    @rule(charge=consumes(charges), amount=st.none() | amounts)
    def capture(self, charge: str, amount: int | None) -> None:
        self.attempt(self.v1.charges.capture, charge, {"amount": amount} if amount else {})

    @rule(target=intents, amount=amounts, manual=st.booleans())
    def intend(self, amount: int, manual: bool) -> Any:
        asked = {"amount": amount, "currency": "usd", **({"capture_method": "manual"} if manual else {})}
        try:
            return self.v1.payment_intents.create(asked).id  # pyright: ignore[reportArgumentType]
        except stripe.StripeError:
            return multiple()

    @rule(intent=intents, method=st.sampled_from(METHODS), key=keys)
    def confirm(self, intent: str, method: str, key: str | None) -> None:
        asked: Any = {"payment_method": method, "return_url": "https://shop.test"}
        options: Any = {"idempotency_key": f"confirm-{key}"} if key else {}
        self.attempt(self.v1.payment_intents.confirm, intent, asked, options)

    @rule(intent=intents, amount=st.none() | amounts)
    def capture_intent(self, intent: str, amount: int | None) -> None:
        self.attempt(self.v1.payment_intents.capture, intent, {"amount_to_capture": amount} if amount else {})

    @rule(intent=intents)
    def cancel_intent(self, intent: str) -> None:
        self.attempt(self.v1.payment_intents.cancel, intent)

    @rule(intent=intents)
    def refund_intent(self, intent: str) -> None:
        self.attempt(self.v1.refunds.create, {"payment_intent": intent})

    @rule(intent=intents, succeed=st.booleans())
    def the_buyer_answers(self, intent: str, succeed: bool) -> None:
        waiting = {each["id"] for each in self.local.payment_intents() if each["status"] == "requires_action"}
        if intent in waiting:
            self.local.authenticate(intent, succeed=succeed)

    @rule(evidence=st.sampled_from(["winning_evidence", "losing_evidence", "escalate_inquiry_evidence"]))
    def argue(self, evidence: str) -> None:
        for dispute in self.local.disputes():
            self.attempt(self.v1.disputes.update, dispute["id"], {"evidence": {"uncategorized_text": evidence}})

    @rule(seconds=st.sampled_from([1, 5, 100, 86_400, 3 * 86_400, 8 * 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.local.settle()

    @rule()
    def the_state_is_taken_out_and_put_back(self) -> None:
        before = self.local.snapshot()
        self.local.restore(before)
        assert self.local.snapshot() == before

    @invariant()
    def the_balance_is_what_the_records_come_to(self) -> None:
        assert self.local.balance().get("usd", 0) == sum(self.worth())

    @invariant()
    def the_shown_balance_is_the_same(self) -> None:
        shown = self.local.respond(Request("GET", "/v1/balance", {}, "sk_test_x")).json
        total = sum(part["amount"] for part in (*shown["available"], *shown["pending"]))
        assert total == self.local.balance().get("usd", 0)

    @invariant()
    def nothing_is_refunded_beyond_what_was_taken(self) -> None:
        refunded: dict[str, int] = {}
        for refund in self.local.refunds():
            if refund["status"] != "failed":
                refunded[refund["charge"]] = refunded.get(refund["charge"], 0) + refund["amount"]
        for charge in self.local.charges():
            most = charge["amount_captured"] if charge["captured"] else charge["amount"]
            assert refunded.get(charge["id"], 0) == charge["amount_refunded"] <= most

    @invariant()
    def one_key_makes_one_charge_and_one_refund(self) -> None:
        for records in (self.local.charges(), self.local.refunds()):
            for key in ("k1", "k2", "k3"):
                made = [record["created"] for record in records if record["metadata"].get("key") == key]
                assert all(later - earlier >= 86_400 for earlier, later in pairwise(made))

    @invariant()
    def an_intent_is_paid_once_and_not_beyond_its_amount(self) -> None:
        charges = self.local.charges()
        for intent in self.local.payment_intents():
            paid = [charge for charge in charges if charge["payment_intent"] == intent["id"] and charge["captured"]]
            assert len(paid) <= 1
            assert intent["amount_received"] == sum(charge["amount_captured"] for charge in paid) <= intent["amount"]

    def teardown(self) -> None:
        """When all that was under way has come to its end, every charge that was captured is in the books."""
        self.clock.advance(30 * 86_400)
        self.local.settle()
        assert [
            each["id"] for each in self.local.charges() if each["captured"] and not each["balance_transaction"]
        ] == []
        self.the_balance_is_what_the_records_come_to()

    def worth(self) -> list[int]:
        """What each record should have done to the balance."""
        taken = [
            charge["amount_captured"] - fee(charge)
            for charge in self.local.charges()
            if charge["balance_transaction"] is not None
        ]
        captured = {charge["id"] for charge in self.local.charges() if charge["captured"]}
        given = [
            -refund["amount"]
            for refund in self.local.refunds()
            if refund["charge"] in captured and refund["status"] != "failed"
        ]
        disputed = [
            -dispute["amount"] - DISPUTE_FEE
            for dispute in self.local.disputes()
            if dispute["status"] in ("needs_response", "under_review", "lost")
        ]
        return [*taken, *given, *disputed]

    def attempt(self, call: Any, *arguments: Any) -> None:
        """Whatever is refused or lost is no matter here: the invariants look at what came of it."""
        try:
            call(*arguments)
        except stripe.StripeError:
            return


CAREFUL = settings(
    max_examples=250,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TO_BE_FOUND_OUT = settings(CAREFUL, phases=[Phase.generate], report_multiple_bugs=False)
TestMoney = pytest.mark.no_cover(Money.TestCase)
TestMoney.settings = CAREFUL


def book_all_but(*forgotten: str) -> Any:
    whole = balance.book

    def book(ledger: Any, category: Any, amount: int, *more: Any, **options: Any) -> Any:
        return whole(ledger, category, 0 if category in forgotten else amount, *more, **options)

    return book


@pytest.mark.parametrize(
    ("where", "name", "wrong"),
    [
        pytest.param(idempotency, "replay", lambda *_: None, id="keys are forgotten"),
        pytest.param(refunds, "_amount", lambda charge, asked: asked or 5000, id="refunds exceed the charge"),
        pytest.param(balance, "charge_fee", lambda *_, **__: 0, id="the fee is forgotten"),
        pytest.param(balance, "FOREIGN_FEE_PER_MILLE", 0, id="cards from abroad cost no more"),
        pytest.param(balance, "book", book_all_but("refund"), id="refunds are not booked"),
        pytest.param(balance, "book", book_all_but("refund_failure"), id="a failed refund is lost"),
        pytest.param(balance, "book", book_all_but("dispute"), id="disputes are not booked"),
        pytest.param(balance, "book", book_all_but("dispute_reversal"), id="a dispute that was won is lost"),
    ],
)
@pytest.mark.no_cover
def test_a_stripe_that_gets_money_wrong_is_found_out(
    monkeypatch: pytest.MonkeyPatch, where: Any, name: str, wrong: Any
) -> None:
    monkeypatch.setattr(where, name, wrong)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Money, settings=TO_BE_FOUND_OUT)


@pytest.mark.no_cover
def test_a_stripe_that_never_books_what_it_took_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(timers.ACTIONS, "book", lambda *_: None)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Money, settings=TO_BE_FOUND_OUT)
