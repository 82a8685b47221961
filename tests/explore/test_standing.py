"""Two coroutines stand alike if, and only if, everything that either will still look at is the same."""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest

from payments_lab.explore.standing import Standing


@types.coroutine
def pause() -> Generator[str]:
    yield "here"


def stand(*coroutines: Coroutine[Any, Any, Any]) -> bool:
    """Whether these stand alike at their first pause."""
    standing = Standing(())
    for each in coroutines:
        each.send(None)
    keys = {standing.key(each) for each in coroutines}
    for each in coroutines:
        each.close()
    return len(keys) == 1


def handles_an_error() -> None:
    try:
        raise LookupError
    except LookupError:
        pass


def does_nothing() -> None:
    pass


async def waits_after(work: Callable[[], None]) -> None:
    work()
    del work
    await pause()


async def waits_outside(work: Callable[[], None]) -> None:
    work()
    del work
    await waits_after(does_nothing)


async def adds(first: object, *, heeded: bool) -> object:
    held = first
    await pause()
    return held if heeded else None


async def forgets(first: object) -> None:
    str(first)
    await pause()


async def pairs(first: object) -> tuple[object, object]:
    return (first, await adds(1, heeded=True))


async def fails(error: Exception) -> None:
    try:
        raise error
    except Exception:
        await pause()
        raise


@pytest.mark.parametrize("waits", [waits_after, waits_outside])
def test_an_error_that_was_handled_on_the_way_is_forgotten(waits: Callable[..., Any]) -> None:
    assert stand(waits(does_nothing), waits(handles_an_error))


def test_an_error_that_is_being_handled_is_not() -> None:
    assert stand(fails(LookupError("a")), fails(LookupError("a")))
    assert not stand(fails(LookupError("a")), fails(LookupError("b")))


def test_a_variable_counts_as_long_as_it_may_be_read() -> None:
    assert stand(adds(1, heeded=True), adds(1, heeded=True))
    assert not stand(adds(1, heeded=True), adds(2, heeded=True))
    assert stand(forgets(1), forgets(2))


def test_a_value_in_hand_counts_and_none_is_one() -> None:
    assert not stand(pairs(1), pairs(2))
    assert not stand(pairs(None), pairs(1))
