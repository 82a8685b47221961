"""Replicated orders: update-if-current, the first listener, and tests that can fail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

from pymongo.errors import DuplicateKeyError

from payments_lab.bus.simulator import SimulatedBus
from payments_lab.course.code import WriteCode
from payments_lab.course.exercise import Misconception
from payments_lab.course.outcome import Part, Wrong, expect
from payments_lab.course.slips import no_slip
from payments_lab.course.testing import RIGHT, Mutant, WriteTests
from payments_lab.ports import LabClock
from payments_lab.shop.events import OrderCreated, Ticket
from payments_lab.shop.status import OrderStatus
from payments_lab.stores.embedded import EmbeddedDatabase
from payments_lab.timeline import tell

CREATED = OrderCreated(
    id="ord_1",
    version=0,
    status=OrderStatus.CREATED,
    user_id="ada",
    expires_at=datetime(2026, 1, 1, 12, 15, tzinfo=UTC),
    ticket=Ticket(id="tkt_1", price=2000, currency="usd"),
)

Save = Callable[[Any, Any, str], Awaitable[None]]

# 02.1: update-if-current


async def _stored() -> Any:
    orders = EmbeddedDatabase("payments")["orders"]
    await orders.insert_one({"_id": "ord_1", "version": 0, "status": "created"})
    return orders


def _read() -> SimpleNamespace:
    return SimpleNamespace(id="ord_1", version=0, status="created")


async def _alone(save: Save) -> str:
    orders = await _stored()
    await save(orders, _read(), "cancelled")
    (document,) = orders.documents()
    expect(document["status"], "cancelled", "the status")
    expect(document["version"], 1, "the version")
    return "saved, at version 1"


async def _second(save: Save) -> str:
    orders = await _stored()
    await save(orders, _read(), "cancelled")
    try:
        await save(orders, _read(), "complete")
    except Exception as refused:
        if not _is_stale(refused):
            raise
        expect(orders.documents()[0]["status"], "cancelled", "the status after the refusal")
        return f"the second is refused: {type(refused).__name__}"
    raise Wrong(f"the second save is not refused, and the status is {orders.documents()[0]['status']}")


def _is_stale(error: Exception) -> bool:
    """Whichever of the notebook's two classes of that name it is."""
    return type(error).__name__ == "Stale" or type(error) is LookupError


async def _try(save: Save, orders: Any) -> None:
    try:
        await save(orders, _read(), "cancelled")
    except Exception as refused:
        if not _is_stale(refused):
            raise


async def _missing(save: Save) -> str:
    orders = EmbeddedDatabase("payments")["orders"]
    await _try(save, orders)
    expect(len(orders.documents()), 0, "the number of documents, after a save of one that is not there,")
    return "nothing is made up"


async def _between(save: Save) -> str:
    """Somebody else saves at each point where this one waits."""
    orders = await _stored()

    class Interrupted:
        def __getattr__(self, verb: str) -> Any:
            real = getattr(orders, verb)

            async def then(*arguments: Any, **options: Any) -> Any:
                if verb != "find_one":
                    return await real(*arguments, **options)
                found = await real(*arguments, **options)
                await orders.update_one({"_id": "ord_1"}, {"$set": {"status": "complete"}, "$inc": {"version": 1}})
                return found

            return then

    await _try(save, Interrupted())
    (document,) = orders.documents()
    if document["version"] > 1 or (document["status"] == "cancelled" and document["version"] != 1):
        raise Wrong("somebody else saves between your look and your save, and that change is lost")
    return "look and save are one step"


_SAVE = """class Stale(LookupError):
    pass


async def save_if_current(orders, order, status):
"""


def _saving(body: str) -> str:
    return _SAVE + "".join(f"    {line}\n" for line in body.strip().splitlines())


