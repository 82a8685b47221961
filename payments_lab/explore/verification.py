"""Verifying a service: every order of events, every small set of faults, in the scenarios that matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from payments_lab.explore.coroutines import under_control
from payments_lab.explore.exploring import Explored, Finding, Plan, explore
from payments_lab.explore.faults import Faults
from payments_lab.explore.invariants import Invariant, find
from payments_lab.explore.places import innermost
from payments_lab.explore.report import Report
from payments_lab.explore.rerunning import find_nondeterminism
from payments_lab.explore.sampling import sample
from payments_lab.explore.scenario import USUAL, Scenario, find_scenario
from payments_lab.explore.search import Limits, Search
from payments_lab.explore.threads import Role
from payments_lab.explore.world import Services
from payments_lab.shop.expiration import ExpirationService
from payments_lab.shop.orders import OrdersService
from payments_lab.shop.payments import PaymentsService

_ASKED = {"crash": "crashes", "duplicate": "duplicates", "lost reply": "lost_replies"}
_STOPPED = {
    "states": "it has more than {limits.states:,} states; explore less, or raise max_states",
    "seconds": "it took longer than {limits.seconds:g} seconds; explore less, or raise seconds",
    "interrupted": "it was interrupted",
    "sampled": "only {explored.schedules:,} random schedules were played",
}


class NoService(TypeError):
    """What was to be explored is no class of such a service."""


def verify(
    payments: type[PaymentsService] = PaymentsService,
    *,
    faults: Faults | None = None,
    scenario: Scenario | str | Sequence[Scenario | str] | None = None,
    orders: type[OrdersService] | None = None,
    expiration: type[ExpirationService] | None = None,
    invariants: Iterable[str | Invariant] | None = None,
    stop_at_first: bool = True,
    reduce: bool = False,
    atomic: Sequence[str] = (),
    seed: int | None = None,
    schedules: int = 10_000,
    max_states: int = Limits().states,
    seconds: float = Limits().seconds,
    progress: Callable[[Search], None] | None = None,
) -> Report:
    """Run the real code of the services under every order of events and every set of ``faults``, and say what breaks.

    ``scenario`` is one of :data:`payments_lab.explore.SCENARIOS` by name, one of your own, or several; without it a few
    small ones that together hold every rule. ``invariants`` are names or rules of your own, all when left out; one that
    is named and was about nothing makes the verdict "unproven". The search ends with the first violation unless told
    not to ``stop_at_first``, and after ``max_states`` configurations or so many ``seconds`` of each scenario. With
    ``reduce`` it leaves out orders of steps that make no difference: fewer states, each of them slower. With a ``seed``
    it plays so many random ``schedules`` of each scenario instead of all: that proves nothing, and may find much.

    What the services in ``atomic`` ("orders", "expiration") do takes effect at once, from the start of a handler to its
    end. That is enough where they update if current, as the package's own do, and makes a space ten to sixty times
    smaller: others hear of them only by events, which may be late anyway. A violation is told await by await.

    Synchronous; a running event loop is not disturbed. Ctrl-C gives the report so far. ValueError for unknown names,
    NoService, a TypeError, for what is no class of such a service.
    """
    _check_classes(payments, orders, expiration)
    _check_atomic(atomic, reduce=reduce, seed=seed)
    faults = faults or Faults()
    named = invariants is not None
    plan = Plan(
        services=Services(payments, orders or OrdersService, expiration or ExpirationService),
        invariants=find(invariants),
        faults=faults,
        limits=Limits(max_states, seconds),
        stop_at_first=stop_at_first,
        reduce=reduce,
        atomic=tuple(atomic),
        progress=progress,
    )
    explored: list[Explored] = []
    for each in _scenarios(scenario):
        if seed is None:
            explored.append(explore(plan, each))
        else:
            explored.append(sample(plan, each, seed=seed, schedules=schedules))
        _play_again(explored[-1])
        if explored[-1].stopped == "interrupted" or (stop_at_first and explored[-1].findings):
            break
    return Report(payments.__name__, explored, faults, tuple(_doubts(plan, explored, named=named)), plan.atomic)


def _check_classes(*given: object) -> None:
    for wanted, each in zip((PaymentsService, OrdersService, ExpirationService), given, strict=True):
        if each is None or (isinstance(each, type) and issubclass(each, wanted)):
            continue
        if isinstance(each, wanted):
            raise NoService(
                f"verify makes its own {type(each).__name__}; give it the class: verify({type(each).__name__})"
            )
        raise NoService(f"verify takes a class that extends {wanted.__name__}, not {each!r}")


def _play_again(explored: Explored) -> None:
    """A story is worth nothing if the code does something else the next time; then that is a finding, too."""
    machine = explored.machine
    nodes = [
        node
        for finding in explored.findings
        for step in finding.steps
        for node in (step.move.node, step.move.next)
        if node is not None
    ]
    if machine is None or not nodes:
        return
    with under_control():
        message = find_nondeterminism(machine, among=nodes)
    if message:
        explored.findings.append(Finding("nondeterministic", message))


def _first_answer(explored: list[Explored]) -> list[str]:
    """What the first client was told who wanted to pay, where nobody ever has."""
    for each in explored:
        machine = each.machine
        for node in machine.tasks.nodes if machine is not None else ():
            assert machine is not None
            source, _ = machine.origin(node.script)
            error = node.finished.error if node.finished is not None else None
            if source.role is Role.REQUEST and source.service == "payments" and error is not None:
                return [f"{source.label} was told {type(error).__name__}: {error} ({innermost(error)})"]
    return []


def _check_atomic(atomic: Sequence[str], *, reduce: bool, seed: int | None) -> None:
    if unknown := set(atomic) - {"orders", "expiration"}:
        raise ValueError(f"atomic may name orders and expiration, not {', '.join(sorted(unknown))}")
    if atomic and (reduce or seed is not None):
        raise ValueError("atomic goes neither with reduce nor with a seed")


def _scenarios(wanted: Scenario | str | Sequence[Scenario | str] | None) -> list[Scenario]:
    if wanted is None:
        return list(USUAL)
    if isinstance(wanted, Scenario | str):
        return [find_scenario(wanted)]
    return [find_scenario(each) for each in wanted]


def _doubts(plan: Plan, explored: list[Explored], *, named: bool) -> list[str]:
    """Why a search that found nothing proves nothing."""
    doubts = [
        f"{each.scenario.name} was not explored to its end: "
        f"{_STOPPED[each.stopped].format(limits=plan.limits, explored=each)}"
        for each in explored
        if each.stopped in _STOPPED
    ]
    doubts += [
        f"{each.scenario.name} was not explored to its end"
        for each in explored
        if not (each.complete or each.findings or each.stopped in _STOPPED)
    ]
    if not any(each.exercised.get("payment") for each in explored):
        doubts += ["nobody ever paid", *_first_answer(explored)]
    if not plan.invariants:
        doubts.append("nothing was asked for: invariants is empty")
    for name, field in _ASKED.items():
        if getattr(plan.faults, field) and not any(each.exercised.get(name) for each in explored):
            doubts.append(f"a {name} was asked for, and none ever happened")
    if named:
        for invariant in plan.invariants:
            if not any(each.concerned.get(invariant.name) for each in explored):
                doubts.append(f"{invariant.name} was about nothing: there was nothing that it speaks of")
    return doubts
