"""The small scenarios and faults in which the zoo's bugs show."""

from __future__ import annotations

from payments_lab.explore.faults import Faults
from payments_lab.explore.scenario import Cancel, Pay, Placed, Scenario

ONE_CLICK = Scenario("one-click", (Pay(key="click-1"),), known=True, sentence="Ada pays.")
TWO_CLICKS = Scenario(
    "two-clicks", (Pay(key="click-1"), Pay(key="click-2")), known=True, sentence="Ada clicks 'pay' twice."
)
PAY_AGAIN = Scenario(
    "pay-again",
    (Pay(key="click-1"), Pay(key="click-2", after=0)),
    known=True,
    sentence="Ada pays; once she has her answer, she pays again.",
)
ANOTHER_CARD = Scenario(
    "another-card",
    (Pay(token="tok_chargeDeclined", key="click-1"), Pay(key="click-2", after=0)),
    known=True,
    sentence="Ada's card is declined; she takes another one.",
)
DECLINED = Scenario(
    "declined", (Pay(token="tok_chargeDeclined", key="click-1"),), known=True, sentence="Ada's card is declined."
)
ANOTHER_CARD_TWICE = Scenario(
    "another-card-twice",
    (Pay(token="tok_chargeDeclined", key="click-1"), Pay(key="click-2", after=0), Pay(key="click-3", after=0)),
    known=True,
    sentence="Ada's card is declined; she takes another one and clicks twice.",
)
TWO_ORDERS = Scenario(
    "two-orders",
    (Pay(key="click-1"), Pay("ord_2", key="click-2")),
    orders=(Placed(), Placed("ord_2")),
    known=True,
    sentence="Ada has two orders at the same price and pays both.",
)
STRANGER = Scenario("stranger", (Pay(user="bob", key="click-1"),), known=True, sentence="Bob pays Ada's order.")
CANCEL = Scenario("cancel", (Cancel(),), sentence="Ada cancels before anybody has heard of her order.")
CANCEL_KNOWN = Scenario("cancel-known", (Cancel(),), known=True, sentence="Ada cancels.")
PAY_OR_CANCEL = Scenario(
    "pay-or-cancel", (Pay(key="click-1"), Cancel()), known=True, sentence="Ada pays and cancels, in any order."
)
PAY_THEN_CANCEL = Scenario(
    "pay-then-cancel", (Pay(key="click-1"), Cancel(after=0)), known=True, sentence="Ada pays, and cancels afterwards."
)
PAY_OR_EXPIRE = Scenario(
    "pay-or-expire", (Pay(key="click-1"),), known=True, expires=True, sentence="Ada pays while her time runs out."
)

CALM = Faults(retries=0, reorder=False)
REORDERED = Faults(retries=0)
DUPLICATED = Faults(retries=0, reorder=False, duplicates=1)
REORDERED_DUPLICATE = Faults(retries=0, duplicates=1)
CRASH = Faults(retries=0, reorder=False, crashes=1)
CRASH_AND_RETRY = Faults(retries=1, reorder=False, crashes=1)
CRASH_OF_ORDERS = Faults(retries=0, reorder=False, crashes=1, services=("orders",))
LOST_REPLY = Faults(retries=0, reorder=False, lost_replies=1)
LOST_REPLY_AND_RETRY = Faults(retries=1, reorder=False, lost_replies=1)


def priced(price: int, currency: str = "usd", token: str = "tok_visa") -> Scenario:
    """Ada pays an order of ``price`` minor units."""
    return Scenario(
        f"one-click-for-{price}-{currency}",
        (Pay(token=token, key="click-1"),),
        orders=(Placed(price=price, currency=currency),),
        known=True,
        sentence=f"Ada pays an order of {price} {currency}, in minor units.",
    )