update_if_current = WriteCode(
    id="02.1-update-if-current",
    task="Write `save_if_current`: only onto the version that was read, and raising it; else `Stale`.",
    name="save_if_current",
    starter=_saving('await orders.update_one({"_id": order.id}, {"$set": {"status": status}})'),
    solution=_saving(
        """
current = {"_id": order.id, "version": order.version}
change = {"$set": {"status": status}, "$inc": {"version": 1}}
if await orders.find_one_and_update(current, change) is None:
    raise Stale(f"{order.id} is no longer at version {order.version}")
"""
    ),
    hints=(
        "What must be true in the database at the moment of the save?",
        "Put the version that was read into the filter, raise it in the same update, and look at what the call returns.",
        "find_one_and_update({_id, version: 0}, …) finds the order once: the first save makes it version 1. The second "
        "save looks for version 0 again, finds None, and raises Stale.",
    ),
    misconceptions=(
        Misconception(
            "no version in the filter",
            _saving(
                """
change = {"$set": {"status": status}, "$inc": {"version": 1}}
await orders.update_one({"_id": order.id}, change)
"""
            ),
            "Your save fits onto whatever is there now. The version in the filter must be order.version, on which the decision "
            "was made: counting alone, or reading it anew, protects nobody.",
            "a save after somebody else's",
        ),
        Misconception(
            "the version is not raised",
            _saving(
                """
current = {"_id": order.id, "version": order.version}
if await orders.find_one_and_update(current, {"$set": {"status": status}}) is None:
    raise Stale(order.id)
"""
            ),
            "The version must change with every save, in the same update; while it stays, the second save still fits.",
            "a save on its own",
        ),
        Misconception(
            "looks, then saves",
            _saving(
                """
found = await orders.find_one({"_id": order.id})
if found is None or found["version"] != order.version:
    raise Stale(order.id)
change = {"$set": {"status": status}, "$inc": {"version": 1}}
await orders.update_one({"_id": order.id}, change)
"""
            ),
            "Between your look and your save there is an await, and somebody else fits in. Let the database compare: "
            "the version belongs into the filter of the update.",
            "somebody else in between",
        ),
        Misconception(
            "says nothing",
            _saving(
                """
current = {"_id": order.id, "version": order.version}
change = {"$set": {"status": status}, "$inc": {"version": 1}}
await orders.update_one(current, change)
"""
            ),
            "The update does not fit, so nothing is lost, but the caller believes that it has saved. Look at the result, "
            "and raise Stale.",
            "a save after somebody else's",
        ),
        Misconception(
            "makes up what is not there",
            _saving(
                """
current = {"_id": order.id, "version": order.version}
change = {"$set": {"status": status}, "$inc": {"version": 1}}
try:
    await orders.update_one(current, change, upsert=True)
except Exception as taken:
    raise Stale(order.id) from taken
"""
            ),
            "An upsert makes an order out of a filter: without a price, without an owner. A save is no insert.",
            "an order that is not there",
        ),
    ),
    parts=(
        Part("a save on its own", _alone),
        Part("a save after somebody else's", _second),
        Part("somebody else in between", _between),
        Part("an order that is not there", _missing),
    ),
)

# 02.2: the listener


async def _delivered(service: Any, *, crash: bool) -> SimulatedBus:
    bus = SimulatedBus(LabClock())
    await bus.client("payments").subscribe("order:created", service.on_order_created, queue="payments-service")
    await bus.client("orders").publish("order:created", CREATED.to_bytes())
    if crash:
        await bus.deliver("#1 payments-service", crash="after ack")
    await bus.settle()
    return bus


async def _copied(service: type[Any]) -> str:
    payments = service()
    bus = SimulatedBus(LabClock())
    await bus.client("payments").subscribe("order:created", payments.on_order_created, queue="payments-service")
    await bus.client("orders").publish("order:created", CREATED.to_bytes())
    await bus.deliver_next()
    copies = payments.orders.documents()
    no_slip(bus, tell("One order", bus.log, bus.messages))
    expect(len(copies), 1, "the number of copies", tell("One order", bus.log, bus.messages))
    expect(copies[0]["price"], 2000, "the price of the copy")
    expect(copies[0]["userId"], "ada", "the owner of the copy")
    return "price and owner are copied"


async def _acknowledged(service: type[Any]) -> str:
    bus = await _delivered(service(), crash=False)
    times = sum(record.happening.name == "DELIVERED" for record in bus.log)
    if bus.dead or times > 1:
        raise Wrong(f"it is delivered {times} times, because nobody acknowledges it")
    return "one delivery is enough"


