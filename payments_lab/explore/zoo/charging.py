"""Wrong ways to take money once."""

from __future__ import annotations

import asyncio

from payments_lab.explore.zoo.bug import bug
from payments_lab.explore.zoo.naive import NaivePaymentsService
from payments_lab.explore.zoo.plain import CHARGING, FAILED, PAID, PlainPaymentsService, failure
from payments_lab.explore.zoo.scenarios import (
    ANOTHER_CARD,
    ANOTHER_CARD_TWICE,
    CALM,
    CRASH,
    LOST_REPLY,
    ONE_CLICK,
    PAY_AGAIN,
    PAY_OR_CANCEL,
    TWO_CLICKS,
)
from payments_lab.shop.errors import (
    AlreadyPaid,
    BeingPaid,
    Indefinite,
    OrderIsCancelled,
    OutcomeUnknown,
    PaymentRefused,
    ShopError,
)
from payments_lab.shop.payments import Payment
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.documents import Document


class ClaimsWithoutACondition(PlainPaymentsService):
    """An upsert looks like 'insert or take what is there'; the second click overwrites the first one's attempt."""

    async def claim(self, before: Document | None, attempt: Document) -> Document:
        change = {
            "$set": {"status": CHARGING, "attempt": attempt},
            "$setOnInsert": {"_id": self.ids.new("pay")},
        }
        claimed = await self.payments.find_one_and_update(
            {"orderId": attempt["orderId"]}, change, upsert=True, return_document=True
        )
        assert claimed is not None
        return claimed


class TrustsTheCopy(PlainPaymentsService):
    """'A complete order is refused' sounds like enough; but completion is heard of some time after the charge."""

    async def claim(self, before: Document | None, attempt: Document) -> Document:
        if before is not None:
            before = {**before, "status": CHARGING, "attempt": attempt}
            await self.payments.update_one({"_id": before["_id"]}, {"$set": before})
            return before
        return await super().claim(None, attempt)


class LetsTwoRetry(PlainPaymentsService):
    """After a decline the payment is there already, and the unique index that held the first time holds no more."""

    async def claim(self, before: Document | None, attempt: Document) -> Document:
        if before is None or before["status"] != FAILED:
            return await super().claim(before, attempt)
        unpaid = {"_id": before["_id"], "status": {"$ne": PAID}}
        wanted = {"status": CHARGING, "attempt": attempt}
        claimed = await self.payments.find_one_and_update(unpaid, {"$set": wanted}, return_document=True)
        if claimed is None:
            raise BeingPaid(f"order {attempt['orderId']} is paid already")
        return claimed


class ChargesBeforeItSaves(PlainPaymentsService):
    """'First the money, then the paperwork': what was charged is known to nobody when the process stops in between."""

    async def claim(self, before: Document | None, attempt: Document) -> Document:
        if before is not None:
            raise AlreadyPaid(f"order {attempt['orderId']} is paid already")
        return {"_id": self.ids.new("pay"), "orderId": attempt["orderId"], "status": CHARGING, "attempt": attempt}

    async def write(self, payment: Document, outcome: Document) -> Document:
        written = {**payment, **outcome}
        if outcome["status"] == PAID:
            await self.payments.insert_one(written)
        return written


class SavesBeforeItCharges(PlainPaymentsService):
    """Saved as paid before the charge, so that nothing can be lost; nobody takes it back when the card is declined."""

    async def pursue(self, payment: Document) -> Document:
        payment = await self.write(payment, {"status": PAID, "stripeId": "", "done": False})
        charge_id = await self.charge(payment["attempt"])
        await self.payments.update_one({"_id": payment["_id"]}, {"$set": {"stripeId": charge_id}})
        return await self.finish({**payment, "stripeId": charge_id})


class ClaimsWhileItCharges(PlainPaymentsService):
    """Side by side, two round trips take the time of one; but a claim stops nobody whose charge is under way."""

    async def claim(self, before: Document | None, attempt: Document) -> Document:
        both = (super().claim(before, attempt), self.charge(attempt))
        claimed, charged = await asyncio.gather(*both, return_exceptions=True)
        if isinstance(claimed, BaseException):
            raise claimed
        if isinstance(charged, Indefinite):
            raise charged
        return claimed


class PublishesBeforeItSaves(NaivePaymentsService):
    """The event goes out while the payment is still to be saved: the two lines work in either order, on a good day."""

    async def save(self, payment: Payment) -> None:
        await super().announce(payment)
        await super().save(payment)

    async def announce(self, payment: Payment) -> None:
        """Done already."""


