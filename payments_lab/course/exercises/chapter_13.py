"""Real engines: what a killed process leaves behind, and how its copies share the work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from payments_lab.bus.protocol import ConsumerConfig
from payments_lab.bus.simulator import BusClient, SimulatedBus
from payments_lab.course.code import WriteCode
from payments_lab.course.exercise import Misconception
from payments_lab.course.outcome import Part, Picture, expect
from payments_lab.course.prediction import prediction
from payments_lab.ports import LabClock, SequentialIds
from payments_lab.timeline import tell

SUBJECT = "order:created"

Listen = Callable[[BusClient, str, str, Callable[[bytes], Awaitable[None]]], Awaitable[None]]


class Town:
    """Copies of services on one bus. ``heard`` has who handled which order, such as ``("payments-1", "ord_1")``."""

    def __init__(self, listen: Listen) -> None:
        self.bus = SimulatedBus(LabClock(), SequentialIds(), subjects=(SUBJECT,))
        self.heard: list[tuple[str, str]] = []
        self._listen = listen
        self._orders = self.bus.client("orders")

    async def start(self, service: str, copy: str, *, fails: int = 0) -> BusClient:
        """Start a copy; its first ``fails`` deliveries end with an exception."""
        failures = [ConnectionError("the database is not there")] * fails
        client = self.bus.client(copy)

        async def handle(data: bytes) -> None:
            if failures:
                raise failures.pop()
            self.heard.append((copy, data.decode()))

        await self._listen(client, service, copy, handle)
        return client

    async def place(self, *orders: str) -> None:
        """Publish orders, deliver them, and deliver once more what nobody has acknowledged in time."""
        for order in orders:
            await self._orders.publish(SUBJECT, order.encode())
        await self._deliver()
        self.bus.clock.advance(ConsumerConfig().ack_wait)
        await self._deliver()

    async def _deliver(self) -> None:
        while await self.bus.deliver_next():
            pass

    def orders_of(self, service: str) -> list[str]:
        """Which orders a service has handled, each as often as it has."""
        return sorted(order for copy, order in self.heard if copy.startswith(service))

    def story(self, title: str) -> Picture:
        return tell(title, self.bus.log, self.bus.messages)


async def _two_copies(listen: Listen) -> str:
    town = Town(listen)
    for copy in ("payments-1", "payments-2"):
        await town.start("payments", copy)
    await town.place("ord_1", "ord_2")
    found = town.orders_of("payments")
    expect(found, ["ord_1", "ord_2"], "what two copies handle together of two orders", town.story("Two copies"))
    return "two copies handle each order once"


async def _two_services(listen: Listen) -> str:
    town = Town(listen)
    for service in ("payments", "expiration"):
        await town.start(service, f"{service}-1")
    await town.place("ord_1", "ord_2")
    for service in ("payments", "expiration"):
        story = town.story("Two services")
        expect(town.orders_of(service), ["ord_1", "ord_2"], f"what {service} handles of two orders", story)
    return "each of two services handles every order"


async def _before_the_first(listen: Listen) -> str:
    town = Town(listen)
    await town.place("ord_1")
    await town.start("payments", "payments-1")
    await town.place("ord_2")
    found = town.orders_of("payments")
    what = "what payments handles when one order was placed before its first start, and one after"
    expect(found, ["ord_1", "ord_2"], what, town.story("Placed before the first start"))
    return "an order from before the first start is handled, too"


async def _in_its_place(listen: Listen) -> str:
    town = Town(listen)
    first = await town.start("payments", "payments-1")
    await town.place("ord_1")
    await first.drain()
    await town.place("ord_2")
    await town.start("payments", "payments-2")
    await town.place("ord_3")
    what = "what payments handles when copy 2 takes the place of copy 1, with one order placed in between"
    expect(town.orders_of("payments"), ["ord_1", "ord_2", "ord_3"], what, town.story("Another takes its place"))
    return "a copy goes on where another has stopped: nothing is missed, and nothing done again"


async def _a_bad_moment(listen: Listen) -> str:
    town = Town(listen)
    await town.start("payments", "payments-1", fails=1)
    await town.place("ord_1")
    what = "what is handled when the first try of one order fails"
    expect(town.orders_of("payments"), ["ord_1"], what, town.story("A bad moment"))
    return "an order whose first try failed is handled when it comes again"


def _listening(*, body: str, queue: str, config: str = "") -> str:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    return (
        "async def listen(bus, service, copy, handle):\n"
        f"    async def on_delivery(delivery):\n{lines}\n"
        f'    await bus.subscribe("order:created", on_delivery, queue={queue}{config})\n'
    )


_HANDLE_THEN_ACK = "await handle(delivery.data)\nawait delivery.ack()"
_ACK_THEN_HANDLE = "await delivery.ack()\nawait handle(delivery.data)"

queue_group = WriteCode(
    id="13.2-queue-group",
    task="Write `listen`, so that any number of copies share a service's work, and any of them may be killed.",
    name="listen",
    prelude="from payments_lab.bus.protocol import ConsumerConfig\n",
    starter=_listening(body=_ACK_THEN_HANDLE, queue="copy"),
    solution=_listening(body=_HANDLE_THEN_ACK, queue="service"),
    hints=(
        "Who has to share a place in the stream, and who must not? And until when may a copy still be killed?",
        "The queue group's name is what the copies of one service have in common. Acknowledge what is done.",
        "payments-1 and payments-2 both join the queue `payments`: the bus gives ord_1 to one of them. Its database is away, "
        "`handle` raises before `ack`, and the bus gives ord_1 to one of them again.",
    ),
    parts=(
        Part("two copies", _two_copies),
        Part("two services", _two_services),
        Part("placed before the first start", _before_the_first),
        Part("another takes its place", _in_its_place),
        Part("a bad moment", _a_bad_moment),
    ),
    misconceptions=(
        Misconception(
            "a group for each copy",
            _listening(body=_HANDLE_THEN_ACK, queue="copy"),
            "A group of one shares with nobody: every copy handles every order. What do the copies have in common?",
            fails="two copies",
        ),
        Misconception(
            "one group for all",
            _listening(body=_HANDLE_THEN_ACK, queue='"workers"'),
            "In one group with all others, payments hears what expiration does not, and the other way round. Each service "
            "must hear everything.",
            fails="two services",
        ),
        Misconception(
            "only what is new",
            _listening(body=_HANDLE_THEN_ACK, queue="service", config=', config=ConsumerConfig(deliver="new")'),
            "`new` means: from now on. What was placed before the service's first start is never handled.",
            fails="placed before the first start",
        ),
        Misconception(
            "acknowledges first",
            _listening(body=_ACK_THEN_HANDLE, queue="service"),
            "You say done before it is. When the handling fails, or the copy is killed in it, nobody gets this order again.",
            fails="a bad moment",
        ),
        Misconception(
            "never acknowledges",
            _listening(body="await handle(delivery.data)", queue="service"),
            "Nobody tells the bus that it is done, so it delivers the order again, and again.",
            fails="two copies",
        ),
    ),
)

killed_at_work = prediction(
    "13.1-killed-at-work",
    "The copy of payments was killed after Stripe had charged, and before it heard so. What does its payment say?",
    "charging",
    because="The attempt is written down before Stripe is asked; that it is done, nobody was left to write.",
    wrong={
        "paid": "The money is there, but the one who would have written `paid` was killed while it waited for the answer.",
        "failed": "Nobody said no. And who is killed does not tidy up: nobody was left to write `failed`.",
        "waiting": "`waiting` is for a buyer who is at the bank. Here nobody waits for Ada.",
        "unknown": "That is true, and no status: somebody would have had to write it after the kill. What was written before?",
        "nothing": "Then nobody could ever ask what became of it. Something is written before Stripe is asked.",
    },
    actual='payment["status"]',
    hints=(
        "What does the service write before it asks Stripe?",
        "Chapter 09: the attempt comes first.",
        "It wrote the payment with its attempt, as `charging`; it asked; Stripe charged; it was killed. So that is what stays.",
    ),
)

EXERCISES = (killed_at_work, queue_group)
