"""Every bug of the zoo, and every right shop, family by family."""

from __future__ import annotations

from payments_lab.explore.zoo import (
    amounts,
    charging,
    idempotency,
    intents,
    listeners,
    naive,
    orders,
    outbox,
    ownership,
    plain,
    refunds,
    replicas,
    right_claims,
    right_intents,
    right_orders,
    right_refunds,
    right_replicas,
)
from payments_lab.explore.zoo.bug import Bug, Correct, correct

BUGS: tuple[Bug, ...] = (
    *naive.BUGS,
    *charging.BUGS,
    *idempotency.BUGS,
    *replicas.BUGS,
    *listeners.BUGS,
    *outbox.BUGS,
    *refunds.BUGS,
    *amounts.BUGS,
    *ownership.BUGS,
    *intents.BUGS,
    *orders.BUGS,
)
"""Every bug, family by family; names are unique."""

CORRECT: tuple[Correct, ...] = (
    correct("plain", plain.PlainPaymentsService),
    *right_claims.CORRECT,
    *right_replicas.CORRECT,
    *right_refunds.CORRECT,
    *right_intents.CORRECT,
    *right_orders.CORRECT,
)
"""Every right shop that is not the package's own."""
