"""Holding every configuration that a search meets against the invariants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from payments_lab.explore.evidence import Gatherer
from payments_lab.explore.invariants import Invariant
from payments_lab.explore.machine import Machine


@dataclass(frozen=True, slots=True)
class Breach:
    """A configuration in which an invariant does not hold, and in which way."""

    invariant: Invariant
    state: int
    message: str


class Judge:
    """Watches a search; the first breach of each invariant is kept, and ends the search if it is to."""

    def __init__(self, machine: Machine, invariants: Sequence[Invariant], *, stop_at_first: bool = True) -> None:
        self.breaches: dict[str, Breach] = {}
        self.concerned = dict.fromkeys((each.name for each in invariants), 0)
        self.paid = 0
        self._gatherer = Gatherer(machine)
        self._complaints: dict[tuple[str, int], str] = {}
        self._always = [each for each in invariants if not each.at_rest]
        self._at_rest = [each for each in invariants if each.at_rest]
        self._stop = stop_at_first
        self._all = len(invariants)

    def met(self, state: int) -> bool:
        return self._judge(state, self._always)

    def ended(self, state: int) -> bool:
        self.paid += any(charge["paid"] for charge in self._gatherer.gather(state).charges)
        return self._judge(state, self._at_rest)

    def went_round(self, state: int) -> bool:
        """From ``state`` nothing ever comes to rest."""
        return self._judge(state, [each for each in self._at_rest if each.endless])

    def complaint(self, invariant: Invariant, state: int) -> str:
        """In which way ``invariant`` does not hold in a configuration; empty where it holds."""
        key = (invariant.name, state)
        known = self._complaints.get(key)
        if known is None:
            known = self._complaints[key] = next(iter(invariant.check(self._gatherer.gather(state))), "")
        return known

    def _judge(self, state: int, invariants: Sequence[Invariant]) -> bool:
        if not invariants:
            return False
        evidence = self._gatherer.gather(state)
        for invariant in invariants:
            if invariant.name in self.breaches:
                continue
            self.concerned[invariant.name] += invariant.concerns(evidence)
            message = next(iter(invariant.check(evidence)), "")
            if message:
                self.breaches[invariant.name] = Breach(invariant, state, message)
        return bool(self.breaches) and (self._stop or len(self.breaches) == self._all)