async def _saved_first(service: type[Any]) -> str:
    payments = service()
    bus = await _delivered(payments, crash=True)
    if not payments.orders.documents():
        raise Wrong("it crashes just after its acknowledgement, and the copy is lost", tell("", bus.log, bus.messages))
    return "nothing is acknowledged before it is saved"


async def _database_away(service: type[Any]) -> str:
    class Away(service):
        away = True

        async def save(self, event: OrderCreated) -> None:
            if self.away:
                self.away = False
                raise ConnectionError("the database does not answer")
            await super().save(event)  # pyright: ignore[reportUnknownMemberType]

    payments = Away()
    bus = await _delivered(payments, crash=False)
    if not payments.orders.documents():
        story = tell("A database that is away at first", bus.log, bus.messages)
        if bus.dead:
            raise Wrong("the database is away for a moment, and there is no copy after it is back, either", story)
        raise Wrong(
            "the database is away for a moment, the event is acknowledged all the same, and the copy is lost", story
        )
    return "what could not be saved comes again"


async def _again(service: type[Any]) -> str:
    payments = service()
    bus = await _delivered(payments, crash=False)
    bus.duplicate("#1 payments-service")
    await bus.settle()
    expect(len(payments.orders.documents()), 1, "the number of copies after a duplicate")
    spy = AsyncMock(data=CREATED.to_bytes())
    await payments.on_order_created(spy)
    expect(spy.ack.await_count, 1, "the number of acknowledgements of a duplicate")
    return "a duplicate is acknowledged, and changes nothing"


_LISTENER = """class Copying(Service):
    async def on_order_created(self, delivery):
        event = OrderCreated.model_validate_json(delivery.data)
"""

_PRELUDE = """
from contextlib import suppress
from pymongo.errors import DuplicateKeyError
from payments_lab.shop.events import OrderCreated
from payments_lab.stores.embedded import EmbeddedDatabase
from payments_lab.course.exercises.chapter_02 import plain


class Service:
    def __init__(self):
        self.orders = EmbeddedDatabase("payments")["orders"]

    async def save(self, event):
        await self.orders.insert_one(plain(event))
"""


def plain(event: OrderCreated) -> dict[str, Any]:
    """The document of the copy that an event makes."""
    ticket = {"price": event.ticket.price, "currency": event.ticket.currency}
    return {"_id": event.id, "version": event.version, "userId": event.user_id, "status": "created", **ticket}


def _listening(body: str) -> str:
    return _LISTENER + "".join(f"        {line}\n" for line in body.strip().splitlines())


copying = WriteCode(
    id="02.2-copy-an-order",
    task="Write the listener: `self.save(event)`, `delivery.ack()`, and a second delivery that does no harm.",
    name="Copying",
    prelude=_PRELUDE,
    starter=_listening("print(event.id)").replace("        print(event.id)\n", "        return event.id\n"),
    solution=_listening(
        """
with suppress(DuplicateKeyError):
    await self.save(event)
await delivery.ack()
"""
    ),
    hints=(
        "Which of the two, saving and acknowledging, may be lost without harm?",
        "Save first, acknowledge after. save raises DuplicateKeyError when the copy is there already: that is no failure.",
        "First delivery: insert, ack. Crash in between: the delivery comes again, the insert raises DuplicateKeyError, "
        "suppress it, ack. One copy, no dead letter.",
    ),
    misconceptions=(
        Misconception(
            "acknowledges first",
            _listening(
                """
await delivery.ack()
with suppress(DuplicateKeyError):
    await self.save(event)
"""
            ),
            "What is acknowledged does not come again. A crash between your two lines loses the order for good.",
            "a crash after the acknowledgement",
        ),
        Misconception(
            "forgets to acknowledge",
            _listening(
                """
with suppress(DuplicateKeyError):
    await self.save(event)
"""
            ),
            "The work is done, and the bus does not know: it delivers again and again.",
            "the acknowledgement",
        ),
        Misconception(
            "a duplicate is an error",
            _listening(
                """
await self.save(event)
await delivery.ack()
"""
            ),
            "The second delivery finds its id taken, raises, and is never acknowledged. The copy is there: acknowledge.",
            "a duplicate",
        ),
        Misconception(
            "a duplicate is passed over in silence",
            _listening(
                """
try:
    await self.save(event)
    await delivery.ack()
except DuplicateKeyError:
    pass
"""
            ),
            "The duplicate does no harm, and is not acknowledged either; so it comes again. The ack belongs after the try.",
            "a duplicate",
        ),
        Misconception(
            "every error is a duplicate",
            _listening(
                """
with suppress(Exception):
    await self.save(event)
await delivery.ack()
"""
            ),
            "Whatever goes wrong while it saves, you say that it is done. Only DuplicateKeyError says that the copy is there.",
            "a database that is away",
        ),
        Misconception(
            "acknowledges in any case",
            _listening(
                """
try:
    await self.save(event)
finally:
    await delivery.ack()
"""
            ),
            "`finally` acknowledges what could not be saved, too, and raises for a duplicate all the same. Catch "
            "DuplicateKeyError, and nothing else.",
            "a database that is away",
        ),
        Misconception(
            "cents twice",
            _listening(
                """
ticket = event.ticket.model_copy(update={"price": event.ticket.price * 100})
with suppress(DuplicateKeyError):
    await self.save(event.model_copy(update={"ticket": ticket}))
await delivery.ack()
"""
            ),
            "The price in the event is in cents already. Multiplied once more it is a hundred times too much.",
            "the copy",
        ),
    ),
    parts=(
        Part("the copy", _copied),
        Part("the acknowledgement", _acknowledged),
        Part("a crash after the acknowledgement", _saved_first),
        Part("a database that is away", _database_away),
        Part("a duplicate", _again),
    ),
)

