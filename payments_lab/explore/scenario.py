"""What people want of the shop while it is explored."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that exists when the story begins; ``price`` in minor units of ``currency``."""

    id: str = "ord_1"
    user: str = "ada"
    price: int = 2000
    currency: str = "usd"


@dataclass(frozen=True, slots=True)
class Pay:
    """``user`` pays ``order`` with ``token``, once, at any time; ``key`` is the client's idempotency key.

    ``after`` is the position of an earlier action whose answer must have come first.
    """

    order: str = "ord_1"
    user: str = "ada"
    token: str = "tok_visa"
    key: str | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """The owner cancels ``order``, once, at any time."""

    order: str = "ord_1"
    after: int | None = None


Action = Pay | Cancel


@dataclass(frozen=True, slots=True)
class Scenario:
    """Orders that exist, and what may happen to them, in any order. With ``expires``, the time to pay may pass.

    With ``known`` every service has heard of the orders before the story begins. With ``remembered`` the answers that
    clients got are part of the state, for invariants that ask for them; so they are where one action waits for another.
    """

    name: str
    actions: tuple[Action, ...]
    orders: tuple[Placed, ...] = (Placed(),)
    expires: bool = False
    known: bool = False
    remembered: bool = False
    sentence: str = ""

    def __post_init__(self) -> None:
        ids = {order.id for order in self.orders}
        for number, action in enumerate(self.actions):
            if action.order not in ids:
                raise ValueError(f"action {number} of {self.name} is about {action.order}, which nobody placed")
            if action.after is not None and not 0 <= action.after < number:
                raise ValueError(
                    f"action {number} of {self.name} comes after action {action.after}, which is not before it"
                )

    @property
    def remembers(self) -> bool:
        """Whether the answers that clients got are part of the state."""
        return self.remembered or any(action.after is not None for action in self.actions)

    def service(self, number: int) -> str:
        """Who is asked."""
        return "payments" if isinstance(self.actions[number], Pay) else "orders"

    def label(self, number: int) -> str:
        """``ada-1``: who acts, and which of their actions it is."""
        action = self.actions[number]
        who = "cancel" if isinstance(action, Cancel) else action.user
        same = [each for each in self.actions[: number + 1] if isinstance(each, Pay) and each.user == who]
        return f"{who}-{len(same)}" if isinstance(action, Pay) else f"{who}-{action.order}"


TWO_CLICKS = Scenario("two-clicks", (Pay(key="click-1"), Pay(key="click-2")), sentence="Ada clicks 'pay' twice.")
PAY_AND_CANCEL = Scenario(
    "pay-and-cancel", (Pay(key="click-1"), Cancel()), sentence="Ada pays, and cancels before or after."
)
PAY_AND_EXPIRE = Scenario(
    "pay-and-expire", (Pay(key="click-1"),), expires=True, sentence="Ada pays while the time to pay runs out."
)
SECOND_CARD = Scenario(
    "second-card",
    (Pay(token="tok_chargeDeclined", key="card-1"), Pay(key="card-2", after=0)),
    known=True,
    sentence="Ada's first card is declined; she takes another one.",
)
STRANGER = Scenario(
    "stranger",
    (Pay(key="click-1"), Pay(user="mallory", token="tok_mastercard", key="mallory-1")),
    sentence="Ada pays; so would Mallory, whose order it is not.",
)
TWO_ORDERS = Scenario(
    "two-orders",
    (Pay(key="click-1"), Pay(order="ord_2", key="click-2")),
    orders=(Placed(), Placed("ord_2", price=3500)),
    sentence="Ada pays two orders at once.",
)
YEN = Scenario(
    "yen", (Pay(key="click-1"),), orders=(Placed(price=2000, currency="jpy"),), sentence="Ada pays 2000 yen."
)
CANCELLED_TWO_CLICKS = Scenario(
    "two-clicks-and-cancel",
    (Pay(key="click-1"), Pay(key="click-2"), Cancel()),
    sentence="Ada clicks 'pay' twice, and cancels.",
)
EVERYTHING = Scenario(
    "everything",
    (Pay(key="click-1"), Pay(key="click-2"), Cancel()),
    expires=True,
    sentence="Ada clicks 'pay' twice, cancels, and the time to pay runs out.",
)

SCENARIOS: dict[str, Scenario] = {
    each.name: each
    for each in (
        TWO_CLICKS,
        PAY_AND_CANCEL,
        PAY_AND_EXPIRE,
        SECOND_CARD,
        STRANGER,
        TWO_ORDERS,
        YEN,
        CANCELLED_TWO_CLICKS,
        EVERYTHING,
    )
}
USUAL: tuple[Scenario, ...] = (TWO_CLICKS, PAY_AND_CANCEL, PAY_AND_EXPIRE, SECOND_CARD, STRANGER)
"""What is explored unless a scenario is named: small stories that together hold every rule."""


def find_scenario(wanted: Scenario | str) -> Scenario:
    """The scenario of that name. ValueError for a name that there is not."""
    if isinstance(wanted, Scenario):
        return wanted
    if wanted not in SCENARIOS:
        raise ValueError(f"there is no scenario {wanted!r}; there are {', '.join(SCENARIOS)}")
    return SCENARIOS[wanted]
