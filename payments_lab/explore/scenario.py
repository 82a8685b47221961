"""What people want of the shop while it is explored."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pay:
    """``user`` pays the order with ``token``, once, at any time; ``key`` is the client's idempotency key.

    ``after`` names the position of an earlier action that must have got its answer first.
    """

    token: str = "tok_visa"
    user: str = "ada"
    key: str | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """The owner cancels the order, once, at any time."""


@dataclass(frozen=True, slots=True)
class Expire:
    """The time to pay passes, once, at any time."""


Action = Pay | Cancel | Expire


@dataclass(frozen=True, slots=True)
class Scenario:
    """One order of ``price`` minor units, and what may happen to it, in any order.

    With ``known`` the payments service has heard of the order before the story begins.
    """

    name: str
    actions: tuple[Action, ...]
    price: int = 2000
    currency: str = "usd"
    known: bool = True


PAYING = Scenario("paying", (Pay(key="click-1"), Pay(key="click-2")))
EVERYTHING = Scenario("everything", (Pay(key="click-1"), Pay(key="click-2"), Cancel(), Expire()), known=False)
DECLINED = Scenario("declined", (Pay(token="tok_chargeDeclined", key="click-1"), Pay(key="click-2", after=0), Expire()))
INTRUDER = Scenario("intruder", (Pay(user="eve", token="tok_mastercard", key="click-1"), Cancel()))
CANCELLING = Scenario("cancelling", (Pay(key="click-1"), Cancel()))
EXPIRING = Scenario("expiring", (Pay(key="click-1"), Expire()))
REPLICATING = Scenario("replicating", (Cancel(),), known=False)

SCENARIOS = {
    scenario.name: scenario for scenario in (PAYING, EVERYTHING, DECLINED, INTRUDER, CANCELLING, EXPIRING, REPLICATING)
}
