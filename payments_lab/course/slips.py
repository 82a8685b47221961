"""Slips in a handler: the bus takes an error for a bad moment, and delivers again; whoever wrote it wants the error."""

from __future__ import annotations

from payments_lab.bus.records import Happening
from payments_lab.bus.simulator import SimulatedBus
from payments_lab.course.outcome import Picture, Wrong

SLIPS = ("AttributeError", "IndexError", "KeyError", "NameError", "TypeError", "UnboundLocalError", "ValidationError")


def no_slip(bus: SimulatedBus, *pictures: Picture) -> None:
    """Wrong where a handler has raised what nobody raises on purpose."""
    for record in bus.log:
        if record.happening is Happening.FAILED and record.detail.startswith(SLIPS):
            said = record.detail.partition("\n")[0]
            raise Wrong(f"the handler of {record.subject} raises {said}", *pictures)
