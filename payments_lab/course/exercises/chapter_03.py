"""Listeners: cancelled in time and too early, and tests that notice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from payments_lab.course.code import WriteCode, explored
from payments_lab.course.exercise import Misconception
from payments_lab.course.outcome import Part, Wrong, expect
from payments_lab.course.slips import no_slip
from payments_lab.course.testing import RIGHT, Mutant, WriteTests
from payments_lab.diagrams import Story
from payments_lab.explore import Cancel, Faults, Pay, Scenario, verify
from payments_lab.explore.report import Report
from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.lab import Lab
from payments_lab.shop.errors import NotYet
from payments_lab.shop.events import OrderCancelled, TicketReference
from payments_lab.shop.payments import PaymentsService

PRELUDE = """
from payments_lab import NotYet, PaymentsService
"""


GAP = OrderCancelled(id="ord_1", version=2, ticket=TicketReference(id="tkt_1"))


async def _overtaken(service: type[Any]) -> Lab:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    lab.bus.hold("#1 payments-service")
    await lab.orders.cancel("ord_1")
    await lab.bus.deliver("#2 payments-service")
    lab.bus.release("#1 payments-service")
    await lab.settle()
    return lab


def _copy(lab: Lab) -> Mapping[str, Any]:
    copies = lab.books().replicas
    expect(len(copies), 1, "the number of copies", lab.timeline("What happened"))
    return copies[0]


async def _in_time(service: type[Any]) -> str:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    await lab.orders.cancel("ord_1")
    await lab.settle()
    story = lab.timeline("A cancellation in time")
    no_slip(lab.bus, story)
    if lab.bus.dead:
        raise Wrong("what came in time is asked for again and again, until the bus gives up", story)
    expect(_copy(lab)["status"], "cancelled", "the status of the copy", story)
    expect(_copy(lab)["version"], 1, "the version of the copy", story)
    return "the copy is cancelled, at version 1"


async def _too_early(service: type[Any]) -> str:
    lab = await _overtaken(service)
    story = lab.timeline("A cancellation that came too early")
    expect(_copy(lab)["status"], "cancelled", "the status of the copy, in the end,", story)
    expect(_copy(lab)["version"], 1, "the version of the copy, in the end,", story)
    expect(len(lab.bus.dead), 0, "the number of dead letters", story)
    expect(_copy(lab).get("price"), 2000, "the price of the copy, in the end,", story)
    return "it came again, and was applied"


async def _twice(service: type[Any]) -> str:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    await lab.orders.cancel("ord_1")
    await lab.bus.deliver("#2 payments-service", lose_ack=True)
    await lab.settle()
    story = lab.timeline("A cancellation that comes twice")
    if lab.bus.dead:
        raise Wrong(f"it is delivered {lab.bus.dead[0].attempts} times: what was applied is asked for again", story)
    expect(_copy(lab)["version"], 1, "the version of the copy", story)
    return "the second one changed nothing, and was acknowledged"


async def _gap(service: type[Any]) -> str:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    try:
        await lab.payments.on_order_cancelled(GAP)
    except Exception:
        expect(_copy(lab)["version"], 0, "the version of the copy, after version 2 came too early,")
        return "version 2 waits until there is version 1"
    raise Wrong(f"version 2 comes, the copy has version 0, and is {_copy(lab)['status']} v{_copy(lab)['version']} then")


CANCELLED = Scenario("cancelled", (Cancel(), Pay()), sentence="Ada orders, cancels, and somebody tries to pay.")


def _everything(service: type[Any]) -> Report:
    """Whoever pays does so in the plainest way, which leaves more time for the orders of events."""
    plain = type(service.__name__, (service, NaivePaymentsService), {})
    return verify(plain, scenario=CANCELLED, faults=Faults(duplicates=1), invariants=["replica-converges"])


_FINDS = """class Cancelling(PaymentsService):
    async def on_order_cancelled(self, event):
        {body}
"""


def _with(body: str) -> str:
    return _FINDS.format(body=body.strip("\n").replace("\n", "\n        "))


too_early = WriteCode(
    id="03.1-too-early",
    task="Write `on_order_cancelled`: in time, too early, twice, and after a gap.",
    name="Cancelling",
    prelude=PRELUDE,
    starter=_with('await self.orders.update_one({"_id": event.id}, {"$set": {"status": "cancelled"}})'),
    solution=_with(
        """
before = {"_id": event.id, "version": event.version - 1}
cancelled = {"status": "cancelled", "version": event.version}
if await self.orders.find_one_and_update(before, {"$set": cancelled}):
    return
copy = await self.orders.find_one({"_id": event.id})
if copy is None or copy["version"] < event.version:
    raise NotYet(event.id)
