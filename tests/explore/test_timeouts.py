"""Timeouts, groups and cancelling: each as asyncio itself has it, whenever they may strike."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from payments_lab import verify
from payments_lab.explore.coroutines import resume, under_control
from payments_lab.explore.losing import lost_reply
from payments_lab.explore.strands import Strands
from payments_lab.explore.zoo import BUGS, NaivePaymentsService
from payments_lab.explore.zoo.scenarios import ONE_CLICK
from payments_lab.shop.errors import PaymentRefused
from payments_lab.shop.replica import ReplicatedOrder
from tests.explore.lives import Handler, ask, change, lives, orders, real_lives, twice

NO_ANSWER = repr(lost_reply("bus"))


async def fails(name: str) -> None:
    await ask(name)
    raise ValueError(name)


# timeouts


async def in_time() -> str:
    return await asyncio.wait_for(change("a"), 1)


async def two_in_time() -> str:
    async with asyncio.timeout(1):
        return await twice("a", "b")


async def once_more() -> str:
    try:
        async with asyncio.timeout(1):
            return await change("a")
    except TimeoutError:
        return await ask("b")


async def two_at_once_in_time() -> Any:
    try:
        async with asyncio.timeout(2):
            return await asyncio.gather(change("a"), change("b"), return_exceptions=True)
    except TimeoutError:
        return "late"


async def one_timeout_in_another() -> str:
    try:
        async with asyncio.timeout(5):
            await ask("p")
            try:
                async with asyncio.timeout(3):
                    await change("a")
            except TimeoutError:
                await ask("inner")
            return await ask("q")
    except TimeoutError:
        return await ask("outer")


async def looks_whether_it_is_done() -> str:
    task = asyncio.create_task(change("a"))
    done, _ = await asyncio.wait({task}, timeout=1)
    if done:
        return task.result()
    task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        return "cancelled"


async def shields() -> str:
    task = asyncio.ensure_future(change("a"))
    try:
        return await asyncio.wait_for(asyncio.shield(task), 1)
    except TimeoutError:
        return "late " + await task


async def sleeps_in_time() -> Any:
    return await asyncio.gather(
        asyncio.sleep(2, "two"), ask("a"), asyncio.wait_for(asyncio.sleep(1, "one"), 3), return_exceptions=True
    )


async def sleeps_too_long() -> str:
    try:
        async with asyncio.timeout(1):
            await asyncio.sleep(2)
    except TimeoutError:
        return await ask("late")
    return "slept"


async def two_that_begin_at_once_in_time() -> Any:
    async def one(name: str) -> str:
        try:
            async with asyncio.timeout(2):
                return await change(name)
        except TimeoutError:
            return "late"

    return await asyncio.gather(one("a"), one("b"), return_exceptions=True)


async def a_group_in_time() -> str:
    try:
        async with asyncio.timeout(3), asyncio.TaskGroup() as group:
            tasks = [group.create_task(change("a")), group.create_task(twice("b", "c"))]
        return "".join(task.result() for task in tasks)
    except TimeoutError:
        return await ask("late")


async def asks_a_second_one_when_the_first_is_slow() -> Any:
    tasks = [asyncio.create_task(change("a"))]
    done, _ = await asyncio.wait(tasks, timeout=1)
    if not done:
        tasks.append(asyncio.create_task(change("b")))
    _, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for other in others:
        other.cancel()
    return [repr(each) for each in await asyncio.gather(*tasks, return_exceptions=True)]


async def waits_longer_each_time() -> str:
    for seconds in (1, 2):
        try:
            async with asyncio.timeout(seconds):
                return await change("a")
        except TimeoutError:
            await asyncio.sleep(seconds)
    return "never"


async def waits_for_a_lock_in_time() -> Any:
    lock = asyncio.Lock()

    async def holds() -> str:
        async with lock:
            return await twice("a", "b")

    async def wants() -> str:
        try:
            async with asyncio.timeout(1), lock:
                return await change("c")
        except TimeoutError:
            return "late"

    return await asyncio.gather(holds(), wants(), return_exceptions=True)


async def has_no_time_at_all() -> str:
    try:
        async with asyncio.timeout(0):
            return await change("a")
    except TimeoutError:
        return "late"


async def is_done_before_it_has_no_time_at_all() -> str:
    async with asyncio.timeout(0):  # noqa: ASYNC100 - what it comes to is the question
        return "done"


# groups, and cancelling


async def in_a_group() -> str:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(change(name)) for name in "ab"]
    return "".join(task.result() for task in tasks)


async def in_a_group_that_fails() -> str:
    async def changes() -> None:
        await change("a")
        await change("c")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(changes())
            group.create_task(fails("b"))
    except* ValueError:
        pass
    return await ask("x")


async def in_a_group_whose_body_fails() -> str:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(change("a"))
            await fails("b")
    except* ValueError:
        pass
    return "after"


async def the_faster_one() -> Any:
    tasks = [asyncio.create_task(twice("a", "b")), asyncio.create_task(change("c"))]
    _, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for other in others:
        other.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def is_cancelled_twice() -> Any:
    async def stubborn() -> None:
        try:
            await change("a")
        except asyncio.CancelledError:
            await change("b")

    task = asyncio.create_task(stubborn())
    for name in "xy":
        await asyncio.gather(ask(name), return_exceptions=True)
        task.cancel()
    return [repr(each) for each in await asyncio.gather(task, return_exceptions=True)]


async def is_shielded_when_it_is_cancelled() -> Any:
    async def waits() -> Any:
        return await asyncio.shield(inner)

    inner = asyncio.ensure_future(twice("a", "b"))
    outer = asyncio.create_task(waits())
    await asyncio.gather(ask("x"), return_exceptions=True)
    outer.cancel()
    return [repr(each) for each in await asyncio.gather(outer, inner, return_exceptions=True)]


async def tidies_up() -> None:
    async def changes() -> None:
        try:
            await change("a")
        finally:
            await ask("z")

    task = asyncio.create_task(changes())
    await asyncio.gather(ask("b"), return_exceptions=True)
    task.cancel()
    await asyncio.wait([task])


async def is_cancelled_before_it_begins() -> str:
    task = asyncio.create_task(change("a"))
    task.cancel()
    await asyncio.wait([task])
    return "cancelled" if task.cancelled() else "not"


async def cancels_itself() -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    try:
        await change("a")
    except asyncio.CancelledError:
        return f"cancelled {task.cancelling()} {task.uncancel()}"
    return "not"


async def is_cancelled_while_it_waits_for_a_lock() -> Any:
    lock = asyncio.Lock()

    async def inside(name: str) -> str:
        async with lock:
            return await twice(name, name.upper())

    first, second = asyncio.create_task(inside("a")), asyncio.create_task(inside("b"))
    await asyncio.gather(ask("x"), return_exceptions=True)
    second.cancel()
    return await asyncio.gather(first, second, return_exceptions=True)


ALL: list[Handler] = [
    in_time,
    two_in_time,
    once_more,
    two_at_once_in_time,
    one_timeout_in_another,
    looks_whether_it_is_done,
    shields,
    sleeps_in_time,
    sleeps_too_long,
    two_that_begin_at_once_in_time,
    a_group_in_time,
    asks_a_second_one_when_the_first_is_slow,
    waits_longer_each_time,
    waits_for_a_lock_in_time,
    has_no_time_at_all,
    is_done_before_it_has_no_time_at_all,
    in_a_group,
    in_a_group_that_fails,
    in_a_group_whose_body_fails,
    the_faster_one,
    is_cancelled_twice,
    is_shielded_when_it_is_cancelled,
    tidies_up,
    is_cancelled_before_it_begins,
    cancels_itself,
    is_cancelled_while_it_waits_for_a_lock,
]


@pytest.mark.parametrize("losses", [0, 1])
@pytest.mark.parametrize("handler", ALL)
def test_the_lives_are_those_on_a_real_loop(handler: Handler, losses: int) -> None:
    assert real_lives(handler, losses, 700) == lives(handler, losses)


def test_a_timeout_is_a_reply_that_does_not_come() -> None:
    """The engine has heard of it or has not, and the connection breaks or the time is up."""
    assert lives(in_time) == {(("a",), "'a'")}
    assert lives(in_time, losses=1) == {
        (("a",), "'a'"),
        *((done, end) for done in [(), ("a",)] for end in [NO_ANSWER, "TimeoutError()"]),
    }


def test_what_a_group_cancels_may_have_been_heard_all_the_same() -> None:
    assert set(orders(in_a_group_that_fails)) >= {("a", "b", "x"), ("a", "b", "c", "x")}


def test_a_story_says_that_the_time_is_up() -> None:
    bug = next(bug for bug in BUGS if bug.name == "asks-anew-when-time-is-up")
    (violation, *_) = verify(bug.service, scenario=bug.scenario, faults=bug.faults).violations

    assert "! the time is up" in violation.diagram().text()


class GivesUpAtOnce(NaivePaymentsService):
    """Cancels its charge before anybody can have answered."""

    async def charge(self, order: ReplicatedOrder, token: str) -> Any:
        asking = asyncio.Event()

        async def charge() -> Any:
            asking.set()
            return await NaivePaymentsService.charge(self, order, token)

        charging = asyncio.create_task(charge())
        await asking.wait()
        charging.cancel()
        await asyncio.wait([charging])
        raise PaymentRefused("too late")


def test_a_story_says_that_what_was_cancelled_had_been_asked() -> None:
    (violation, *_) = verify(GivesUpAtOnce, scenario=ONE_CLICK).violations

    assert "! is cancelled too late" in violation.diagram().text()


def test_who_sleeps_again_and_again_may_be_late_at_any_time() -> None:
    """How long it has slept in all is not counted: it may be in time more often than on a real loop, never less."""

    async def polls() -> int:
        times = 0
        try:
            async with asyncio.timeout(2.5):
                while times < 4:
                    await ask("p")
                    await asyncio.sleep(1)
                    times += 1
        except TimeoutError:
            return -times
        return times

    assert real_lives(polls) <= lives(polls)
    assert {end for _, end in lives(polls)} == {"0", "-1", "-2", "-3", "4"}


@pytest.mark.parametrize("seconds", [0.1, 10])
def test_how_long_a_library_sleeps_is_not_counted(seconds: float) -> None:
    """Between two tries it sleeps as long as chance will have it, which may be long or short."""
    library: dict[str, Any] = {"asyncio": asyncio}
    source = "async def nap(seconds):\n    await asyncio.sleep(seconds)"
    exec(compile(source, "lib/site-packages/tries.py", "exec"), library)

    async def handler() -> str:
        try:
            async with asyncio.timeout(1):
                await library["nap"](seconds)
        except TimeoutError:
            return "late"
        return "in time"

    assert lives(handler) == {((), "'late'"), ((), "'in time'")}


def test_tasks_in_a_set_are_cancelled_in_the_order_in_which_they_began() -> None:
    """Else a story that cancels two would not be the same in the next process."""

    async def handler() -> list[str]:
        told: list[str] = []

        async def one(name: str) -> None:
            try:
                await ask(name)
            except asyncio.CancelledError:
                told.append(name)
                raise

        try:
            async with asyncio.TaskGroup() as group:
                for name in "abcd":
                    group.create_task(one(name))
                await ask("x")
                raise ValueError
        except* ValueError:
            pass
        return told

    found = orders(handler)

    assert [*"abcd"] in found.values()
    assert all(told == sorted(told) for told in found.values())


def test_one_that_waits_in_time_stands_apart_from_one_that_has_all_the_time() -> None:
    async def waits(limit: float | None) -> str:
        async with asyncio.timeout(limit):
            return await ask("a")

    with under_control():
        stood: list[Any] = []
        for limit in (None, 1, 2):
            strands = Strands(waits(limit))
            resume(strands)
            assert strands.alone is not None
            stood.append(strands.stands)
            strands.close()

    assert len(set(stood)) == 3
