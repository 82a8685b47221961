"""Your service under the explorer: a rule of your own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from payments_lab.course.code import WriteCode
from payments_lab.course.exercise import Misconception
from payments_lab.course.exercises.chapter_07 import PAID
from payments_lab.course.exercises.chapter_10 import ONE_CLICK
from payments_lab.course.exercises.chapter_11 import Refunds
from payments_lab.course.outcome import Part, Wrong
from payments_lab.explore import Evidence, Invariant, Scenario, Violation, verify
from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.shop.payments import Payment, PaymentsService

Check = Callable[[Any], Iterable[str]]


class GivesBackUnasked(NaivePaymentsService):
    """Refunds what it has just taken, of orders that nobody cancelled."""

    async def announce(self, payment: Payment) -> None:
        await super().announce(payment)
        await self.stripe.v1.refunds.create_async({"charge": payment.stripe_id})


@lru_cache(maxsize=8)
def _breaks(check: Check, service: type[PaymentsService], scenario: Scenario) -> Violation | None:
    def sentences(evidence: Evidence) -> list[str]:
        said: Any = check(evidence)
        if said is None or isinstance(said, str | bool | int):
            raise Wrong(f"the rule returns {said!r}; return a list of sentences, and an empty one where all is well")
        return list(said)

    report = verify(service, scenario=scenario, invariants=[Invariant("yours", sentences)])
    return report.violations[0] if report.violations else None


def _quiet_after_a_cancellation(check: Check) -> str:
    found = _breaks(check, Refunds, PAID)
    if found is not None:
        raise Wrong(f"it accuses a shop that is right: {found.message}", found.diagram())
    return "a refund of a cancelled order is allowed"


def _quiet_without_refunds(check: Check) -> str:
    found = _breaks(check, NaivePaymentsService, ONE_CLICK)
    if found is not None:
        raise Wrong(f"nothing was refunded, and it says: {found.message}", found.diagram())
    return "a shop without refunds is left alone"


def _fires(check: Check) -> str:
    found = _breaks(check, GivesBackUnasked, ONE_CLICK)
    if found is None:
        raise Wrong("a service gives back what nobody asked back, and the rule says nothing")
    return "a refund that nobody asked for is found"


def _names(check: Check) -> str:
    found = _breaks(check, GivesBackUnasked, ONE_CLICK)
    if found is None or "re_" not in found.message:
        raise Wrong("what it says does not name the refund, so nobody can look it up")
    return "it names the refund"


def _rule(body: str) -> str:
    return "def unasked(evidence):\n" + "".join(f"    {line}\n" for line in body.strip().splitlines())


_CANCELLED = (
    'cancelled = {order["_id"] for order in evidence.documents["orders.orders"] if order["status"] == "cancelled"}'
)
_OF = 'of = {charge["id"]: charge["metadata"]["orderId"] for charge in evidence.charges}'

own_rule = WriteCode(
    id="14.1-a-rule-of-your-own",
    task="Write the rule: a refund is right only when its order is cancelled.",
    name="unasked",
    starter=_rule("return [f\"{refund['id']} was given back\" for refund in evidence.refunds]"),
    solution=_rule(
        f"""
{_CANCELLED}
{_OF}
return [f"{{each['id']}} was given back unasked" for each in evidence.refunds if of[each["charge"]] not in cancelled]
"""
    ),
    hints=(
        "From a refund to its order: which two steps?",
        'refund["charge"] names the charge, whose metadata["orderId"] names the order; evidence.documents["orders.orders"] '
        "are the orders.",
        "Collect the ids of cancelled orders in a set; map each charge's id to its order's; yield a sentence for each refund "
        "whose order is not in the set.",
    ),
    misconceptions=(
        Misconception(
            "always content",
            _rule("return []"),
            "A rule that can't fail holds everywhere, and proves nothing.",
            "a refund that nobody asked for",
        ),
        Misconception(
            "the other way round",
            _rule(
                f"""
{_CANCELLED}
{_OF}
return [f"{{each['id']}} was given back" for each in evidence.refunds if of[each["charge"]] in cancelled]
"""
            ),
            "It accuses the refunds that are right and lets the others pass: `not in`.",
            "a cancelled order",
        ),
        Misconception(
            "the refund knows its order",
            _rule(
                f"""
{_CANCELLED}
return [f"{{each['id']}} was given back unasked" for each in evidence.refunds if each["orderId"] not in cancelled]
"""
            ),
            "A refund names its charge, and the charge names the order, in its metadata. There are two steps to go.",
            "a cancelled order",
        ),
        Misconception(
            "a sentence about nothing",
            _rule(
                f"""
{_CANCELLED}
{_OF}
return ["something is wrong" for each in evidence.refunds if of[each["charge"]] not in cancelled]
"""
            ),
            "True, but what is wrong, and where? Name the refund in the sentence.",
            "what it says",
        ),
        Misconception(
            "charges for refunds",
            _rule(
                """
return [f"{each['id']} was taken" for each in evidence.charges]
"""
            ),
            "A charge is money taken, a refund is money given back. The rule is about evidence.refunds.",
            "no refund at all",
        ),
    ),
    parts=(
        Part("no refund at all", _quiet_without_refunds),
        Part("a refund that nobody asked for", _fires),
        Part("what it says", _names),
        Part("a cancelled order", _quiet_after_a_cancellation),
    ),
)

EXERCISES = (own_rule,)