"""
    ),
    hints=(
        "Which version must the copy have, so that this event may change it?",
        "find_one_and_update with the version before in the filter tells you whether it fitted. If it did not, there are "
        "two reasons: too early, or already done. They need different answers.",
        "Too early: no copy, or its version is lower than the event's. Raise NotYet, and the bus brings it again. Already "
        "done: the copy's version is not lower. Return, and it is acknowledged.",
    ),
    misconceptions=(
        Misconception(
            "by id alone, with the version",
            _with(
                """
cancelled = {"status": "cancelled", "version": event.version}
await self.orders.update_one({"_id": event.id}, {"$set": cancelled})
"""
            ),
            "An update that finds nothing changes nothing and says nothing: the early cancellation is acknowledged, and gone.",
            fails="a cancellation that comes first",
        ),
        Misconception(
            "the event's own version",
            _with(
                """
before = {"_id": event.id, "version": event.version}
if await self.orders.find_one_and_update(before, {"$set": {"status": "cancelled"}}) is None:
    raise NotYet(event.id)
"""
            ),
            "The event carries the version that it makes. The copy is still at the one before: event.version - 1.",
            fails="a cancellation in time",
        ),
        Misconception(
            "the version left as it was",
            _with('await self.orders.update_one({"_id": event.id}, {"$set": {"status": "cancelled"}})'),
            "Write the version that the event carries, too: whatever builds on this change will look for it.",
            fails="a cancellation in time",
        ),
        Misconception(
            "one version too far",
            _with(
                """
before = {"_id": event.id, "version": event.version - 1}
cancelled = {"status": "cancelled", "version": event.version + 1}
if await self.orders.find_one_and_update(before, {"$set": cancelled}) is None:
    raise NotYet(event.id)
"""
            ),
            "The event carries the version that the change makes; it is to be copied, and not raised once more.",
            fails="a cancellation in time",
        ),
        Misconception(
            "too early and too late are the same",
            _with(
                """
before = {"_id": event.id, "version": event.version - 1}
cancelled = {"status": "cancelled", "version": event.version}
if await self.orders.find_one_and_update(before, {"$set": cancelled}) is None:
    raise NotYet(event.id)
"""
            ),
            "A second delivery finds version 1 where it wants 0, and waits for what is past. Look at what is there: is the "
            "copy at the event's version already?",
            fails="a cancellation that comes twice",
        ),
        Misconception(
            "made out of nothing",
            _with(
                """
cancelled = {"status": "cancelled", "version": event.version}
await self.orders.update_one({"_id": event.id}, {"$set": cancelled}, upsert=True)
"""
            ),
            "An upsert makes a copy out of a cancellation: without a price, without an owner. Wait for order:created.",
            fails="a cancellation that comes first",
        ),
        Misconception(
            "any version will do",
            _with(
                """
if await self.orders.find_one({"_id": event.id}) is None:
    raise NotYet(event.id)
cancelled = {"status": "cancelled", "version": event.version}
await self.orders.update_one({"_id": event.id}, {"$set": cancelled})
"""
            ),
            "It waits for a copy, and then writes onto whatever version that has. Version n goes onto version n - 1.",
            fails="a gap",
        ),
        Misconception(
            "the copy deleted",
            _with('await self.orders.delete_one({"_id": event.id})'),
            "Who pays a deleted order is told that there is none, and nobody can see why. Keep the copy, and mark it.",
            fails="a cancellation in time",
        ),
    ),
    parts=(
        Part("a cancellation in time", _in_time),
        Part("a cancellation that comes first", _too_early),
        Part("a cancellation that comes twice", _twice),
        Part("a gap", _gap),
        explored("every order of events", _everything),
    ),
)

# 03.2: tests of the cancellation

NEXT = OrderCancelled(id="ord_1", version=1, ticket=TicketReference(id="tkt_1"))


class _ByHand(PaymentsService):
    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        before = {"_id": event.id, "version": event.version - 1}
        cancelled = {"status": "cancelled", "version": event.version}
        if await self.orders.find_one_and_update(before, {"$set": cancelled}) is None:
            await self.missed(event)

    async def missed(self, event: OrderCancelled) -> None:
        copy = await self.orders.find_one({"_id": event.id})
        if copy is None or copy["version"] < event.version:
            raise NotYet(event.id)


class _Deaf(PaymentsService):
    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        return None


class _StatusAlone(PaymentsService):
    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        if await self.orders.find_one({"_id": event.id, "version": event.version - 1}) is None:
            await _ByHand.missed(self, event)  # pyright: ignore[reportArgumentType]
            return
        await self.orders.update_one({"_id": event.id}, {"$set": {"status": "cancelled"}})


class _SwallowsTheGap(_ByHand):
    async def missed(self, event: OrderCancelled) -> None:
        return None


class _LeapsTheGap(PaymentsService):
    async def on_order_cancelled(self, event: OrderCancelled) -> None:
        cancelled = {"status": "cancelled", "version": event.version}
        if await self.orders.find_one_and_update({"_id": event.id}, {"$set": cancelled}) is None:
            raise NotYet(event.id)


class _WaitsForThePast(_ByHand):
    async def missed(self, event: OrderCancelled) -> None:
        raise NotYet(event.id)


async def _one_order(service: type[Any]) -> Mapping[str, Any]:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.settle()
    return {"payments": lab.payments, "cancelled": NEXT, "too_early": GAP}


async def _drawn(service: type[Any]) -> Story:
    lab = Lab(payments=service)
    await lab.orders.create(user_id="ada", price=2000)
    await lab.orders.cancel("ord_1")
    await lab.bus.deliver("#2 payments-service")
    await lab.settle()
    return lab.timeline("Cancelled, too early at first")


def _tests(**methods: str) -> str:
    written = (
        f"    async def test_{name}(self, payments, cancelled, too_early):\n"
        + "".join(f"        {line}\n" for line in body.strip().splitlines())
        for name, body in methods.items()
    )
    return "class TestsOfCancelling:\n" + "\n".join(written)


_STATUS = """
await payments.on_order_cancelled(cancelled)
copy = await payments.orders.find_one({"_id": "ord_1"})
assert (copy["status"], copy["version"]) == ("cancelled", 1)
"""
_GAP = """
with pytest.raises(NotYet):
    await payments.on_order_cancelled(too_early)
