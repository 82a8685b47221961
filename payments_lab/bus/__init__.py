"""One bus protocol in the words of NATS JetStream, and the buses that speak it."""

from payments_lab.bus.faults import BusFaults
from payments_lab.bus.protocol import Bus, BusError, ConsumerConfig, DeadLetter, Delivery, Handler, PubAck, Subscription
from payments_lab.bus.simulator import SimulatedBus

__all__ = [
    "Bus",
    "BusError",
    "BusFaults",
    "ConsumerConfig",
    "DeadLetter",
    "Delivery",
    "Handler",
    "PubAck",
    "SimulatedBus",
    "Subscription",
]
