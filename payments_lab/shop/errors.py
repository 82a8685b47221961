"""What can go wrong in the shop, by what it means for the money.

A :class:`Definite` error did not happen: tell the user. After an :class:`Indefinite` one nobody knows whether it
happened: ask again with the same idempotency key, or reconcile. No code may treat the one as the other.
"""

from __future__ import annotations


class ShopError(Exception):
    """A refusal with the HTTP status and the field that a reply would carry."""

    status = 400

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    def body(self) -> dict[str, list[dict[str, str]]]:
        """The reply's JSON: ``{"errors": [{"message", "field"?}]}``."""
        error = {"message": self.message}
        if self.field:
            error["field"] = self.field
        return {"errors": [error]}


class Definite(ShopError):
    """It did not happen, and will not unless somebody asks anew."""


class Indefinite(ShopError):
    """Nobody knows whether it happened."""

    status = 503


class InvalidRequest(Definite):
    """A value that no order or payment can have; ``field`` names it."""


class OrderNotFound(Definite):
    status = 404


class NotTheOwner(Definite):
    status = 401


class OrderIsCancelled(Definite):
    """A cancelled order takes no money, and keeps none."""


class OrderExpired(Definite):
    """The time to pay is over, though the cancellation may still be on its way."""


class DuplicateOrder(Definite):
    status = 409


class AlreadyPaid(Definite):
    status = 409


class BeingPaid(Definite):
    """Another attempt to pay the same order came first; this one charged nothing."""

    status = 409


class PaymentRefused(Definite):
    """Stripe refused the request itself: an unknown token, an amount below the minimum."""


class Declined(Definite):
    """The card was declined; another card may be used. ``decline_code`` is Stripe's."""

    status = 402

    def __init__(self, message: str, *, decline_code: str) -> None:
        super().__init__(message)
        self.decline_code = decline_code


class OutcomeUnknown(Indefinite):
    """Stripe's answer was lost: the card may or may not have been charged. Ask again with the same idempotency key."""


class NotYet(Exception):
    """An event came before the one that it builds on. Not acknowledged: the bus delivers it again later."""
