"""What all tests share: one async backend, and a policy on skipping."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Generator
from typing import TypeVar

import pytest

# With PAYMENTS_LAB_NO_SKIPS=1, as in CI, a test that skips fails, unless its reason begins with one of these: they
# need something that no machine can be given, an account or a server of someone else's.
MAY_SKIP = (
    "needs STRIPE_KEY",
    "needs MONGO_URL",
    "needs the shared Stripe fixtures",
    "needs Node and the npm package stripe",
    "needs SPIN",
)


Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Generator[None]:
    """A test that makes this process write logs takes nobody else's with it."""
    root, ours = logging.getLogger(), logging.getLogger("payments_lab")
    before = list(root.handlers), root.level, ours.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_configure(config: pytest.Config) -> None:
    # Coverage is of what tests assert; without this, nbval would also measure inside the kernel of every notebook. A
    # controller of several workers runs no notebook, and tells them what to measure.
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        config.option.cov_source = None
    if os.environ.get("PAYMENTS_LAB_NO_SKIPS") == "1":
        config.pluginmanager.register(NothingSkips())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test has an id of its own: of two with the same one, workers would run the first alone.

    Schemathesis names its tests after the operation, and pytest forgets that in their ids.
    """
    for item in items:
        _, bracket, params = item.name.partition("[")
        known = getattr(item, "_id", None)
        if bracket and known is not None and known.params is None:
            item._id = known.with_params(params.removesuffix("]"))
    twice = [nodeid for nodeid, count in Counter(item.nodeid for item in items).items() if count > 1]
    if twice:
        raise pytest.UsageError(f"several tests are named {', '.join(twice)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a worker captured reaches its controller as UTF-8, whatever a test has written."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


class NothingSkips:
    """A skip is a failure: what the tests need was to be installed before they ran."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        return _refuse(report)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        return _refuse(report)


def _refuse(report: Report) -> Report:
    if not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = _reason(report.longrepr)
    if not reason.startswith(MAY_SKIP):
        report.outcome = "failed"
        report.longrepr = f"skipped, where nothing may skip: {reason}"
    return report


def _reason(longrepr: object) -> str:
    return str(longrepr[2] if isinstance(longrepr, tuple) else longrepr).removeprefix("Skipped: ")
