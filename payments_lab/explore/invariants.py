"""What must hold for everybody's money, by stable names.

Some rules hold at every moment: what they speak of, once done, is never undone. The others hold once everything has
come to rest: while an event is on its way, the books may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from payments_lab.explore.evidence import Evidence
from payments_lab.local_stripe.cards import TOKENS
from payments_lab.shop import audit
from payments_lab.shop.status import OrderStatus, PaymentStatus

Check = Callable[[Evidence], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule with a stable ``name``; ``check`` says in a sentence each way in which the evidence breaks it.

    ``at_rest``: it need hold only when nothing more happens; ``endless``: also where things go round for ever.
    ``concerns`` counts what the rule is about: a rule that
    was about nothing in every configuration has proved nothing.
    """

    name: str
    check: Check
    at_rest: bool = True
    endless: bool = False
    concerns: Callable[[Evidence], int] = lambda evidence: len(evidence.charges)


def find(chosen: Iterable[str | Invariant] | None) -> tuple[Invariant, ...]:
    """The invariants of these names, all where None is given. ValueError for a name that there is not."""
    if chosen is None:
        return INVARIANTS
    return tuple(each if isinstance(each, Invariant) else _by_name(each) for each in chosen)


def _by_name(name: str) -> Invariant:
    known = {each.name: each for each in INVARIANTS}
    if name not in known:
        raise ValueError(f"there is no invariant {name!r}; there are {', '.join(known)}")
    return known[name]


def _charged_at_most_once(evidence: Evidence) -> Iterator[str]:
    for order in evidence.scenario.orders:
        charges = evidence.paid_charges(order.id)
        if len(charges) > 1:
            total = sum(charge["amount"] for charge in charges)
            yield (
                f"{order.user} is charged {len(charges)} times for {order.id}: {total} {charges[0]['currency']} "
                f"instead of {order.price}"
            )


def _amount_is_the_price(evidence: Evidence) -> Iterator[str]:
    for order in evidence.scenario.orders:
        for charge in evidence.paid_charges(order.id):
            taken = (charge["amount"], charge["currency"])
            price = (order.price, order.currency)
            if taken != price:
                yield f"{order.user} pays {taken[0]} {taken[1]} for {order.id}, whose price is {price[0]} {price[1]}"


def _only_the_owner_pays(evidence: Evidence) -> Iterator[str]:
    for order in evidence.scenario.orders:
        cards = {_last4(pay.token): pay.user for _, pay in evidence.pays(order.id) if pay.user != order.user}
        for _, pay in evidence.pays(order.id):
            if pay.user == order.user:
                cards.pop(_last4(pay.token), None)
        for charge in evidence.paid_charges(order.id):
            payer = cards.get(charge["payment_method_details"]["card"]["last4"])
            if payer is not None:
                yield f"{payer} pays for {order.id}, which belongs to {order.user}"


def _charge_has_payment(evidence: Evidence) -> Iterator[str]:
    for difference in audit.charge_has_payment(evidence.books):
        yield f"nobody knows of the money: {difference.message}"
    taken = {charge["id"] for charge in evidence.charges if charge["paid"]}
    claimed: set[str] = set()
    for payment in evidence.documents["payments.payments"]:
        charge = payment.get("stripeId")
        if payment.get("status", PaymentStatus.PAID) != PaymentStatus.PAID:
            continue
        if charge not in taken:
            yield f"payment {payment['_id']} says that {payment['orderId']} is paid, and no money was taken"
        elif charge in claimed:
            yield f"two payments claim the same charge {charge}"
        claimed.add(str(charge))


def _payment_is_published(evidence: Evidence) -> Iterator[str]:
    for difference in audit.payment_is_published(evidence.books):
        yield f"the shop never hears that {difference.order_id} is paid: {difference.message}"


def _paid_order_completes(evidence: Evidence) -> Iterator[str]:
    for order in evidence.documents["orders.orders"]:
        if OrderStatus(order["status"]).is_open and _keeps_money(evidence, order["_id"]):
            yield f"{order['userId']} has paid {order['_id']}, and it is still {order['status']}"


def _cancelled_order_keeps_no_money(evidence: Evidence) -> Iterator[str]:
    for order in evidence.documents["orders.orders"]:
        kept = _keeps_money(evidence, order["_id"])
        if order["status"] == OrderStatus.CANCELLED and kept:
            yield f"{order['_id']} is cancelled, and {kept} of {order['userId']}'s money are not given back"


def _keeps_money(evidence: Evidence, order_id: str) -> int:
    return sum(audit.kept(charge) for charge in evidence.paid_charges(order_id))


def _replica_converges(evidence: Evidence) -> Iterator[str]:
    for difference in audit.replica_converges(evidence.books):
        yield f"two services disagree about {difference.order_id}: {difference.message}"


def _a_declined_buyer_may_retry(evidence: Evidence) -> Iterator[str]:
    for order in evidence.documents["orders.orders"]:
        if not OrderStatus(order["status"]).is_open or _keeps_money(evidence, order["_id"]):
            continue
        for number, pay in evidence.pays(order["_id"]):
            answer = evidence.answers.get(number, "")
            second = pay.after is not None and _declines(evidence, pay.after) and not _is_declined(pay.token)
            if second and answer and (answer != "unknown" or not evidence.disturbed):
                yield f"{pay.user}'s second card would have paid {order['_id']}, and is not taken: {answer}"


def _declines(evidence: Evidence, number: int) -> bool:
    before = evidence.scenario.actions[number]
    return getattr(before, "token", None) is not None and _is_declined(getattr(before, "token", ""))


def _is_declined(token: str) -> bool:
    return token in TOKENS and TOKENS[token].decline is not None


def _last4(token: str) -> str:
    return TOKENS[token].last4 if token in TOKENS else token


def _nothing_is_stuck(evidence: Evidence) -> Iterator[str]:
    for letter in evidence.dead:
        yield f"a dead letter: {letter}"
    for each in evidence.pending:
        yield f"{each}: tried again and again, and never done"


def _orders(evidence: Evidence) -> int:
    return len(evidence.documents["orders.orders"])


def _cancelled(evidence: Evidence) -> int:
    orders = evidence.documents["orders.orders"]
    return sum(order["status"] == OrderStatus.CANCELLED and bool(evidence.charges) for order in orders)


def _retries(evidence: Evidence) -> int:
    return sum(1 for order in evidence.scenario.orders for _, pay in evidence.pays(order.id) if pay.after is not None)


def _strangers(evidence: Evidence) -> int:
    orders = evidence.scenario.orders
    return sum(pay.user != order.user for order in orders for _, pay in evidence.pays(order.id))


INVARIANTS: tuple[Invariant, ...] = (
    Invariant("charged-at-most-once", _charged_at_most_once, at_rest=False),
    Invariant("amount-is-the-price", _amount_is_the_price, at_rest=False),
    Invariant("only-the-owner-pays", _only_the_owner_pays, at_rest=False, concerns=_strangers),
    Invariant("charge-has-payment", _charge_has_payment),
    Invariant("payment-is-published", _payment_is_published),
    Invariant("paid-order-completes", _paid_order_completes),
    Invariant("cancelled-order-keeps-no-money", _cancelled_order_keeps_no_money, concerns=_cancelled),
    Invariant("replica-converges", _replica_converges, concerns=_orders),
    Invariant("a-declined-buyer-may-retry", _a_declined_buyer_may_retry, concerns=_retries),
    Invariant("nothing-is-stuck", _nothing_is_stuck, endless=True, concerns=_orders),
)
