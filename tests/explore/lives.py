"""All the lives that a handler may have: as the explorer plays them, and as chance plays them on a real event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from payments_lab.explore.coroutines import Finished, Wish, resume, under_control
from payments_lab.explore.losing import lost_reply
from payments_lab.explore.strands import CHOICE, Strands
from payments_lab.ports import Operation, scheduled_by
from payments_lab.ports.checkpoint import checkpoint

Handler = Callable[[], Coroutine[Any, Any, Any]]
Life = tuple[tuple[str, ...], str]


async def ask(name: str) -> str:
    """One operation, whose answer is its name."""
    return await checkpoint(Operation("engine", name, None, writes=False), lambda: name)


async def change(name: str) -> str:
    """One that changes something."""
    return await checkpoint(Operation("engine", name, None, writes=True), lambda: name)


async def twice(first: str, second: str) -> str:
    return await ask(first) + await ask(second)


# as the explorer plays them


@dataclass
class Played:
    """What an engine has done, in order; how it ended, or else among how many the next is to be chosen."""

    done: list[str]
    end: Finished | None = None
    ways: int = 0


def play(handler: Handler, choices: list[int], losses: int = 0) -> Played:
    """Play until ``choices`` are used up. Of ``losses`` many operations the answer may be lost, or the request."""
    strands = Strands(handler())
    left, done = list(choices), list[str]()
    outcome: Wish | Finished = resume(strands)
    while isinstance(outcome, Wish):
        operation = outcome.operation
        ways = len(operation.arguments) if operation.resource == CHOICE else 1
        if operation.resource == "engine" and losses:
            ways = 3
        if ways > 1 and not left:
            strands.close()
            return Played(done, ways=ways)
        way = left.pop(0) if ways > 1 else 0
        if operation.resource == CHOICE:
            outcome = resume(strands, way)
            continue
        if operation.resource == "engine" and way < 2:
            done.append(operation.verb)
        losses -= operation.resource == "engine" and way > 0
        outcome = resume(strands, None, lost_reply("bus")) if way else resume(strands, outcome.perform())
    return Played(done, outcome)


def orders(handler: Handler, losses: int = 0) -> dict[tuple[str, ...], Any]:
    """Every order in which a handler may ask, and what it comes to in each."""
    return {tuple(played.done): _value(played) for played in all_played(handler, losses)}


def lives(handler: Handler, losses: int = 0) -> set[Life]:
    """Every order, and every end that it may come to."""
    return {(tuple(played.done), repr(_value(played))) for played in all_played(handler, losses)}


def all_played(handler: Handler, losses: int = 0) -> list[Played]:
    found: list[Played] = []
    waiting: list[list[int]] = [[]]
    with under_control():
        while waiting:
            choices = waiting.pop()
            played = play(handler, choices, losses)
            if played.end is not None:
                found.append(played)
            waiting += [[*choices, way] for way in range(played.ways)]
    return found


def _value(played: Played) -> Any:
    assert played.end is not None
    return played.end.error or played.end.value


# as a real event loop plays them


class Clockwork(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when nothing else is to be done, and then at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def time(self) -> float:
        return self.now

    @property
    def alarms(self) -> list[asyncio.TimerHandle]:
        """What is to happen later, the first of it first."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        return sorted((each for each in scheduled if not each.cancelled()), key=lambda each: each.when())

    def _run_once(self) -> None:
        if not self._ready and self.alarms:  # type: ignore[attr-defined]
            self.now = max(self.now, self.alarms[0].when())
        super()._run_once()  # type: ignore[misc]


@dataclass
class Asked:
    verb: str
    perform: Callable[[], Any]
    answer: asyncio.Future[Any]


class Chance:
    """One life on a real loop: chance decides who is answered next, how long that takes, and whose answer is lost."""

    def __init__(self, loop: Clockwork, random: Random, losses: int) -> None:
        self.done: list[str] = []
        self._loop = loop
        self._random = random
        self._losses = losses
        self._waiting: list[Asked] = []

    async def step(self, operation: Operation, perform: Callable[[], Any]) -> Any:
        asked = Asked(operation.verb, perform, self._loop.create_future())
        self._waiting.append(asked)
        try:
            return await asked.answer
        except asyncio.CancelledError:
            if asked in self._waiting and operation.writes and self._perhaps():
                self.done.append(asked.verb)
            raise
        finally:
            with suppress(ValueError):
                self._waiting.remove(asked)

    async def live(self, handler: Handler) -> Life:
        with scheduled_by(self):
            task = self._loop.create_task(handler())
            await self._settle()
            while not task.done():
                await self._go_on()
                await self._settle()
        error = task.exception()
        return tuple(self.done), repr(error if error is not None else task.result())

    def _perhaps(self) -> bool:
        return self._random.random() < 0.5

    async def _settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def _go_on(self) -> None:
        """Answer somebody, or let time pass: to the end of a sleep, or of a timeout when nobody is to be answered."""
        alarm = next(iter(self._loop.alarms), None)
        if alarm is not None and (not self._waiting or (_is_of_sleep(alarm) and self._perhaps())):
            await asyncio.sleep(alarm.when() - self._loop.now)
            return
        if alarm is not None and self._perhaps():
            await asyncio.sleep((alarm.when() - self._loop.now) * self._random.random())
        asked = self._random.choice(self._waiting)
        if not self._losses or self._perhaps():
            self.done.append(asked.verb)
            self._waiting.remove(asked)
            asked.answer.set_result(asked.perform())
            return
        await self._lose(asked, alarm)

    async def _lose(self, asked: Asked, alarm: asyncio.TimerHandle | None) -> None:
        self._losses -= 1
        self._waiting.remove(asked)
        if self._perhaps():
            self.done.append(asked.verb)
        if alarm is not None and not _is_of_sleep(alarm) and self._perhaps():
            await asyncio.sleep(alarm.when() - self._loop.now)
            await self._settle()
        if not asked.answer.done():
            asked.answer.set_exception(lost_reply("bus"))


def _is_of_sleep(alarm: asyncio.TimerHandle) -> bool:
    return "_set_result_unless_cancelled" in repr(alarm)


def real_lives(handler: Handler, losses: int = 0, times: int = 300) -> set[Life]:
    """The lives that a handler has on a real loop, when chance decides."""
    found: set[Life] = set()
    for seed in range(times):
        loop = Clockwork()
        try:
            found.add(loop.run_until_complete(Chance(loop, Random(seed), losses).live(handler)))
        finally:
            loop.close()
    return found
