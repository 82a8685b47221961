"""What other people's test suites get."""

from __future__ import annotations

import pytest

from payments_lab.explore.zoo import NaivePaymentsService
from payments_lab.shop.payments import PaymentsService
from payments_lab.testing import Faults, assert_holds, assert_mended, verify

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["payments_lab.pytest_plugin"]'


def test_a_right_service_is_asserted_in_a_line() -> None:
    report = assert_holds(PaymentsService, scenario="two-clicks", faults=Faults(crashes=1))

    assert report.complete


def test_a_failing_assertion_shows_the_diagram_and_the_token() -> None:
    with pytest.raises(AssertionError, match="charged 2 times") as failure:
        assert_holds(NaivePaymentsService, scenario="two-clicks")

    assert "Replay it: story1-" in str(failure.value)


def test_a_green_that_proves_nothing_fails() -> None:
    with pytest.raises(AssertionError, match="unproven"):
        assert_holds(PaymentsService, scenario="everything", max_states=1000)


def test_a_finding_becomes_a_regression_test() -> None:
    token = verify(NaivePaymentsService, scenario="two-clicks").violations[0].token

    assert assert_mended(token, PaymentsService).ok
    with pytest.raises(AssertionError, match="charged 2 times"):
        assert_mended(token, NaivePaymentsService)


def test_the_plugin_gives_a_team_its_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        """
        import asyncio
        from payments_lab import PaymentsService
        from payments_lab.explore.zoo import NaivePaymentsService

        def test_ours_holds(verify_payments):
            assert verify_payments(PaymentsService, scenario="stranger").ok

        def test_theirs_does_not(verify_payments):
            verify_payments(NaivePaymentsService, scenario="two-clicks")

        def test_the_shop_is_there(lab, local_stripe):
            order = asyncio.run(lab.orders.create(user_id="ada", price=2000))
            assert order.price == 2000
            assert local_stripe.charges() == []
        """
    )

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*ada is charged 2 times*", "*Replay it: story1-*"])
