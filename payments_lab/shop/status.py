"""The statuses of an order, as every service spells them."""

from __future__ import annotations

from enum import StrEnum


class OrderStatus(StrEnum):
    """Where an order stands. ``AWAITING_PAYMENT`` is part of the vocabulary; nothing in the course ever sets it."""

    CREATED = "created"
    AWAITING_PAYMENT = "awaiting:payment"
    COMPLETE = "complete"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Neither paid nor cancelled: it may still become either."""
        return self in (OrderStatus.CREATED, OrderStatus.AWAITING_PAYMENT)


class PaymentStatus(StrEnum):
    """Where a payment stands. After ``CHARGING`` nobody knows yet; every other status is known to be true.

    ``WAITING`` is for the buyer at the bank's page (3-D Secure), or for the bank.
    """

    CHARGING = "charging"
    WAITING = "waiting"
    FAILED = "failed"
    PAID = "paid"
    REFUNDED = "refunded"
