"""Be the network: a plain list of deliveries that breaks a handler, with as few departures as can be."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar, cast

from payments_lab.bus.deliveries import SimulatedDelivery
from payments_lab.course.exercise import Exercise
from payments_lab.course.outcome import Outcome, Wrong, at_once
from payments_lab.lab import Lab

PART = "your list of deliveries"
ACCIDENTS = ("ack lost", "crash")

_DELIVERY = re.compile(r"(?P<subject>[a-z]+:[a-z]+)(?P<again> again)?(?:, (?P<accident>ack lost|crash))?")


@dataclass(frozen=True, kw_only=True, eq=False)
class BeTheNetwork(Exercise):
    """The student writes a list such as ``["order:cancelled", "order:created, ack lost", "order:created again"]``.

    Each names what is delivered next to ``queue``; what the list leaves out is delivered at the end, in the usual
    order. ``begin`` makes a shop with events on their way, ``broken`` says in a sentence what is wrong in the end, or
    "". The score is the number of departures from the uneventful order; ``par`` is the least that breaks it.
    """

    kind: ClassVar[str] = "be the network"

    begin: Callable[[], Awaitable[Lab]]
    broken: Callable[[Lab], Awaitable[str]]
    par: int
    queue: str = "payments-service"

    def outcomes(self, answer: Any) -> Iterator[Outcome]:
        yield self._outcome(answer)

    def _outcome(self, answer: Any) -> Outcome:
        try:
            lab, departures, broken = at_once(self.play(_words(answer)))
        except Wrong as wrong:
            return Outcome(PART, False, str(wrong), wrong.pictures)
        if not broken:
            said = f"nothing breaks: after {', '.join(map(repr, answer)) or 'an empty list'} all is well in the end"
            return Outcome(PART, False, said, [lab.timeline("What you did")])
        worth = "that is par" if departures <= self.par else f"par is {self.par}: can you do it with less?"
        line = f"{broken}. Yours {departures}, {worth}"
        return Outcome(PART, departures <= self.par, line, [lab.timeline("What you did")])

    async def play(self, words: Sequence[str]) -> tuple[Lab, int, str]:
        """The shop after a list, the number of departures in it, and what is broken. Wrong for a word that means
        nothing.
        """
        lab = await self.begin()
        departures = 0
        for word in words:
            departures += await self._deliver(lab, word)
        await lab.settle()
        return lab, departures, await self.broken(lab)

    def lists(self, longest: int) -> Iterator[list[str]]:
        """Every list of at most so many words; for working out par."""
        subjects = sorted({each.subject for each in self._waiting(at_once(self._begin()))})
        endings = ["", " again", *(f", {accident}" for accident in ACCIDENTS)]
        words = [subject + ending for subject, ending in product(subjects, endings)]
        for length in range(longest + 1):
            yield from map(list, product(words, repeat=length))

    async def _begin(self) -> Lab:
        return await self.begin()

    async def _deliver(self, lab: Lab, word: str) -> int:
        said = _DELIVERY.fullmatch(word)
        if said is None:
            raise Wrong(f"{word!r} is no delivery; write a subject, then perhaps ' again', ', ack lost' or ', crash'")
        item, departures = self._find(lab, said["subject"], again=said["again"] is not None)
        accident = said["accident"]
        await lab.bus.deliver(item, crash="after" if accident == "crash" else None, lose_ack=accident == "ack lost")
        return departures + (accident is not None)

    def _find(self, lab: Lab, subject: str, *, again: bool) -> tuple[SimulatedDelivery, int]:
        if again:
            return self._once_more(lab, subject), 1
        waiting = self._waiting(lab)
        for place, item in enumerate(waiting):
            if item.subject == subject:
                return item, int(place > 0)
        there = ", ".join(dict.fromkeys(item.subject for item in waiting)) or "nothing"
        raise Wrong(f"no {subject} is on its way to {self.queue} now; there is {there}", lab.timeline("Up to there"))

    def _once_more(self, lab: Lab, subject: str) -> SimulatedDelivery:
        for message in lab.bus.messages:
            if message.subject == subject:
                return lab.bus.duplicate(f"#{message.sequence} {self.queue}")
        raise Wrong(f"there has been no {subject} that could come again", lab.timeline("Up to there"))

    def _waiting(self, lab: Lab) -> list[SimulatedDelivery]:
        return [item for item in lab.bus.pending() if item.queue == self.queue]


def _words(answer: Any) -> list[str]:
    words = cast("list[Any]", answer if isinstance(answer, list) else [None])
    if not all(isinstance(word, str) for word in words):
        raise Wrong('write a plain list of texts, such as ["order:created", "order:created again"]')
    return words
