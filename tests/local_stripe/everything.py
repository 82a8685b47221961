"""One visit to every address of the local Stripe, with the real library, so that tests can look at every answer."""

from __future__ import annotations

from dataclasses import dataclass

import stripe

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.requests import Request, Response
from payments_lab.ports import Ids, LabClock

CARD = {"number": "4242424242424242", "exp_month": "12", "exp_year": "2034", "cvc": "123"}
AT_ONCE = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}


@dataclass(frozen=True)
class Visit:
    """A request and its answer."""

    request: Request
    response: Response


def visit_everything() -> list[Visit]:
    """Every address at least once, most of them with success and with refusals."""
    local = LocalStripe(LabClock())
    visits: list[Visit] = []

    def note(request: Request, response: Response | None) -> None:
        assert response is not None
        visits.append(Visit(request, response))

    local.observers.append(note)
    tour = Tour(local)
    for step in (tour.hooks, tour.charging, tour.customers, tour.methods, tour.intents, tour.debits):
        step()
    for step in (tour.refunding, tour.disputing, tour.reading, tour.refusals, tour.faults, tour.leaving):
        step()
    return visits


class Tour:
    """The steps of the visit, in an order in which each finds what it needs."""

    def __init__(self, local: LocalStripe, ids: Ids | None = None) -> None:
        self.local = local
        self.v1 = local.client(ids=ids).v1

    def hooks(self) -> None:
        made = self.v1.webhook_endpoints.create(
            {"url": "https://shop.test/hook", "enabled_events": ["*"], "description": "ours", "metadata": {"a": "b"}}
        )
        self.v1.webhook_endpoints.update(made.id, {"disabled": True})
        self.v1.webhook_endpoints.update(made.id, {"disabled": False, "enabled_events": ["charge.succeeded"]})
        self.v1.webhook_endpoints.retrieve(made.id)
        self.v1.webhook_endpoints.list()

    def charging(self) -> None:
        self.charge = self.v1.charges.create(
            {
                "amount": 2000,
                "currency": "usd",
                "source": "tok_visa",
                "description": "an order",
                "metadata": {"order": "7", "attempt": "1"},
                "receipt_email": "ada@shop.test",
                "shipping": {"name": "Ada", "address": {"line1": "1 Main St", "country": "US"}},
                "statement_descriptor_suffix": "ORDER 7",
                "transfer_group": "orders",
            }
        )
        token = self.v1.tokens.create(
            {"card": {**CARD, "name": "Ada", "address_zip": "94110", "address_line1": "1 Main"}}
        )
        self.v1.tokens.retrieve(token.id)
        self.v1.charges.create({"amount": 1000, "currency": "jpy", "source": token.id})
        held = self.v1.charges.create({"amount": 900, "currency": "usd", "source": "tok_amex", "capture": False})
        self.v1.charges.capture(held.id, {"amount": 700})
        self.v1.charges.update(self.charge.id, {"description": "the order", "fraud_details": {"user_report": "safe"}})
        everything = ["refunds", "balance_transaction", "customer", "payment_intent"]
        self.v1.charges.retrieve(self.charge.id, {"expand": everything})
        self.v1.charges.list({"limit": 2, "expand": ["data.balance_transaction.source"]})
        self.v1.charges.search({"query": 'metadata["order"]:"7"'})
        for name in ("tok_riskLevelElevated", "tok_cvcCheckFail", "tok_avsFail", "tok_bypassPending", "tok_unionpay"):
            self.v1.charges.create({"amount": 5000, "currency": "eur", "source": name})
        for name in ("tok_chargeDeclined", "tok_chargeDeclinedExpiredCard", "tok_radarBlock", "tok_chargeCustomerFail"):
            self.refused(self.v1.charges.create, {"amount": 2000, "currency": "usd", "source": name})

    def customers(self) -> None:
        self.customer = self.v1.customers.create(
            {
                "email": "ada@shop.test",
                "name": "Ada",
                "source": "tok_mastercard",
                "address": {"city": "London"},
                "shipping": {"name": "Ada", "address": {"city": "London"}},
                "metadata": {"user": "ada"},
            }
        )
        customer = self.customer.id
        card = self.v1.customers.payment_sources.create(customer, {"source": "tok_visa"})
        self.v1.customers.payment_sources.retrieve(customer, card.id)
        self.v1.customers.payment_sources.list(customer)
        self.v1.customers.update(customer, {"phone": "123", "default_source": card.id, "tax_exempt": "exempt"})
        self.v1.charges.create({"amount": 700, "currency": "usd", "customer": customer}, {"idempotency_key": "once"})
        self.v1.charges.create({"amount": 700, "currency": "usd", "customer": customer}, {"idempotency_key": "once"})
        self.v1.customers.payment_sources.delete(customer, card.id)
        self.v1.customers.retrieve(customer, {"expand": ["sources", "default_source"]})
        self.v1.customers.list({"email": "ada@shop.test"})

    def methods(self) -> None:
        customer = self.customer.id
        made = self.v1.payment_methods.create(
            {"type": "card", "card": {"token": "tok_visa"}, "billing_details": {"name": "Ada"}, "metadata": {"a": "b"}}
        )
        typed = {"number": "5555555555554444", "exp_month": 12, "exp_year": 2034, "cvc": "123"}
        self.v1.payment_methods.create({"type": "card", "card": typed})
        self.v1.payment_methods.attach(made.id, {"customer": customer})
        self.v1.payment_methods.update(made.id, {"card": {"exp_year": 2035}, "billing_details": {"email": "a@b.test"}})
        self.v1.payment_methods.retrieve(made.id, {"expand": ["customer"]})
        self.v1.payment_methods.list({"customer": customer, "type": "card"})
        self.v1.customers.payment_methods.list(customer)
        self.v1.customers.payment_methods.retrieve(customer, made.id)
        self.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": made.id}})
        self.v1.customers.retrieve(customer, {"expand": ["invoice_settings.default_payment_method"]})
        self.method = made

    def intents(self) -> None:
        v1 = self.v1.payment_intents
        made = v1.create({"amount": 2000, "currency": "usd", "metadata": {"order": "8"}, **AT_ONCE})
        v1.update(made.id, {"description": "an order", "receipt_email": "ada@shop.test"})
        self.refused(v1.confirm, made.id, {"payment_method": "pm_card_visa_chargeDeclined"})
        v1.retrieve(made.id, {"expand": ["latest_charge"]})
        self.paid = v1.confirm(made.id, {"payment_method": "pm_card_visa"})
        v1.retrieve(made.id, {"expand": ["latest_charge.balance_transaction", "payment_method", "customer"]})
        asked = {"amount": 3000, "currency": "usd", "confirm": True, "return_url": "https://shop.test/back"}
        for succeed in (True, False):
            waiting = v1.create({**asked, "payment_method": "pm_card_authenticationRequired"})
            self.local.authenticate(waiting.id, succeed=succeed)
            v1.retrieve(waiting.id, {"expand": ["latest_charge"]})
        shown = v1.create(
            {"amount": 3000, "currency": "usd", "payment_method": "pm_card_threeDSecure2Required", **AT_ONCE}
        )
        v1.confirm(shown.id)
        v1.cancel(shown.id, {"cancellation_reason": "abandoned"})
        held = v1.create({**asked, "payment_method": "pm_card_visa", "capture_method": "manual"})
        v1.capture(held.id, {"amount_to_capture": 2500})
        kept = v1.create({**asked, "payment_method": "pm_card_visa", "capture_method": "manual"})
        self.local.clock.advance(8 * 86400)  # pyright: ignore[reportAttributeAccessIssue]
        v1.retrieve(kept.id, {"expand": ["latest_charge"]})
        saved = {"customer": self.customer.id, "setup_future_usage": "off_session", "payment_method": "pm_card_visa"}
        v1.create({**asked, **saved, "shipping": {"name": "Ada", "address": {"line1": "1 Main St"}}})
        v1.create({**asked, "payment_method_data": {"type": "card", "card": {"token": "tok_amex"}}})
        v1.list({"limit": 3, "expand": ["data.latest_charge"]})
        v1.search({"query": 'metadata["order"]:"8" AND status:"succeeded"'})

    def debits(self) -> None:
        v1 = self.v1.payment_intents
        for name in ("pm_usBankAccount_success", "pm_usBankAccount_insufficientFunds", "pm_usBankAccount_processing"):
            made = v1.create(
                {
                    "amount": 4000,
                    "currency": "usd",
                    "allowed_payment_method_types": ["us_bank_account"],
                    "payment_method": name,
                    "confirm": True,
                    "mandate_data": {"customer_acceptance": {"type": "offline", "offline": {}}},
                }
            )
            self.local.clock.advance(100)  # pyright: ignore[reportAttributeAccessIssue]
            v1.retrieve(made.id, {"expand": ["latest_charge", "payment_method"]})
        self.debited = v1.list({"limit": 3}).data[2]
        account = {"account_number": "000123456789", "routing_number": "110000000", "account_holder_type": "individual"}
        self.v1.payment_methods.create({"type": "us_bank_account", "us_bank_account": account})

    def refunding(self) -> None:
        made = self.v1.refunds.create({"charge": self.charge.id, "amount": 500, "reason": "requested_by_customer"})
        self.v1.refunds.update(made.id, {"metadata": {"why": "broken"}})
        self.v1.refunds.retrieve(made.id, {"expand": ["charge", "balance_transaction", "payment_intent"]})
        self.v1.refunds.create({"payment_intent": self.paid.id, "expand": ["payment_method", "customer"]})
        self.v1.refunds.create({"payment_intent": self.debited.id})
        held = self.v1.charges.create({"amount": 900, "currency": "usd", "source": "tok_visa", "capture": False})
        self.v1.refunds.create({"charge": held.id})
        for name in ("tok_pendingRefund", "tok_refundFail"):
            charge = self.v1.charges.create({"amount": 900, "currency": "usd", "source": name})
            refund = self.v1.refunds.create({"charge": charge.id})
            self.local.clock.advance(100)  # pyright: ignore[reportAttributeAccessIssue]
            self.v1.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
        self.v1.refunds.list({"charge": self.charge.id})
        charge = stripe.Charge.construct_from({"id": self.charge.id}, "sk_test_local")
        self.raw("get", f"/v1/charges/{charge.id}/refunds")
        self.refused(self.v1.refunds.cancel, made.id)

    def disputing(self) -> None:
        said = {
            "tok_createDispute": "winning_evidence",
            "tok_createDisputeProductNotReceived": "losing_evidence",
            "tok_createDisputeInquiry": "escalate_inquiry_evidence",
            "tok_createMultipleDisputes": "staged",
        }
        for name, evidence in said.items():
            charge = self.v1.charges.create({"amount": 1500, "currency": "usd", "source": name})
            (dispute, *_) = self.v1.disputes.list({"charge": charge.id}).data
            submit = evidence != "staged"
            self.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": evidence}, "submit": submit})
            self.v1.disputes.retrieve(dispute.id, {"expand": ["charge", "payment_intent"]})
        self.v1.disputes.close(dispute.id)

    def reading(self) -> None:
        self.v1.balance.retrieve()
        page = self.v1.balance_transactions.list({"limit": 100, "expand": ["data.source"]})
        self.v1.balance_transactions.retrieve(page.data[0].id, {"expand": ["source"]})
        for shown in self.v1.events.list({"limit": 100}).auto_paging_iter():
            event = shown
        self.v1.events.retrieve(event.id)
        self.v1.events.list({"type": "charge.*", "limit": 3})

    def refusals(self) -> None:
        charges, intents = self.v1.charges, self.v1.payment_intents
        plain = {"amount": 2000, "currency": "usd", "source": "tok_visa"}
        for wrong in (
            {"amount": 20},
            {"amount": 10**9},
            {"amount": -1},
            {"amount": "19.99"},
            {"currency": "zzz"},
            {"source": "tok_nobody"},
            {"source": ""},
            {"surprise": 1},
            {"metadata": {"a" * 50: "b"}},
            {"destination": {"account": "acct_1"}},
            {"customer": "cus_nobody"},
            {"expand": ["nothing"]},
        ):
            self.refused(charges.create, {**plain, **wrong})
        self.refused(charges.create, {"amount": 2000, "currency": "usd"})
        self.refused(charges.create, {"amount": 2000})
        charges.create(plain, {"idempotency_key": "again"})
        self.refused(charges.create, {**plain, "amount": 700}, {"idempotency_key": "again"})
        self.refused(charges.retrieve, "ch_nobody")
        self.refused(intents.retrieve, "pi_nobody")
        self.refused(intents.retrieve, self.paid.client_secret)
        self.refused(intents.confirm, self.paid.id)
        self.refused(intents.cancel, self.paid.id)
        self.refused(intents.capture, self.paid.id, {"amount": 1})
        self.refused(
            intents.create, {"amount": 2000, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
        )
        self.refused(intents.create, {"amount": 2000, "currency": "usd", "payment_method_types": ["card"]})
        self.refused(self.v1.refunds.create, {"payment_intent": self.paid.id})
        self.refused(self.v1.refunds.create, {})
        self.refused(self.v1.tokens.create, {"card": {**CARD, "number": "4242424242424241"}})
        self.refused(self.v1.customers.create, {"email": "nobody"})
        self.refused(self.v1.charges.list, {"limit": 500})
        self.refused(self.local.client("sk_live_x").v1.charges.list)
        self.refused(self.local.client("pk_test_x").v1.charges.list)
        self.local.keys.restrict("rk_test_reader", to=["charges:read"])
        self.refused(self.local.client("rk_test_reader").v1.refunds.list)
        self.refused(self.raw, "get", "/v1/nothing")

    def faults(self) -> None:
        for kind in ("error before", "error after", "rate limit", "in flight"):
            self.local.faults.script(kind)
            self.refused(self.v1.charges.create, {"amount": 2000, "currency": "usd", "source": "tok_visa"})

    def leaving(self) -> None:
        self.v1.payment_methods.detach(self.method.id)
        customer = self.customer.id
        self.v1.customers.delete(customer)
        self.v1.customers.retrieve(customer)
        self.v1.webhook_endpoints.delete(self.v1.webhook_endpoints.list().data[0].id)

    def raw(self, method: str, path: str) -> None:
        self.local.client().raw_request(method, path)

    def refused(self, call, *arguments) -> None:
        try:
            call(*arguments)
        except stripe.StripeError:
            return
        raise AssertionError(f"{call.__qualname__}{arguments} was not refused")