# 02.3: tests of the listener


class _Right:
    def __init__(self) -> None:
        self.orders = EmbeddedDatabase("payments")["orders"]

    def document(self, event: OrderCreated) -> dict[str, Any]:
        return plain(event)

    async def save(self, event: OrderCreated) -> None:
        with suppress(DuplicateKeyError):
            await self.orders.insert_one(self.document(event))

    async def on_order_created(self, delivery: Any) -> None:
        await self.save(OrderCreated.model_validate_json(delivery.data))
        await delivery.ack()


class _Replacing(_Right):
    async def save(self, event: OrderCreated) -> None:
        await self.orders.update_one({"_id": event.id}, {"$setOnInsert": plain(event)}, upsert=True)


class _Forgetful(_Right):
    async def on_order_created(self, delivery: Any) -> None:
        await self.save(OrderCreated.model_validate_json(delivery.data))


class _AckFirst(_Right):
    async def on_order_created(self, delivery: Any) -> None:
        await delivery.ack()
        await self.save(OrderCreated.model_validate_json(delivery.data))


class _CentsTwice(_Right):
    def document(self, event: OrderCreated) -> dict[str, Any]:
        return {**plain(event), "price": event.ticket.price * 100}


class _NobodysOrder(_Right):
    def document(self, event: OrderCreated) -> dict[str, Any]:
        return {**plain(event), "userId": event.id}


class _DuplicatesRaise(_Right):
    async def save(self, event: OrderCreated) -> None:
        await self.orders.insert_one(self.document(event))


class _Idle(_Right):
    async def save(self, event: OrderCreated) -> None:
        return None


async def _desk(service: type[Any]) -> Mapping[str, Any]:
    return {"payments": service(), "delivery": AsyncMock(data=CREATED.to_bytes())}


async def _drawn(service: type[Any]) -> Any:
    payments = service()
    bus = SimulatedBus(LabClock())
    await bus.client("payments").subscribe("order:created", payments.on_order_created, queue="payments-service")
    await bus.client("orders").publish("order:created", CREATED.to_bytes())
    await bus.deliver("#1 payments-service", crash="after ack")
    bus.duplicate("#1 payments-service")
    while bus.pending():
        await bus.deliver_next()
    return tell("A crash, and a duplicate", bus.log, bus.messages)


_TESTS = "class TestsOfTheCopy:\n"


def _tests(**methods: str) -> str:
    written = (
        f"    async def test_{name}(self, payments, delivery):\n"
        + "".join(f"        {line}\n" for line in body.strip().splitlines())
        for name, body in methods.items()
    )
    return _TESTS + "\n".join(written)


