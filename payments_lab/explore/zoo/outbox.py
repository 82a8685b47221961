"""Wrong ways to say what was done."""

from __future__ import annotations

from contextlib import suppress

from payments_lab.bus.protocol import PublishUnconfirmed
from payments_lab.explore.zoo.bug import bug
from payments_lab.explore.zoo.plain import CHARGING, PAID, PlainPaymentsService
from payments_lab.explore.zoo.scenarios import CALM, CRASH, LOST_REPLY, ONE_CLICK
from payments_lab.shop.errors import Indefinite
from payments_lab.shop.payments import PaymentsService
from payments_lab.stores.documents import Document


class AnnouncesAtOnce(PlainPaymentsService):
    """The event is sent before the charge, to win a few milliseconds: it can't name it, and a decline can't undo it."""

    async def pursue(self, payment: Document) -> Document:
        await self.announce({**payment, "stripeId": payment["attempt"]["id"]})
        return await super().pursue(payment)


class NeverSaysItAgain(PlainPaymentsService):
    """What is to be said is stored with the payment, and nobody has written the loop that says what was left over."""

    async def recover(self) -> int:
        unknown = 0
        for payment in await self.payments.find({"status": CHARGING}).to_list():
            try:
                await self.pursue(payment)
            except Indefinite:
                unknown += 1
        return unknown


class TicksItOffFirst(PlainPaymentsService):
    """Marked as sent and then sent, so that nothing is sent twice; what is lost is worse than what comes twice."""

    async def finish(self, payment: Document) -> Document:
        if payment["status"] != PAID:
            return payment
        await self.payments.update_one({"_id": payment["_id"]}, {"$set": {"done": True}})
        await self.announce(payment)
        return await self.look_again(payment)


class DeletesTheRowFirst(PaymentsService):
    """The outbox row is taken out of the table and then published, as from a queue in memory."""

    async def _finish(self, row: Document, payment: Document) -> Document:
        await self.outbox.delete_one({"_id": row["_id"]})
        return await super()._finish(row, payment)


class FiresAndForgets(PlainPaymentsService):
    """The publication is not waited for, or its error not looked at: 201 for the client, silence for everybody else."""

    async def announce(self, payment: Document) -> None:
        with suppress(PublishUnconfirmed):
            await super().announce(payment)


class NamesTheWrongCharge(PlainPaymentsService):
    """Two ids at hand, both of them strings: the payment's own is sent where Stripe's should be."""

    async def announce(self, payment: Document) -> None:
        await super().announce({**payment, "stripeId": payment["_id"]})


class RollsBackItsOwnHalf(PlainPaymentsService):
    """The event could not be sent, so the payment is rolled back; the charge, in Stripe's database, is not."""

    async def announce(self, payment: Document) -> None:
        try:
            await super().announce(payment)
        except PublishUnconfirmed:
            await self.payments.delete_one({"_id": payment["_id"]})
            raise


class WritesTheRowAfterwards(PlainPaymentsService):
    """An outbox whose row is written after the payment, not with it, has the gap that it was meant to close."""

    async def finish(self, payment: Document) -> Document:
        if payment["status"] != PAID:
            return payment
        await self.payments.update_one({"_id": payment["_id"]}, {"$set": {"done": True}})
        await self.outbox.update_one({"_id": payment["_id"]}, {"$setOnInsert": payment}, upsert=True)
        return await self.send(payment)

    async def send(self, payment: Document) -> Document:
        await self.announce(payment)
        payment = await self.look_again(payment)
        await self.outbox.delete_one({"_id": payment["_id"]})
        return payment

    async def recover(self) -> int:
        unknown = await super().recover()
        for row in await self.outbox.find({}).to_list():
            await self.send(row)
        return unknown


BUGS = (
    bug("announces-at-once", AnnouncesAtOnce, "payment-is-published", ONE_CLICK, CALM),
    bug("never-says-it-again", NeverSaysItAgain, "payment-is-published", ONE_CLICK, CRASH),
    bug("ticks-it-off-first", TicksItOffFirst, "payment-is-published", ONE_CLICK, CRASH),
    bug("deletes-the-row-first", DeletesTheRowFirst, "payment-is-published", ONE_CLICK, CRASH),
    bug("fires-and-forgets", FiresAndForgets, "payment-is-published", ONE_CLICK, LOST_REPLY),
    bug("names-the-wrong-charge", NamesTheWrongCharge, "payment-is-published", ONE_CLICK, CALM),
    bug("rolls-back-its-own-half", RollsBackItsOwnHalf, "charge-has-payment", ONE_CLICK, LOST_REPLY),
    bug("writes-the-row-afterwards", WritesTheRowAfterwards, "payment-is-published", ONE_CLICK, CRASH),
)
