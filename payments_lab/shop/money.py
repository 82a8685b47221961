"""Money is an integer in minor units beside a currency; never a float."""

from __future__ import annotations

from payments_lab.shop.errors import InvalidRequest

# https://docs.stripe.com/currencies
_CODES = """
aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd
cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq
gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd
lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk
php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top
try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
"""
CURRENCIES = frozenset(_CODES.split())
LARGEST_AMOUNT = 99_999_999


def check_price(price: object) -> int:
    """The price in minor units, or InvalidRequest for a fraction, zero, a negative or an absurdly large one."""
    if isinstance(price, bool) or not isinstance(price, int):
        raise InvalidRequest(f"a price is a whole number of minor units (2000 is $20.00), not {price!r}", field="price")
    if not 0 < price <= LARGEST_AMOUNT:
        raise InvalidRequest(
            f"a price lies between 1 and {LARGEST_AMOUNT} minor units; {price} does not", field="price"
        )
    return price


def check_currency(currency: object) -> str:
    """The currency's three lower-case letters, or InvalidRequest for one that Stripe does not take."""
    if not isinstance(currency, str) or currency not in CURRENCIES:
        raise InvalidRequest(
            f"{currency!r} is no currency that Stripe takes; use three lower-case letters such as 'usd'",
            field="currency",
        )
    return currency
