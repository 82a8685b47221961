"""One bus protocol in the words of NATS JetStream, and the buses that speak it."""

from payments_lab.bus.checks import MAX_PAYLOAD
from payments_lab.bus.faults import BusFaults
from payments_lab.bus.headers import caused_by
from payments_lab.bus.protocol import (
    Bus,
    BusError,
    ConsumerConfig,
    DeadLetter,
    Delivery,
    Handler,
    PubAck,
    PublishUnconfirmed,
    Subscription,
)
from payments_lab.bus.records import Happening, Message, Record
from payments_lab.bus.simulator import SimulatedBus

__all__ = [
    "MAX_PAYLOAD",
    "Bus",
    "BusError",
    "BusFaults",
    "ConsumerConfig",
    "DeadLetter",
    "Delivery",
    "Handler",
    "Happening",
    "Message",
    "PubAck",
    "PublishUnconfirmed",
    "Record",
    "SimulatedBus",
    "Subscription",
    "caused_by",
]
