"""What the zoo keeps: wrong services with the invariant that each must break, and right ones that must break none."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

from payments_lab.explore.faults import Faults
from payments_lab.explore.scenario import Scenario
from payments_lab.shop.orders import OrdersService
from payments_lab.shop.payments import PaymentsService

Wrong = type[PaymentsService] | type[OrdersService]


@dataclass(frozen=True, slots=True)
class Bug:
    """A wrong shop, by its payments ``service`` or its ``orders``; ``sentence`` says where such bugs come from.

    ``scenario`` and ``faults`` are the smallest in which ``invariant`` breaks.
    """

    name: str
    service: type[PaymentsService]
    invariant: str
    sentence: str
    scenario: Scenario
    faults: Faults
    orders: type[OrdersService] | None = None


@dataclass(frozen=True, slots=True)
class Correct:
    """A right shop that is written differently from the package's; ``sentence`` is the idea."""

    name: str
    service: type[PaymentsService]
    sentence: str
    orders: type[OrdersService] | None = None


def bug(name: str, wrong: Wrong, invariant: str, scenario: Scenario, faults: Faults) -> Bug:
    """A wrong service of either kind in a shop whose other services are right; its docstring is the sentence."""
    service, orders = _shop(wrong)
    return Bug(name, service, invariant, sentence(wrong), scenario, faults, orders)


def correct(name: str, right: Wrong) -> Correct:
    """A right service of either kind in a shop of right services; its docstring is the sentence."""
    service, orders = _shop(right)
    return Correct(name, service, sentence(right), orders)


def sentence(service: Wrong) -> str:
    """A service's docstring on one line."""
    return " ".join((inspect.getdoc(service) or "").split())


def _shop(service: Wrong) -> tuple[type[PaymentsService], type[OrdersService] | None]:
    if issubclass(service, OrdersService):
        return PaymentsService, service
    return service, None