_HEARD = "await payments.on_order_created(delivery)\n"
_COPY = _HEARD + '(copy,) = payments.orders.documents()\nassert (copy["price"], copy["userId"]) == (2000, "ada")'
_ACK = _HEARD + "delivery.ack.assert_awaited_once()"
_ORDER = """
delivery.ack.side_effect = RuntimeError
with pytest.raises(RuntimeError):
    await payments.on_order_created(delivery)
assert payments.orders.documents()
"""
_TWICE = _HEARD + _HEARD + "assert delivery.ack.await_count == 2"

tests_of_the_copy = WriteTests(
    id="02.3-tests-of-the-copy",
    task="Write tests that pass on two right services and fail on each of six wrong ones.",
    name="TestsOfTheCopy",
    prelude="import pytest\n",
    starter=_tests(an_order_is_copied=_HEARD + "assert payments.orders.documents()"),
    solution=_tests(the_copy=_COPY, the_ack=_ACK, save_before_ack=_ORDER, twice=_TWICE),
    hints=(
        "Four things can go wrong: the copy, the acknowledgement, their order, and the second time.",
        "delivery is a spy: delivery.ack.assert_awaited_once(), with its parentheses; delivery.ack.side_effect = "
        "RuntimeError lets it crash at the acknowledgement.",
        "price and userId of the one document; ack awaited once; with ack raising, the document is there all the same; "
        "heard twice, ack awaited twice.",
    ),
    misconceptions=(
        Misconception(
            "an assertion that is not called",
            _tests(
                the_copy=_COPY,
                the_ack=_HEARD + "delivery.ack.assert_awaited_once",
                save_before_ack=_ORDER.replace(
                    "with pytest.raises(RuntimeError):\n    await", "try:\n    await"
                ).replace("(delivery)\n", "(delivery)\nexcept RuntimeError:\n    pass\n", 1),
                twice=_HEARD + _HEARD + "assert len(payments.orders.documents()) == 1",
            ),
            "`delivery.ack.assert_awaited_once` without parentheses names the assertion, and asserts nothing.",
            "catches: forgets to acknowledge",
        ),
        Misconception(
            "never a second time",
            _tests(the_copy=_COPY, the_ack=_ACK, save_before_ack=_ORDER),
            "Every event comes twice one day. Let the service hear the same delivery twice.",
            "catches: a duplicate raises",
        ),
        Misconception(
            "both, in any order",
            _tests(the_copy=_COPY, the_ack=_ACK, twice=_TWICE),
            "Saved and acknowledged, yes; but which first? Let the spy's ack raise, and look whether the copy is there.",
            "catches: acknowledges first",
        ),
        Misconception(
            "only the price",
            _tests(
                the_copy=_HEARD + 'assert payments.orders.documents()[0]["price"] == 2000',
                the_ack=_ACK,
                save_before_ack=_ORDER,
                twice=_TWICE,
            ),
            "The price is copied; whose order is it? Without the owner, anybody may pay, or nobody.",
            "catches: nobody's order",
        ),
        Misconception(
            "one ack for two deliveries",
            _tests(
                the_copy=_COPY,
                the_ack=_ACK,
                save_before_ack=_ORDER,
                twice=_HEARD + _HEARD + "delivery.ack.assert_awaited_once()",
            ),
            "A right service acknowledges every delivery, the duplicate too; your test wants one acknowledgement for two.",
            RIGHT,
        ),
    ),
    right=(_Right, _Replacing),
    mutants=(
        Mutant("forgets to acknowledge", _Forgetful, "never acknowledges"),
        Mutant("acknowledges first", _AckFirst, "acknowledges before it saves"),
        Mutant("cents twice", _CentsTwice, "stores a hundred times the price"),
        Mutant("nobody's order", _NobodysOrder, "stores the order's id as its owner"),
        Mutant("a duplicate raises", _DuplicatesRaise, "fails when an event comes a second time"),
        Mutant("saves nothing", _Idle, "acknowledges and saves nothing"),
    ),
    fixtures=_desk,
    show=_drawn,
)

EXERCISES = (update_if_current, copying, tests_of_the_copy)
