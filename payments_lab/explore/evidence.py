"""What an invariant looks at: the books of the whole shop in one configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from payments_lab.explore.machine import Machine
from payments_lab.explore.ports import Message
from payments_lab.explore.scenario import Pay, Scenario
from payments_lab.explore.threads import Fate, Role
from payments_lab.shop.audit import Books
from payments_lab.shop.events import PaymentCreated
from payments_lab.stores.documents import Document


@dataclass(frozen=True)
class Evidence:
    """All documents, charges and messages in one configuration, to be looked at and not to be changed.

    ``documents`` are those of each collection by its name (``"payments.payments"``), ``charges`` and ``refunds`` are
    Stripe's objects, ``messages`` what the bus has kept. ``answers`` says how each client's action ended ("answered",
    "refused: AlreadyPaid", "unknown"), by its position in the scenario. ``dead`` are dead letters with their reasons,
    ``pending`` what is still to be done although nothing happens any more. ``disturbed``: a crash or a lost reply has
    happened on the way.
    """

    scenario: Scenario
    documents: Mapping[str, Sequence[Document]]
    charges: Sequence[Mapping[str, Any]]
    refunds: Sequence[Mapping[str, Any]]
    messages: Sequence[Message]
    answers: Mapping[int, str]
    dead: Sequence[str]
    pending: Sequence[str]
    disturbed: bool = False

    @cached_property
    def books(self) -> Books:
        """The same as books, for the rules of :mod:`payments_lab.shop.audit`."""
        return Books(
            orders=self.documents["orders.orders"],
            replicas=self.documents["payments.orders"],
            payments=self.documents["payments.payments"],
            charges=self.charges,
            announced=frozenset(pair for message in self.messages if (pair := _announced(message)) is not None),
        )

    def order_of(self, charge: Mapping[str, Any]) -> str | None:
        """The order that a charge is for: as its metadata or a payment says, or the only one that there is."""
        named = self.books.order_of(charge)
        if named is None and len(self.scenario.orders) == 1:
            return self.scenario.orders[0].id
        return named

    def paid_charges(self, order_id: str) -> list[Mapping[str, Any]]:
        """The charges that took money for an order, given back or not."""
        return [charge for charge in self.charges if charge["paid"] and self.order_of(charge) == order_id]

    def pays(self, order_id: str) -> list[tuple[int, Pay]]:
        """The actions that pay an order, with their positions."""
        actions = enumerate(self.scenario.actions)
        return [(number, each) for number, each in actions if isinstance(each, Pay) and each.order == order_id]


class Gatherer:
    """Gathers evidence; what an engine holds in each of its states is looked up once."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._held: dict[tuple[int, int], Any] = {}

    def gather(self, state: int) -> Evidence:
        """The evidence of a configuration."""
        machine = self._machine
        answers, dead, pending = _threads(machine, state)
        held = [self._hold(number, place.of(state)) for number, place in enumerate(machine.states)]
        by_name = {engine.name: each for engine, each in zip(machine.engines, held, strict=True)}
        charges, refunds = by_name["stripe"]
        return Evidence(
            scenario=machine.world.scenario,
            documents={name: by_name[name] for name in machine.world.collections},
            charges=charges,
            refunds=refunds,
            messages=by_name["bus"],
            answers=answers,
            dead=dead,
            pending=pending,
            disturbed=_is_disturbed(machine, state),
        )

    def _hold(self, number: int, value: int) -> Any:
        held = self._held.get((number, value))
        if held is None:
            held = self._held[(number, value)] = self._take_out(number, value)
        return held

    def _take_out(self, number: int, value: int) -> Any:
        engine, world = self._machine.engines[number], self._machine.world
        if engine is self._machine.stream:
            return self._machine.stream.kept(value)
        engine.put(value)
        if engine.name == "stripe":
            return world.stripe.charges(), world.stripe.refunds()
        return world.collections[engine.name].documents() if engine.name in world.collections else ()


def _is_disturbed(machine: Machine, state: int) -> bool:
    now, first = machine.surroundings(state), machine.surroundings(machine.root)
    return (now.crashes, now.lost_replies) != (first.crashes, first.lost_replies)


def _announced(message: Message) -> tuple[str, str] | None:
    """The order and the charge that a message announces as paid; one that does not parse announces nothing."""
    if message.subject != PaymentCreated.subject:
        return None
    try:
        event = PaymentCreated.model_validate_json(message.data)
    except ValidationError:
        return None
    return (event.order_id, event.stripe_id)


def _threads(machine: Machine, state: int) -> tuple[dict[int, str], list[str], list[str]]:
    answers: dict[int, str] = {}
    dead: list[str] = []
    pending: list[str] = []
    for slot in machine.slots:
        for thread in slot.threads(state):
            if thread.fate is not Fate.TOLD:
                source = machine.source_of(thread)
                pending.append(source.label + machine.mistake_of(source))
                continue
            source, outcome = machine.sources[thread.run], machine.outcomes.values[thread.at]
            if source.role is Role.REQUEST:
                answers[source.what] = outcome
            else:
                dead.append(f"{source.label}: {outcome}")
    return answers, dead, pending
