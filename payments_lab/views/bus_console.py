"""The simulator under your hands: deliver, duplicate, hold back, lose the ack, crash, advance the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

from payments_lab.bus.deliveries import SimulatedDelivery
from payments_lab.bus.picture import picture, summary
from payments_lab.bus.records import Happening
from payments_lab.views.controls import (
    Deed,
    Told,
    button,
    choice,
    column,
    page,
    row,
    scrolling,
    side_by_side,
    whenever,
)
from payments_lab.views.view import View

if TYPE_CHECKING:
    from payments_lab.lab import Lab

DONE = 6
ACK_WAIT = 30
PATIENCE = 15 * 60


@dataclass(frozen=True, slots=True)
class Choice:
    """A delivery that can be chosen; ``place`` is one of pending, in flight, waiting, held, blocked, done."""

    handle: str
    place: str
    subject: str

    @property
    def label(self) -> str:
        return f"{self.place}: {self.subject} {self.handle.replace(' ', ' → ', 1)}"


class BusConsole(View):
    """Steer the bus of a :class:`payments_lab.Lab` by hand, and see what becomes of it.

    Every button shows the line of code that does the same. Without a kernel it is the table of what is under way.
    """

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.lab = lab

    def picture(self) -> dict[str, str]:
        table = picture(self.lab.bus.overview())
        return {"text/plain": table.text(), "text/html": table.html()}

    def choices(self) -> list[Choice]:
        """What can be chosen: everything that is not done, in the bus's order, and the last few that are."""
        bus = self.lab.bus
        alive = [
            *(("pending", each) for each in bus.pending()),
            *(("waiting", each) for each in bus.waiting()),
            *(("held", each) for each in bus.held()),
            *(("blocked", each) for each in bus.blocked()),
        ]
        done = [
            Choice(f"#{record.sequence} {record.party}", "done", record.subject)
            for record in bus.log
            if record.happening is Happening.ACKED
        ]
        living = [Choice(each.handle, place, each.subject) for place, each in alive]
        taken = {each.handle for each in living}
        return living + [each for each in dict.fromkeys(reversed(done)) if each.handle not in taken][:DONE]

    def build(self) -> Any:
        self.head, self.told = page(), Told("choose an event, then what becomes of it")
        self.events = choice("34em")
        self.events.layout.width = "36em"
        whenever(self.events, self._enable)
        self.buttons = self._buttons()
        self.documents, self.diagram = page(), page()
        self.refresh()
        names = list(self.buttons)
        chosen, time = names[: names.index("settle")], names[names.index("settle") :]
        return column(
            self.head,
            self.events,
            row(*(self.buttons[name] for name in chosen)),
            row(*(self.buttons[name] for name in time)),
            self.told.line,
            self.documents,
            self.diagram,
        )

    # what the buttons do

    def _buttons(self) -> dict[str, Any]:
        made = {
            name: button(label, tooltip, partial(self._act, deed), style=style)
            for name, (label, tooltip, deed, style) in self._steering().items()
        }
        for name, (label, tooltip, deed) in self._passing().items():
            made[name] = button(label, tooltip, partial(self._do, deed))
        return made

    def _steering(self) -> dict[str, tuple[str, str, Callable[[str], Deed], str]]:
        return {
            "deliver": ("Deliver", "to its consumer, now", self._deliver, "primary"),
            "duplicate": ("Duplicate", "put the same message on its way once more", self._verb("duplicate"), ""),
            "hold": ("Hold back", "until it is released", self._verb("hold"), ""),
            "release": ("Release", "give it its place back", self._verb("release"), ""),
            "redeliver": ("Let it come again", "let its ack wait be over now", self._verb("redeliver"), ""),
            "lose ack": ("Deliver, lose the ack", "its effect stays, the bus never hears of it", self._lose_ack, ""),
            "crash before": (
                "Crash before",
                "the service dies before its effect",
                self._crash("before"),
                "",
            ),
            "crash after": ("Crash after", "the service dies before it acknowledges", self._crash("after"), ""),
        }

    def _passing(self) -> dict[str, tuple[str, str, Deed]]:
        lab = self.lab
        return {
            "settle": ("Settle", "deliver until nothing is pending", Deed("await lab.settle()", lab.settle)),
            "ack wait": (
                f"+{ACK_WAIT} s",
                "an ack wait goes by",
                Deed(f"lab.clock.advance({ACK_WAIT})", lambda: lab.clock.advance(ACK_WAIT)),
            ),
            "expire": (
                f"+{PATIENCE // 60} min",
                "the time to pay runs out",
                Deed(f"lab.clock.advance({PATIENCE}); await lab.expiration.tick()", self._expire),
            ),
            "recover": (
                "Recover",
                "every service finishes what a crash left half done",
                Deed("await lab.recover()", lab.recover),
            ),
        }

    def _deliver(self, handle: str) -> Deed:
        return Deed(f'await lab.bus.deliver("{handle}")', lambda: self.lab.bus.deliver(handle))

    def _lose_ack(self, handle: str) -> Deed:
        code = f'await lab.bus.deliver("{handle}", lose_ack=True)'
        return Deed(code, lambda: self.lab.bus.deliver(handle, lose_ack=True))

    def _crash(self, moment: Any) -> Callable[[str], Deed]:
        def deed(handle: str) -> Deed:
            code = f'await lab.bus.deliver("{handle}", crash="{moment}")'
            return Deed(code, lambda: self.lab.bus.deliver(handle, crash=moment))

        return deed

    def _verb(self, name: str) -> Callable[[str], Deed]:
        verb: Callable[[str], SimulatedDelivery | None] = getattr(self.lab.bus, name)
        return lambda handle: Deed(f'lab.bus.{name}("{handle}")', lambda: verb(handle))

    async def _expire(self) -> None:
        self.lab.clock.advance(PATIENCE)
        await self.lab.expiration.tick()

    def _act(self, deed: Callable[[str], Deed]) -> None:
        if self.events.value is not None:
            self._do(deed(self.events.value))

    def _do(self, deed: Deed) -> None:
        self.told.perform(deed)
        self.happened()

    # what is shown

    def refresh(self) -> None:
        lab, choices = self.lab, self.choices()
        self.head.value = f"<b>{lab.clock.now():%H:%M:%S}</b> &nbsp; {escape(summary(lab.bus.overview()))}"
        self._places = {each.handle: each.place for each in choices}
        kept = self.events.value
        self.events.options = [(each.label, each.handle) for each in choices]
        if choices:
            self.events.value = kept if kept in self._places else choices[0].handle
        self._enable()
        tables = [table for name in lab.collections if (table := lab.documents(name)).rows]
        self.documents.value = side_by_side(*(table.html() for table in tables))
        self.diagram.value = scrolling(lab.timeline().svg()) if lab.bus.log else ""

    def _enable(self) -> None:
        place = self._places.get(self.events.value or "", "")
        for name, places in _WHERE.items():
            self.buttons[name].disabled = place not in places


_DELIVERABLE = ("pending", "held")
_WHERE = {
    "deliver": _DELIVERABLE,
    "lose ack": _DELIVERABLE,
    "crash before": _DELIVERABLE,
    "crash after": _DELIVERABLE,
    "duplicate": ("pending", "held", "waiting", "done"),
    "hold": ("pending",),
    "release": ("held",),
    "redeliver": ("waiting",),
}
"""In which places of an event a button can be pressed."""
