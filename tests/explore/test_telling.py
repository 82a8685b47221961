"""What a story tells to somebody who sees it for the first time."""

from __future__ import annotations

from payments_lab import Faults, PaymentsService, verify
from payments_lab.explore import Pay, Scenario
from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.shop.events import OrderCreated

ONE_CLICK = Scenario("one-click", (Pay(key="click-1"),), known=True)
ONE_CRASH = Faults(crashes=1, retries=0)


class Stumbles(PaymentsService):
    async def on_order_created(self, event: OrderCreated) -> None:
        raise KeyError(event.id)


def test_a_client_whose_request_was_cut_short_gets_no_answer() -> None:
    report = verify(NaivePaymentsService, scenario=ONE_CLICK, faults=ONE_CRASH, invariants=["charge-has-payment"])

    trace = "\n".join(report.violations[0].trace)
    assert trace.index("crashes") < trace.index("gets no answer") < trace.index("nobody knows of the money")


def test_a_service_that_does_not_look_for_unfinished_work_is_not_said_to() -> None:
    naive = verify(NaivePaymentsService, scenario=ONE_CLICK, faults=ONE_CRASH, invariants=["charge-has-payment"])

    assert "starts anew" in naive.violations[0].diagram().text()
    assert "looks for" not in naive.violations[0].diagram().text()


def test_an_event_that_comes_again_because_of_a_mistake_in_the_code_is_told_with_its_line() -> None:
    violation = verify(Stumbles, scenario="two-clicks", invariants=["nothing-is-stuck"]).violations[0]

    assert violation.message.startswith("order:created to payments (KeyError: 'ord_1' at test_telling.py:")
    assert violation.message.endswith("in Stumbles.on_order_created): tried again and again, and never done")
