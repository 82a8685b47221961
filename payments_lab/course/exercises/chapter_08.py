"""A misbehaving bus: be the network."""

from __future__ import annotations

from typing import Any

from payments_lab.course.exercise import Misconception
from payments_lab.course.network import PART, BeTheNetwork
from payments_lab.lab import Lab
from payments_lab.shop.events import OrderCancelled, OrderCreated
from payments_lab.shop.payments import PaymentsService
from payments_lab.shop.replica import ReplicatedOrder


class ByIdAlone(PaymentsService):
    """Cancels whatever it finds, and takes finding nothing for done."""

    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        cancelled = {"status": "cancelled", "version": event.version}
        await self.orders.update_one({"_id": event.id}, {"$set": cancelled})


class StartsOver(PaymentsService):
    """Writes the copy anew at each ``order:created``."""

    async def on_order_created(self, event: OrderCreated) -> None:
        fields = ReplicatedOrder.from_event(event).to_document()
        await self.orders.update_one({"_id": event.id}, {"$set": fields}, upsert=True)


async def _ordered_and_cancelled(service: type[Any]) -> Lab:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.orders.cancel("ord_1")
    return lab


async def by_id_alone() -> Lab:
    """A shop whose listener looks for the id alone, with an order and its cancellation on their way."""
    return await _ordered_and_cancelled(ByIdAlone)


async def starts_over() -> Lab:
    """A shop whose listener writes the copy anew, with an order and its cancellation on their way."""
    return await _ordered_and_cancelled(StartsOver)


async def _still_payable(lab: Lab) -> str:
    copy = next(iter(lab.books().replicas), None)
    if copy is None:
        return "the order never arrives in payments"
    if copy["status"] != "cancelled":
        return f"the order is cancelled, and payments keeps it {copy['status']}: somebody can pay it"
    return ""


def _list(*words: str) -> str:
    return "story = [" + ", ".join(f'"{word}"' for word in words) + "]"


EXERCISES = (
    BeTheNetwork(
        id="08.1-overtake",
        task="Break `ByIdAlone` with a list of deliveries.",
        name="story",
        starter=_list("order:created", "order:cancelled"),
        solution=_list("order:cancelled", "order:created"),
        hints=(
            "Which event does this listener need to have seen before the other?",
            "Its update looks for an id. Let it look before there is one.",
            '["order:cancelled", …]: the update finds nothing and is acknowledged; then order:created makes a fresh copy, '
            "at version 0. One departure.",
        ),
        misconceptions=(
            Misconception(
                "the same thing twice",
                _list("order:created", "order:created again", "order:cancelled"),
                "The second order:created finds its id taken, and changes nothing. Repeating is not what hurts this listener.",
                PART,
            ),
            Misconception(
                "a lost ack",
                _list("order:created, ack lost", "order:cancelled"),
                "A lost ack brings order:created once more; the copy is there already. Think of the order, not of the number.",
                PART,
            ),
            Misconception(
                "a crash",
                _list("order:created", "order:cancelled, crash"),
                "It crashes after its effect: the cancellation was written, and is written once more. Think of the order.",
                PART,
            ),
            Misconception(
                "more than it takes",
                _list("order:cancelled", "order:created, ack lost", "order:created again"),
                "It breaks with the first word of your list. Leave the accidents out.",
                PART,
            ),
        ),
        begin=by_id_alone,
        broken=_still_payable,
        par=1,
    ),
    BeTheNetwork(
        id="08.2-once-too-often",
        task="Break `StartsOver`, which takes an overtaking cancellation well, with a list of deliveries.",
        name="story",
        starter=_list("order:cancelled", "order:created"),
        solution=_list("order:created", "order:cancelled", "order:created again"),
        hints=(
            "It waits for what comes too early. What does it do with what comes once more?",
            "Each order:created writes the copy anew, as it was at the beginning. When would that hurt?",
            "created, cancelled, then created again: the copy is back at version 0, and payable. One departure.",
        ),
        misconceptions=(
            Misconception(
                "overtaken",
                _list("order:cancelled", "order:created", "order:cancelled"),
                "What comes too early is refused, and comes again: this listener waits. Your list names a delivery that is not "
                "on its way; try what comes once more instead.",
                PART,
            ),
            Misconception(
                "again, too soon",
                _list("order:created", "order:created again", "order:cancelled"),
                "Anew, and nothing had changed yet. Repeat it when there is something to lose.",
                PART,
            ),
            Misconception(
                "the other one again",
                _list("order:created", "order:cancelled", "order:cancelled again"),
                "A second cancellation finds the copy cancelled. It is the other event that writes without looking.",
                PART,
            ),
            Misconception(
                "an accident on the way",
                _list("order:created", "order:cancelled, ack lost", "order:created again"),
                "The copy is broken by the last word alone. Leave the lost ack out.",
                PART,
            ),
        ),
        begin=starts_over,
        broken=_still_payable,
        par=1,
    ),
)