class ReadsATimeoutAsFailure(PlainPaymentsService):
    """An exception of the client library reads like 'it did not work'; a timeout says nothing of the kind."""

    async def charge(self, attempt: Document) -> str:
        try:
            return await super().charge(attempt)
        except OutcomeUnknown:
            raise PaymentRefused("the payment failed, please try again") from None


class ReadsATimeoutAsSuccess(PlainPaymentsService):
    """A slow charge 'has gone through', decides somebody who was shown a spinner; its id is to be found later."""

    async def charge(self, attempt: Document) -> str:
        try:
            return await super().charge(attempt)
        except OutcomeUnknown:
            return f"unknown-{attempt['id']}"


class AsksAnewWhenTimeIsUp(PlainPaymentsService):
    """'No answer in ten seconds, so once more', with a key of its own; the first request has arrived all the same."""

    async def charge(self, attempt: Document) -> str:
        try:
            return await asyncio.wait_for(super().charge(attempt), 10)
        except TimeoutError:
            return await super().charge({**attempt, "id": self.ids.new("att")})


class CancelsWhatIsOnItsWay(PlainPaymentsService):
    """A last look at the order beside the charge: a group cancels the charge when the look fails, Stripe does not."""

    async def charge(self, attempt: Document) -> str:
        try:
            async with asyncio.TaskGroup() as group:
                charging = group.create_task(super().charge(attempt))
                group.create_task(self.look_once_more(attempt["orderId"]))
        except* OrderIsCancelled:
            raise PaymentRefused("the order is cancelled") from None
        except* ShopError as others:
            raise others.exceptions[0] from None
        return charging.result()

    async def look_once_more(self, order_id: str) -> None:
        order = await self.orders.find_one({"_id": order_id})
        if order is not None and order["status"] == OrderStatus.CANCELLED:
            raise OrderIsCancelled(f"order {order_id} is cancelled")


class CatchesEverything(PlainPaymentsService):
    """One 'try' around charge and save, one 'except' that says 'failed', also when only the database was away."""

    async def pursue(self, payment: Document) -> Document:
        try:
            return await super().pursue(payment)
        except Exception:
            return await self.write(payment, failure(PaymentRefused("something went wrong")))


class StartsWithACleanTable(PlainPaymentsService):
    """At the start, what is still 'charging' is set to failed: 'it died with the process'. Stripe's half did not."""

    async def recover(self) -> int:
        for payment in await self.payments.find({"status": CHARGING}).to_list():
            await self.write(payment, failure(PaymentRefused("interrupted")))
        return await super().recover()


class MakesUpACharge(PlainPaymentsService):
    """In test mode no card is charged and an id is made up; the line that recognises test mode is wrong."""

    async def charge(self, attempt: Document) -> str:
        if attempt["token"].startswith("tok_"):
            return f"ch_test_{attempt['id']}"
        return await super().charge(attempt)


BUGS = (
    bug("claims-without-a-condition", ClaimsWithoutACondition, "charged-at-most-once", TWO_CLICKS, CALM),
    bug("trusts-the-copy", TrustsTheCopy, "charged-at-most-once", PAY_AGAIN, CALM),
    bug("lets-two-retry", LetsTwoRetry, "charged-at-most-once", ANOTHER_CARD_TWICE, CALM),
    bug("charges-before-it-saves", ChargesBeforeItSaves, "charge-has-payment", ONE_CLICK, CRASH),
    bug("saves-before-it-charges", SavesBeforeItCharges, "a-declined-buyer-may-retry", ANOTHER_CARD, CALM),
    bug("claims-while-it-charges", ClaimsWhileItCharges, "charged-at-most-once", TWO_CLICKS, CALM),
    bug("publishes-before-it-saves", PublishesBeforeItSaves, "charge-has-payment", ONE_CLICK, CRASH),
    bug("reads-a-timeout-as-failure", ReadsATimeoutAsFailure, "charged-at-most-once", PAY_AGAIN, LOST_REPLY),
    bug("reads-a-timeout-as-success", ReadsATimeoutAsSuccess, "charge-has-payment", ONE_CLICK, LOST_REPLY),
    bug("asks-anew-when-time-is-up", AsksAnewWhenTimeIsUp, "charged-at-most-once", ONE_CLICK, LOST_REPLY),
    bug("cancels-what-is-on-its-way", CancelsWhatIsOnItsWay, "charge-has-payment", PAY_OR_CANCEL, CALM),
    bug("catches-everything", CatchesEverything, "charged-at-most-once", PAY_AGAIN, LOST_REPLY),
    bug("starts-with-a-clean-table", StartsWithACleanTable, "charged-at-most-once", PAY_AGAIN, CRASH),
    bug("makes-up-a-charge", MakesUpACharge, "charge-has-payment", ONE_CLICK, CALM),
)