copy = await payments.orders.find_one({"_id": "ord_1"})
assert copy["status"] == "created"
"""
_TWICE = """
await payments.on_order_cancelled(cancelled)
await payments.on_order_cancelled(cancelled)
"""

tests_of_cancelling = WriteTests(
    id="03.2-tests-of-cancelling",
    task="Test the status, the version, the gap, and the second time.",
    name="TestsOfCancelling",
    prelude="import pytest\nfrom payments_lab import NotYet\n",
    starter=_tests(
        the_status="""
await payments.on_order_cancelled(cancelled)
copy = await payments.orders.find_one({"_id": "ord_1"})
assert copy["status"] == "cancelled"
"""
    ),
    solution=_tests(the_status_and_the_version=_STATUS, a_gap=_GAP, twice=_TWICE),
    hints=(
        "The status is one of the things that the event changes. And what if it does not fit?",
        "too_early makes version 2, and the copy is at version 0. A right service raises NotYet and changes nothing.",
        "Three tests: after cancelled the copy is (cancelled, 1); too_early raises NotYet and leaves it created; "
        "cancelled heard twice raises nothing.",
    ),
    misconceptions=(
        Misconception(
            "the status alone",
            _tests(
                the_status=_STATUS.replace(
                    '(copy["status"], copy["version"]) == ("cancelled", 1)', 'copy["status"] == "cancelled"'
                ),
                a_gap=_GAP,
                twice=_TWICE,
            ),
            "Whoever comes next looks for the version. Assert it beside the status.",
            "catches: status without version",
        ),
        Misconception(
            "no gap",
            _tests(the_status=_STATUS, twice=_TWICE),
            "The gap is what is usually left out: deliver too_early to a copy at version 0.",
            "catches: swallows the gap",
        ),
        Misconception(
            "never twice",
            _tests(the_status=_STATUS, a_gap=_GAP),
            "A cancellation that was applied comes again one day, and must be taken quietly.",
            "catches: waits for the past",
        ),
        Misconception(
            "the gap is closed",
            _tests(
                the_status=_STATUS,
                a_gap="await payments.on_order_cancelled(too_early)",
                twice=_TWICE,
            ),
            "A right service refuses what comes too early: it raises NotYet, so that the bus brings it again. Expect "
            "that, with pytest.raises.",
            RIGHT,
        ),
        Misconception(
            "an unchanged copy is enough",
            _tests(
                the_status=_STATUS,
                a_gap="""
with suppress(NotYet):
    await payments.on_order_cancelled(too_early)
copy = await payments.orders.find_one({"_id": "ord_1"})
assert copy["status"] == "created"
""",
                twice=_TWICE,
            ).replace("class ", "from contextlib import suppress\n\n\nclass ", 1),
            "Unchanged, yes; but was it asked for again? One that returns quietly is acknowledged, and the cancellation is "
            "gone. pytest.raises(NotYet) sees the difference, suppress does not.",
            "catches: swallows the gap",
        ),
    ),
    right=(PaymentsService, _ByHand),
    mutants=(
        Mutant("hears nothing", _Deaf, "does nothing at all"),
        Mutant("status without version", _StatusAlone, "changes the status and leaves the version"),
        Mutant("swallows the gap", _SwallowsTheGap, "acknowledges what came too early, and loses it"),
        Mutant("leaps the gap", _LeapsTheGap, "applies version 2 onto version 0"),
        Mutant("waits for the past", _WaitsForThePast, "asks again and again for what it has applied already"),
    ),
    fixtures=_one_order,
    show=_drawn,
)

EXERCISES = (too_early, tests_of_cancelling)
