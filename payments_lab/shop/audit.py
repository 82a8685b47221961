"""Holding the books side by side: Stripe's charges, the payments, the orders and their replicas.

Every rule has a stable name. The rules hold once the shop has come to rest; while something is under way, some of
them may not hold yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from payments_lab.shop.intents import CLOSED, UNDER_WAY
from payments_lab.shop.status import OrderStatus, PaymentStatus
from payments_lab.stores.documents import Document

AWAITED = (PaymentStatus.CHARGING, PaymentStatus.WAITING)


@dataclass(frozen=True, slots=True)
class Books:
    """Plain documents and Stripe objects, taken at one moment.

    ``orders`` are those of the orders service, ``replicas`` those that payments keeps. ``announced`` are the pairs of
    order id and charge id that payment:created events have named. ``intents`` are Stripe's payment intents.
    """

    orders: Sequence[Document]
    replicas: Sequence[Document]
    payments: Sequence[Document]
    charges: Sequence[Mapping[str, Any]]
    announced: frozenset[tuple[str, str]]
    intents: Sequence[Mapping[str, Any]] = ()

    def order_of(self, charge: Mapping[str, Any]) -> str | None:
        """The order that a charge belongs to: as its metadata says, else as a payment says."""
        named = charge["metadata"].get("orderId")
        if named is not None:
            return named
        return next((each["orderId"] for each in self.payments if each.get("stripeId") == charge["id"]), None)

    def kept_charges(self, order_id: str) -> list[Mapping[str, Any]]:
        """Charges of an order whose money, or a part of it, has not gone back."""
        return [charge for charge in self.charges if self.order_of(charge) == order_id and kept(charge)]

    def stray_intents(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Our intents that may take money although no payment of an open order waits for it, each with its order."""
        closed = {order["_id"] for order in self.orders if not OrderStatus(order["status"]).is_open}
        awaited = {each["attempt"]["id"] for each in self.payments if "attempt" in each and each["status"] in AWAITED}
        for intent in self.intents:
            order_id, attempt = intent["metadata"].get("orderId"), intent["metadata"].get("attempt")
            if order_id and intent["status"] not in CLOSED and (order_id in closed or attempt not in awaited):
                yield order_id, intent


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the books disagree: the rule by its stable name, the order, and what is wrong in a sentence."""

    rule: str
    order_id: str
    message: str


def kept(charge: Mapping[str, Any]) -> int:
    """Minor units of a charge that were taken and have not gone back."""
    return charge["amount"] - charge["amount_refunded"] if charge["paid"] else 0


def audit(books: Books) -> list[Difference]:
    """Every difference, in the order of the rules."""
    return [difference for rule in RULES for difference in rule(books)]


def charged_at_most_once(books: Books) -> Iterator[Difference]:
    for order in books.orders:
        charges = books.kept_charges(order["_id"])
        if len(charges) > 1:
            names = ", ".join(charge["id"] for charge in charges)
            yield Difference("charged-at-most-once", order["_id"], f"{order['userId']} paid more than once: {names}")


def amount_is_the_price(books: Books) -> Iterator[Difference]:
    for order in books.orders:
        ticket = order["ticket"]
        for charge in books.kept_charges(order["_id"]):
            if (charge["amount"], charge["currency"]) != (ticket["price"], ticket["currency"]):
                yield Difference(
                    "amount-is-the-price",
                    order["_id"],
                    f"{charge['id']} took {charge['amount']} {charge['currency']}, "
                    f"the price is {ticket['price']} {ticket['currency']}",
                )


def charge_has_payment(books: Books) -> Iterator[Difference]:
    known = {payment.get("stripeId") for payment in books.payments}
    for charge in books.charges:
        if kept(charge) and charge["id"] not in known:
            order_id = books.order_of(charge) or "?"
            yield Difference("charge-has-payment", order_id, f"{charge['id']} took money that no payment knows of")


def payment_is_published(books: Books) -> Iterator[Difference]:
    for payment in books.payments:
        pair = (payment["orderId"], payment.get("stripeId"))
        if payment.get("status", PaymentStatus.PAID) == PaymentStatus.PAID and pair not in books.announced:
            yield Difference("payment-is-published", pair[0], f"payment {payment['_id']} was never announced")


def paid_order_completes(books: Books) -> Iterator[Difference]:
    for order in books.orders:
        if OrderStatus(order["status"]).is_open and books.kept_charges(order["_id"]):
            yield Difference("paid-order-completes", order["_id"], f"the order is paid and still {order['status']}")


def cancelled_order_keeps_no_money(books: Books) -> Iterator[Difference]:
    for order in books.orders:
        charges = books.kept_charges(order["_id"])
        if order["status"] == OrderStatus.CANCELLED and charges:
            yield Difference(
                "cancelled-order-keeps-no-money", order["_id"], f"the order is cancelled, {charges[0]['id']} is kept"
            )


def replica_converges(books: Books) -> Iterator[Difference]:
    replicas = {replica["_id"]: replica for replica in books.replicas}
    for order in books.orders:
        replica = replicas.get(order["_id"], {"status": "unknown", "version": None})
        if (replica["status"], replica["version"]) != (order["status"], order["version"]):
            yield Difference(
                "replica-converges",
                order["_id"],
                f"orders has {order['status']} v{order['version']}, "
                f"payments has {replica['status']} v{replica['version']}",
            )


def waiting_payment_is_undecided(books: Books) -> Iterator[Difference]:
    intents = {intent["id"]: intent for intent in books.intents}
    for payment in books.payments:
        intent = intents.get(payment.get("intentId", ""))
        if payment.get("status") == PaymentStatus.WAITING and intent is not None and intent["status"] not in UNDER_WAY:
            yield Difference(
                "waiting-payment-is-undecided",
                payment["orderId"],
                f"payment {payment['_id']} waits, and {intent['id']} is {intent['status']} at Stripe",
            )


def open_intent_is_awaited(books: Books) -> Iterator[Difference]:
    for order_id, intent in books.stray_intents():
        yield Difference(
            "open-intent-is-awaited",
            order_id,
            f"{intent['id']} is {intent['status']} and may still take money that nobody waits for",
        )


Rule = Callable[[Books], Iterator[Difference]]

RULES: tuple[Rule, ...] = (
    charged_at_most_once,
    amount_is_the_price,
    charge_has_payment,
    payment_is_published,
    paid_order_completes,
    cancelled_order_keeps_no_money,
    replica_converges,
    waiting_payment_is_undecided,
    open_intent_is_awaited,
)
