"""Wrong ways to use payment intents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from payments_lab.explore.zoo.bug import bug
from payments_lab.explore.zoo.plain import CHARGING, PAID
from payments_lab.explore.zoo.right_intents import IntentPaymentsService
from payments_lab.explore.zoo.scenarios import CALM, DECLINED, TWO_CLICKS
from payments_lab.shop.errors import AlreadyPaid
from payments_lab.shop.payments import Payment

if TYPE_CHECKING:
    from stripe import RequestOptions


class PaidWhenItIsMade(IntentPaymentsService):
    """The payment is saved and published when the intent is made; an intent is a wish, and no card was asked yet."""

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        order = await self.order_to_pay(order_id, user_id)
        if await self.payments.find_one({"orderId": order_id}) is not None:
            raise AlreadyPaid(f"order {order_id} is paid already")
        payment = await self.open(order)
        paid = await self.write(payment, {"status": PAID, "stripeId": payment["intent"], "done": False})
        await self.finish(paid)
        await self.confirm(payment, token)
        return self.answer(paid)


class AnIntentForEachClick(IntentPaymentsService):
    """The page makes an intent whenever it is shown; each can succeed, and Stripe does not know that they are one."""

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        order = await self.order_to_pay(order_id, user_id)
        self.check_open(order)
        payment = await self.open(order)
        if payment["status"] == CHARGING:
            payment = await self.confirm({**payment, "intent": await self.make_intent(order)}, token)
        return self.answer(payment)

    def once(self, key: str) -> RequestOptions:
        return super().once(f"{key}-{self.ids.new('click')}")


BUGS = (
    bug("paid-when-it-is-made", PaidWhenItIsMade, "charge-has-payment", DECLINED, CALM),
    bug("an-intent-for-each-click", AnIntentForEachClick, "charged-at-most-once", TWO_CLICKS, CALM),
)
