"""How many schedules a space stands for."""

from __future__ import annotations

from payments_lab.explore.coroutines import under_control
from payments_lab.explore.machine import Machine
from payments_lab.explore.schedule import Schedule


def count_schedules(machine: Machine) -> int:
    """How many different schedules lead from the root to an end without coming to a configuration twice.

    A step back to where the walk has been, such as a fruitless redelivery, is not gone; so the number is a lower bound.
    Every configuration is visited once more, so this takes longer than the search itself.
    """
    schedule = Schedule(machine)
    counts: dict[int, int] = {}
    walking: set[int] = set()
    stack: list[tuple[int, list[int]]] = []

    def enter(state: int) -> None:
        walking.add(state)
        stack.append((state, [machine.follow(state, move) for move in schedule.find(state)]))

    with under_control():
        enter(machine.root)
        while stack:
            state, targets = stack[-1]
            fresh = next((each for each in targets if each not in counts and each not in walking), None)
            if fresh is not None:
                enter(fresh)
                continue
            ahead = [counts[each] for each in targets if each in counts]
            counts[state] = sum(ahead) + schedule.may_end(state)
            walking.discard(state)
            stack.pop()
    return counts[machine.root]
