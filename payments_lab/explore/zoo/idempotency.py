"""Wrong keys: what is to happen once has no name, or changes it, or shares it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import stripe

from payments_lab.explore.zoo.bug import bug
from payments_lab.explore.zoo.charging import ChargesBeforeItSaves
from payments_lab.explore.zoo.plain import PlainPaymentsService
from payments_lab.explore.zoo.scenarios import ANOTHER_CARD, CALM, CRASH, CRASH_AND_RETRY, ONE_CLICK, TWO_ORDERS
from payments_lab.shop.errors import BeingPaid, OutcomeUnknown, PaymentRefused
from payments_lab.shop.events import PaymentCreated
from payments_lab.shop.payments import PaymentsPorts
from payments_lab.stores.documents import Document

if TYPE_CHECKING:
    from stripe import RequestOptions
    from stripe.params import ChargeCreateParams


class NamesNoKey(PlainPaymentsService):
    """The library makes up a key for every call, which covers its own retries and nobody else's."""

    def options(self, attempt: Document) -> RequestOptions:
        return {"max_network_retries": 0}


class NewKeyEveryTime(PlainPaymentsService):
    """The key is drawn where the call is made, so whoever asks once more asks for one more charge."""

    def options(self, attempt: Document) -> RequestOptions:
        return {**super().options(attempt), "idempotency_key": self.ids.new("key")}


class KeyOfTheOrder(PlainPaymentsService):
    """One key for an order pays it once indeed; but a decline is remembered too, and no other card can ever pay."""

    def options(self, attempt: Document) -> RequestOptions:
        return {**super().options(attempt), "idempotency_key": f"order-{attempt['orderId']}"}

    async def charge(self, attempt: Document) -> str:
        try:
            return await super().charge(attempt)
        except OutcomeUnknown as error:
            if isinstance(error.__cause__, stripe.IdempotencyError):
                raise PaymentRefused("this order can't be paid with another card") from error
            raise


class KeyOfTheAmount(PlainPaymentsService):
    """The key is made of what is at hand, currency and amount; another order at the same price gets its answer."""

    def options(self, attempt: Document) -> RequestOptions:
        key = f"charge-{attempt['amount']}-{attempt['currency']}"
        return {**super().options(attempt), "idempotency_key": key}

    def params(self, attempt: Document) -> ChargeCreateParams:
        return {"amount": attempt["amount"], "currency": attempt["currency"], "source": attempt["token"]}


class RemembersInMemory(ChargesBeforeItSaves):
    """A set of the orders under way keeps double clicks out, until the process starts anew, or there are two of it."""

    def __init__(self, ports: PaymentsPorts) -> None:
        super().__init__(ports)
        self.under_way: set[str] = set()

    async def claim(self, before: Document | None, attempt: Document) -> Document:
        if attempt["orderId"] in self.under_way:
            raise BeingPaid(f"order {attempt['orderId']} is being paid already")
        self.under_way.add(attempt["orderId"])
        return await super().claim(before, attempt)


class CoarseMessageId(PlainPaymentsService):
    """The bus is told to drop what has the same amount as before, to catch double clicks; other orders have it too."""

    async def announce(self, payment: Document) -> None:
        event = PaymentCreated(id=payment["_id"], order_id=payment["orderId"], stripe_id=payment["stripeId"])
        message_id = f"paid-{payment['attempt']['amount']}"
        await self.bus.publish(event.subject, event.to_bytes(), message_id=message_id)


BUGS = (
    bug("names-no-key", NamesNoKey, "charged-at-most-once", ONE_CLICK, CRASH),
    bug("new-key-every-time", NewKeyEveryTime, "charged-at-most-once", ONE_CLICK, CRASH),
    bug("key-of-the-order", KeyOfTheOrder, "a-declined-buyer-may-retry", ANOTHER_CARD, CALM),
    bug("key-of-the-amount", KeyOfTheAmount, "charge-has-payment", TWO_ORDERS, CALM),
    bug("remembers-in-memory", RemembersInMemory, "charged-at-most-once", ONE_CLICK, CRASH_AND_RETRY),
    bug("coarse-message-id", CoarseMessageId, "payment-is-published", TWO_ORDERS, CALM),
)
