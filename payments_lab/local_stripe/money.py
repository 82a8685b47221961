"""Currencies, and the smallest and largest payments in each. Amounts are whole numbers of minor units.

Sources: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts,
https://docs.stripe.com/currencies#zero-decimal, https://docs.stripe.com/currencies#three-decimal
"""

from __future__ import annotations

from payments_lab.local_stripe.errors import invalid_request

ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf".split())  # noqa: SIM905
THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
_OTHERS = """
aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc cve czk
dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr isk jmd kes kgs khr kyd kzt lak lbp
lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd
rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah usd uyu uzs wst xcd yer zar zmw
"""
CURRENCIES = ZERO_DECIMAL | THREE_DECIMAL | frozenset(_OTHERS.split())
MINIMUM = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300,
    "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip
LARGEST = 99_999_999
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def check_amount(amount: int, currency: str, param: str = "amount") -> None:
    """A refusal for an amount below the currency's minimum or above eight digits."""
    if amount > LARGEST:
        raise invalid_request(
            f"Amount must be no more than {format_amount(LARGEST, currency)}", code="amount_too_large", param=param
        )
    least = MINIMUM.get(currency, 1)
    if amount < least:
        raise invalid_request(
            f"Amount must be at least {format_amount(least, currency)} {currency}", code="amount_too_small", param=param
        )
    if currency in THREE_DECIMAL and amount % 10:
        raise invalid_request(f"Invalid amount: the last digit of an amount in {currency} must be 0", param=param)


def check_currency(currency: str) -> str:
    """The currency in lower case; a refusal for one that Stripe does not know."""
    lower = currency.lower()
    if lower not in CURRENCIES:
        raise invalid_request(
            f"Invalid currency: {currency[:20]}. Stripe currently supports these currencies: "
            f"{', '.join(sorted(CURRENCIES))}",
            param="currency",
        )
    return lower


def format_amount(amount: int, currency: str) -> str:
    """``$20.00`` for 2000 usd, ``¥2000`` for 2000 jpy, as Stripe's messages have it."""
    symbol = SYMBOLS.get(currency, "")
    if currency in ZERO_DECIMAL:
        return f"{symbol}{amount:,}"
    decimals = 3 if currency in THREE_DECIMAL else 2
    whole, part = divmod(amount, 10**decimals)
    return f"{symbol}{whole:,}.{part:0{decimals}d}"
