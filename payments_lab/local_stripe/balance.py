"""The account's books: one balance transaction for every movement of money.

Fees are those of a US account: 2.9 % and 30 cents, rounded half up. Source: https://stripe.com/pricing
"""

from __future__ import annotations

from typing import Literal

from payments_lab.local_stripe.ledger import Ledger, StripeObject

FIXED_FEE = 30
FEE_PER_MILLE = 29


def book(
    ledger: Ledger, kind: Literal["charge", "refund"], amount: int, currency: str, source: str, description: str | None
) -> StripeObject:
    """Record a movement of ``amount`` minor units, negative when money goes out. Fees are not given back."""
    fee = (amount * FEE_PER_MILLE + 500) // 1000 + FIXED_FEE if kind == "charge" else 0
    now = ledger.now()
    details = [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    return ledger.add(
        {
            "id": ledger.new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": now,
            "balance_type": "payments",
            "created": now,
            "currency": currency,
            "description": description,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": details if fee else [],
            "net": amount - fee,
            "reporting_category": kind,
            "source": source,
            "status": "available",
            "type": kind,
        }
    )
