"""What everything else may depend on: time, identity, and the checkpoint at every await."""

from payments_lab.ports.checkpoint import Divided, Operation, Resource, Scheduler, checkpoint, scheduled_by
from payments_lab.ports.clock import Clock, LabClock, SystemClock
from payments_lab.ports.ids import Ids, RandomIds, SequentialIds

__all__ = [
    "Clock",
    "Divided",
    "Ids",
    "LabClock",
    "Operation",
    "RandomIds",
    "Resource",
    "Scheduler",
    "SequentialIds",
    "SystemClock",
    "checkpoint",
    "scheduled_by",
]
