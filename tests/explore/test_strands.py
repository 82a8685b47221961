"""Several things at once in one handler: every order of them is played, and each of them as asyncio would play it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Generator
from contextvars import ContextVar
from typing import Any

import pytest

from payments_lab.explore.coroutines import Wish, resume, under_control
from payments_lab.explore.refusing import Refused
from payments_lab.explore.strands import Strands
from payments_lab.ports import Operation
from payments_lab.ports.checkpoint import checkpoint
from tests.explore.lives import Handler, ask, lives, orders, play, real_lives, twice


def test_each_order_of_two_tasks_is_one_story() -> None:
    async def handler() -> list[str]:
        return await asyncio.gather(twice("a", "b"), twice("c", "d"))

    found = orders(handler)

    assert {"".join(order) for order in found} == {"abcd", "acbd", "acdb", "cabd", "cadb", "cdab"}
    assert all(value == ["ab", "cd"] for value in found.values())


def test_a_handler_goes_on_beside_a_task_that_it_awaits_later() -> None:
    async def handler() -> str:
        task = asyncio.create_task(twice("a", "b"))
        return await ask("h") + await task

    assert {"".join(order): value for order, value in orders(handler).items()} == {
        "hab": "hab",
        "ahb": "hab",
        "abh": "hab",
    }


def test_a_task_that_is_done_at_once_leaves_nothing_to_choose() -> None:
    async def nothing() -> int:
        return 1

    async def handler() -> list[int]:
        return await asyncio.gather(nothing(), nothing())

    assert orders(handler) == {(): [1, 1]}


def test_gathering_nothing_is_done_at_once() -> None:
    async def handler() -> list[Any]:
        return await asyncio.gather()

    assert orders(handler) == {(): []}


def test_gathered_tasks_may_gather() -> None:
    async def pair() -> list[str]:
        return await asyncio.gather(ask("a"), ask("b"))

    async def handler() -> list[Any]:
        return await asyncio.gather(pair(), ask("c"))

    found = orders(handler)

    assert len(found) == 6
    assert all(value == [["a", "b"], "c"] for value in found.values())


def test_a_sleep_is_a_pause_during_which_others_go_on() -> None:
    async def sleeper() -> str:
        return await asyncio.sleep(5, "slept") + await ask("s")

    async def handler() -> list[str]:
        return await asyncio.gather(sleeper(), ask("a"), asyncio.sleep(0, "zero"))

    found = orders(handler)

    assert {tuple(word for word in order if word != "sleep") for order in found} == {("s", "a"), ("a", "s")}
    assert all(value == ["slepts", "a", "zero"] for value in found.values())


def test_an_error_of_a_task_reaches_who_awaits_it() -> None:
    async def fails() -> str:
        await ask("f")
        raise ValueError("no")

    async def handler() -> list[Any]:
        return await asyncio.gather(fails(), ask("a"), return_exceptions=True)

    for value in orders(handler).values():
        assert isinstance(value[0], ValueError)
        assert value[1] == "a"


def test_a_lock_of_its_own_lets_one_task_in_at_a_time() -> None:
    async def handler() -> list[str]:
        lock = asyncio.Lock()

        async def locked(first: str, second: str) -> str:
            async with lock:
                return await twice(first, second)

        return await asyncio.gather(locked("a", "b"), locked("c", "d"))

    assert {"".join(order) for order in orders(handler)} == {"abcd"}


def test_a_semaphore_lets_two_of_three_in() -> None:
    async def handler() -> list[str]:
        room = asyncio.Semaphore(2)

        async def inside(name: str) -> str:
            async with room:
                return await ask(name)

        return await asyncio.gather(*map(inside, "abc"))

    assert {"".join(order) for order in orders(handler)} == {"abc", "acb", "bac", "bca"}


def test_an_event_and_a_queue_are_waited_for() -> None:
    async def handler() -> list[Any]:
        ready, queue = asyncio.Event(), asyncio.Queue[str]()

        async def first() -> None:
            await ask("a")
            ready.set()
            await queue.put("parcel")

        async def second() -> str:
            await ready.wait()
            return await queue.get() + await ask("b")

        return await asyncio.gather(first(), second())

    assert orders(handler) == {("a", "b"): [None, "parcelb"]}


def test_who_waits_for_the_first_goes_on_after_the_first() -> None:
    async def handler() -> str:
        tasks = [asyncio.ensure_future(ask("a")), asyncio.ensure_future(ask("b"))]
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        first = done.pop().result()
        await asyncio.gather(*rest)
        return first

    assert orders(handler) == {("a", "b"): "a", ("b", "a"): "b"}


def test_each_task_has_variables_of_its_own() -> None:
    who: ContextVar[str] = ContextVar("who", default="nobody")

    async def named(name: str) -> str:
        who.set(name)
        await ask(name)
        return who.get()

    async def handler() -> list[str]:
        return [*await asyncio.gather(named("a"), named("b")), who.get()]

    assert all(value == ["a", "b", "nobody"] for value in orders(handler).values())


def test_it_stands_alone_only_while_no_task_is_under_way() -> None:
    """What stands alone may be taken for another that stands alike; what has tasks at work is like nothing else."""

    async def handler() -> str:
        before = await ask("b")
        return before + await asyncio.create_task(ask("t")) + await ask("e")

    with under_control():
        main = handler()
        strands = Strands(main)
        stood: list[tuple[str, bool]] = []
        outcome = resume(strands)
        while isinstance(outcome, Wish):
            stood.append((outcome.operation.verb, strands.alone is main))
            outcome = resume(strands, outcome.perform())

    assert stood == [("b", True), ("t", False), ("e", True)]


def test_a_choice_is_another_one_where_the_tasks_ask_for_something_else() -> None:
    """Else nobody would notice that tasks begin in another order when all is run once more."""

    async def find(what: str) -> str:
        return await checkpoint(Operation("engine", "find", what, writes=False), lambda: what)

    async def handler(names: str) -> list[str]:
        return await asyncio.gather(*map(find, names))

    choices: list[Any] = []
    with under_control():
        for names in ("ab", "ba"):
            strands = Strands(handler(names))
            wish = resume(strands)
            assert isinstance(wish, Wish)
            choices.append(wish.operation.arguments)
            strands.close()

    assert choices[0] != choices[1]


# as a real event loop plays it


async def two_pairs() -> Any:
    return await asyncio.gather(twice("a", "b"), twice("c", "d"))


async def beside_a_task() -> Any:
    task = asyncio.create_task(twice("a", "b"))
    return await ask("h") + await task


async def three_through_a_narrow_door() -> Any:
    door = asyncio.Semaphore(2)

    async def inside(first: str, second: str) -> str:
        async with door:
            return await twice(first, second)

    return await asyncio.gather(inside("a", "b"), inside("c", "d"), inside("e", "f"))


async def the_first_of_two() -> Any:
    tasks = [asyncio.ensure_future(twice(*names)) for names in ("ab", "cd")]
    _, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await ask("x")
    return await asyncio.gather(*rest)


async def whoever_is_done_first() -> Any:
    return [await each for each in asyncio.as_completed([twice("a", "b"), ask("c"), twice("d", "e")])]


async def two_that_meet() -> Any:
    door = asyncio.Barrier(2)

    async def one(name: str) -> str:
        await ask(name)
        await door.wait()
        return await ask(name.upper())

    return await asyncio.gather(one("a"), one("b"))


async def one_that_is_told() -> Any:
    told = asyncio.Condition()
    names: list[str] = []

    async def listens() -> str:
        async with told:
            await told.wait_for(lambda: names)
            return await ask(names.pop())

    async def tells() -> None:
        await ask("a")
        async with told:
            names.append("b")
            told.notify()

    return await asyncio.gather(listens(), tells(), ask("c"))


async def a_producer_and_two_consumers() -> Any:
    queue: asyncio.Queue[str] = asyncio.Queue(1)

    async def produce() -> None:
        for name in "abc":
            await queue.put(await ask(name))

    async def consume() -> str:
        return await ask((await queue.get()).upper())

    return await asyncio.gather(produce(), consume(), consume(), consume())


@pytest.mark.parametrize(
    "handler",
    [
        two_pairs,
        beside_a_task,
        three_through_a_narrow_door,
        the_first_of_two,
        whoever_is_done_first,
        two_that_meet,
        one_that_is_told,
        a_producer_and_two_consumers,
    ],
)
def test_the_orders_are_those_of_a_real_loop(handler: Handler) -> None:
    assert real_lives(handler) == lives(handler)


# what cannot be explored


def refusal(handler: Handler) -> str:
    with under_control(), pytest.raises(Refused) as refused:
        play(handler, [0] * 9)
    assert refused.value.kind == "asyncio"
    return refused.value.message


def test_a_task_that_is_left_behind_is_told_with_the_line_that_starts_it() -> None:
    async def handler() -> None:
        task = asyncio.create_task(ask("a"))
        del task

    assert "handler starts a task that is still under way when its handler is done" in refusal(handler)


def test_gather_leaves_the_others_behind_when_one_fails() -> None:
    async def fails() -> None:
        raise ValueError("no")

    async def handler() -> None:
        await asyncio.gather(fails(), twice("a", "b"))

    assert "return_exceptions=True" in refusal(handler)


def test_what_nobody_sets_is_waited_for_in_vain() -> None:
    async def handler() -> None:
        await asyncio.Event().wait()

    assert "waits for a future (a lock, an event or a queue) that nothing of its own sets" in refusal(handler)


def test_a_task_of_another_handler_is_not_cancelled() -> None:
    begun: list[asyncio.Task[Any]] = []

    async def begins() -> None:
        begun.append(asyncio.create_task(ask("a")))
        await ask("b")

    async def ends() -> None:
        begun[0].cancel()

    with under_control():
        other = Strands(begins())
        resume(other)
        assert "ends uses cancelling what another handler has begun" in refusal(ends)
        other.close()


def test_what_asyncio_was_handed_is_let_go_of() -> None:
    task = ask("a")

    async def handler() -> None:
        asyncio.run_coroutine_threadsafe(task, asyncio.get_running_loop())

    assert "handler uses" in refusal(handler)
    assert inspect.getcoroutinestate(task) == inspect.CORO_CLOSED


class Odd:
    """Waits for what no event loop knows."""

    def __await__(self) -> Generator[int, None, None]:
        yield 42


def test_what_no_loop_knows_is_waited_for_in_vain() -> None:
    async def handler() -> None:
        await Odd()

    with under_control(), pytest.raises(Refused, match="Odd.__await__ waits for 42, which") as refused:
        play(handler, [])
    assert refused.value.kind == "foreign-await"


async def in_a_thread() -> None:
    await asyncio.to_thread(int)


async def looks_at_the_time() -> None:
    asyncio.get_running_loop().time()


async def wants_to_be_called_later() -> None:
    asyncio.get_running_loop().call_later(1, print)


async def looks_at_the_tasks_of_others() -> None:
    asyncio.all_tasks()


async def looks_into_a_task() -> None:
    asyncio.current_task()._must_cancel = True  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "handler",
    [in_a_thread, looks_at_the_time, wants_to_be_called_later, looks_at_the_tasks_of_others, looks_into_a_task],
)
def test_what_needs_a_real_loop_is_refused(handler: Handler) -> None:
    assert f"{handler.__name__} uses" in refusal(handler)
