"""What happens by itself when its time has come: asynchronous captures, disputes, debits, refunds, expiry."""

from __future__ import annotations

from collections.abc import Callable

from payments_lab.local_stripe.ledger import Ledger, Origin
from payments_lab.local_stripe.objects import charges, confirmation, disputes, payment_intents, refunds


def run_due(ledger: Ledger) -> None:
    """Do everything whose time has come, oldest first. No request is behind it."""
    if not ledger.due():
        return
    before, ledger.origin = ledger.origin, Origin()
    for action, object_id in ledger.pop_due():
        ACTIONS[action](ledger, object_id)
    ledger.origin = before


def _expire(ledger: Ledger, charge_id: str) -> None:
    charge = ledger.get("charge", charge_id)
    if charge["captured"] or charge["refunded"] or ledger.backstage(charge_id).get("expired"):
        return
    charges.expire(ledger, charge_id)
    if charge["payment_intent"] is not None:
        payment_intents.end(ledger, ledger.get("payment_intent", charge["payment_intent"]), "expired")


ACTIONS: dict[str, Callable[[Ledger, str], object]] = {
    "book": charges.book_now,
    "decide dispute": disputes.decide,
    "dispute": disputes.open_dispute,
    "expire": _expire,
    "refund fails": refunds.fail,
    "refund pending": refunds.succeed,
    "settle debit": confirmation.settle_debit,
}
