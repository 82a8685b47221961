"""The account's books: one balance transaction for every movement of money, and what they add up to.

Every currency is kept for itself, as in an account with a bank account in each. Fees are those of a US account: 2.9 %
and 30 minor units, 1.5 % more for cards of other countries, rounded half up, and not given back by a refund.
Sources: https://docs.stripe.com/api/balance, https://docs.stripe.com/api/balance_transactions,
https://stripe.com/pricing
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any, Literal

from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.listing import listing_form, page
from payments_lab.local_stripe.parameters import NOTHING, read, text

FIXED_FEE = 30
FEE_PER_MILLE = 29
FOREIGN_FEE_PER_MILLE = 15
DAYS_UNTIL_AVAILABLE = 2

Category = Literal["charge", "refund", "refund_failure", "dispute", "dispute_reversal"]
TYPES = {
    "charge": "charge",
    "refund": "refund",
    "refund_failure": "refund_failure",
    "dispute": "adjustment",
    "dispute_reversal": "adjustment",
}

LISTING = listing_form({"currency": text, "source": text, "type": text}, elsewhere="payout")


@dataclass(slots=True)
class Books:
    """What the transactions add up to, by currency; ``maturing`` becomes available when its time has come."""

    available: dict[str, int] = field(default_factory=dict[str, int])
    pending: dict[str, int] = field(default_factory=dict[str, int])
    maturing: list[tuple[int, int, str]] = field(default_factory=list[tuple[int, int, str]])

    def enter(self, transaction: StripeObject) -> None:
        currency, net = transaction["currency"], transaction["net"]
        self.available.setdefault(currency, 0)
        self.pending[currency] = self.pending.get(currency, 0) + net
        heapq.heappush(self.maturing, (transaction["available_on"], net, currency))

    def mature(self, now: int) -> None:
        while self.maturing and self.maturing[0][0] <= now:
            _, net, currency = heapq.heappop(self.maturing)
            self.pending[currency] -= net
            self.available[currency] += net


def charge_fee(amount: int, *, foreign: bool) -> int:
    """What Stripe keeps of a charge, in minor units."""
    per_mille = FEE_PER_MILLE + (FOREIGN_FEE_PER_MILLE if foreign else 0)
    return (amount * per_mille + 500) // 1000 + FIXED_FEE


def debit_fee(amount: int) -> int:
    """What Stripe keeps of a bank account's payment: 0.8 %, at most 500 minor units."""
    return min((amount * 8 + 500) // 1000, 500)


def book(
    ledger: Ledger,
    category: Category,
    amount: int,
    currency: str,
    source: str,
    *,
    fee: int = 0,
    description: str | None = None,
    at_once: bool = True,
) -> StripeObject:
    """Record a movement of ``amount`` minor units, negative when money goes out, and the fee that it costs."""
    now = ledger.now()
    made = ledger.add(
        {
            "id": ledger.new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": now if at_once else now + DAYS_UNTIL_AVAILABLE * 86400,
            "balance_type": "payments",
            "created": now,
            "currency": currency,
            "description": description,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": _fee_details(category, fee, currency),
            "net": amount - fee,
            "reporting_category": category,
            "source": source,
            "status": "available" if at_once else "pending",
            "type": TYPES[category],
        }
    )
    books = ledger.derived.get("books")
    if books is not None:
        books.enter(made)
    return made


def retrieve_balance(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    read(NOTHING, params)
    books = _books(ledger)
    return {
        "object": "balance",
        "available": _amounts(books.available),
        "connect_reserved": [],
        "livemode": False,
        "pending": _amounts(books.pending),
        "refund_and_dispute_prefunding": {"available": [], "pending": []},
    }


def retrieve(ledger: Ledger, params: dict[str, Any], transaction_id: str) -> StripeObject:
    read(NOTHING, params)
    return ledger.get("balance_transaction", transaction_id)


def listing(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    return page(ledger, "balance_transaction", "/v1/balance_transactions", read(LISTING, params))


def as_of(ledger: Ledger, transaction: StripeObject) -> StripeObject:
    """The transaction as it is now: pending ones become available by time alone."""
    if transaction["status"] == "pending" and transaction["available_on"] <= ledger.now():
        return {**transaction, "status": "available"}
    return transaction


def _books(ledger: Ledger) -> Books:
    books = ledger.derived.get("books")
    if books is None:
        books = ledger.derived["books"] = Books()
        for transaction in ledger.table("balance_transaction"):
            books.enter(transaction)
    books.mature(ledger.now())
    return books


def _amounts(totals: dict[str, int]) -> list[dict[str, Any]]:
    amounts = totals or {"usd": 0}
    return [
        {"amount": amounts[currency], "currency": currency, "source_types": {"card": amounts[currency]}}
        for currency in sorted(amounts)
    ]


def _fee_details(category: Category, fee: int, currency: str) -> list[dict[str, Any]]:
    if not fee:
        return []
    return [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": "Stripe processing fees" if category == "charge" else "Dispute fee",
            "type": "stripe_fee",
        }
    ]
