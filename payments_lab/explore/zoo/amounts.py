"""Wrong amounts."""

from __future__ import annotations

from payments_lab.explore.zoo.bug import bug
from payments_lab.explore.zoo.plain import PlainPaymentsService
from payments_lab.explore.zoo.scenarios import CALM, priced
from payments_lab.shop.replica import ReplicatedOrder
from payments_lab.stores.documents import Document

CENTS = 100


class DollarsForCents(PlainPaymentsService):
    """The price looks too big on the page, so it is divided by a hundred, on its way to Stripe as well."""

    def amount(self, order: ReplicatedOrder) -> int:
        return order.price // CENTS


class CentsTwice(PlainPaymentsService):
    """'Stripe wants cents', says the tutorial, and multiplies; here the price was in cents already."""

    def amount(self, order: ReplicatedOrder) -> int:
        return order.price * CENTS


class CentsByFloat(PlainPaymentsService):
    """Through dollars and back: 19.99 * 100 is 1998.9999999999998, and the fraction is cut off."""

    def amount(self, order: ReplicatedOrder) -> int:
        dollars = order.price / CENTS
        return int(dollars * CENTS)


class YenHaveNoCents(PlainPaymentsService):
    """Every currency is taken to have hundredths; the yen has none, and its prices are whole yen."""

    def amount(self, order: ReplicatedOrder) -> int:
        return order.price if order.currency in ("usd", "eur") else order.price * CENTS


class AlwaysDollars(PlainPaymentsService):
    """The currency is a constant in the handler, from the days when there was only one."""

    def attempt(self, order: ReplicatedOrder, token: str, client_key: str | None) -> Document:
        return {**super().attempt(order, token, client_key), "currency": "usd"}


class PriceFromThePage(PlainPaymentsService):
    """The page sends the price that it shows, and the handler charges what it is told, by whomever."""

    def attempt(self, order: ReplicatedOrder, token: str, client_key: str | None) -> Document:
        card, _, price = token.partition("&price=")
        attempt = super().attempt(order, card, client_key)
        return {**attempt, "amount": int(price)} if price else attempt


BUGS = (
    bug("dollars-for-cents", DollarsForCents, "amount-is-the-price", priced(10_000), CALM),
    bug("cents-twice", CentsTwice, "amount-is-the-price", priced(2000), CALM),
    bug("cents-by-float", CentsByFloat, "amount-is-the-price", priced(1999), CALM),
    bug("yen-have-no-cents", YenHaveNoCents, "amount-is-the-price", priced(500, "jpy"), CALM),
    bug("always-dollars", AlwaysDollars, "amount-is-the-price", priced(2000, "eur"), CALM),
    bug("price-from-the-page", PriceFromThePage, "amount-is-the-price", priced(2000, token="tok_visa&price=50"), CALM),
)
