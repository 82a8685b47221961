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
    clients got are part of the state, for invariants that ask for them.
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
                raise ValueError(f"action {number} of {self.name} comes after action {action.after}, which is not before it")

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
EVERYTHING = Scenario(
    "everything",
    (Pay(key="click-1"), Pay(key="click-2"), Cancel()),
    expires=True,
    sentence="Ada clicks 'pay' twice, cancels, and the time to pay runs out.",
)
