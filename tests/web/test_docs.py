"""What docs/web.md says of the routes, the webhooks and the settings, held against the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from payments_lab.lab import Lab
from payments_lab.settings import Settings
from payments_lab.web import bank
from payments_lab.web.app import create_app
from payments_lab.web.bodies import LARGEST_BODY
from payments_lab.web.sessions import COOKIE, LIFETIME, Sessions
from payments_lab.web.webhooks import LARGEST_EVENT, TOLERANCE_SECONDS, Webhooks

TEXT = (Path(__file__).parents[2] / "docs" / "web.md").read_text()


def routes_of_the_app() -> set[str]:
    lab = Lab()
    app = create_app(
        Sessions(lab.clock),
        payments=lab.payments,
        orders=lab.orders,
        stripe=Webhooks(lab.inbox, "whsec_x", lab.clock),
    )
    bank.install(app, lab.stripe, "http://shop")
    return {f"{method} {route.path}" for route in app.routes if isinstance(route, APIRoute) for method in route.methods}


def test_every_route_is_in_the_table_and_every_row_is_a_route() -> None:
    rows = re.findall(r"^\| `((?:GET|POST|DELETE) /[^`]*)` \|", TEXT, re.MULTILINE)

    assert sorted(rows) == sorted(routes_of_the_app())


def test_every_kind_of_event_that_changes_anything_is_in_the_table() -> None:
    section = TEXT.split("## Webhooks")[1].split("## Sessions")[0]
    said: list[str] = []
    for row in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE):
        first, *others = re.findall(r"`([a-z_.]+)`", row)
        said += [first, *(first.rpartition(".")[0] + other for other in others)]

    assert sorted(said) == Lab().inbox.heeds


@pytest.mark.parametrize(
    "fact",
    [
        f"more than {LARGEST_BODY // 1024} KiB ({LARGEST_EVENT // 1024} KiB for a webhook)",
        f"in the cookie `{COOKIE}`",
        f"after {LIFETIME.total_seconds() / 3600:.0f} hours",
        {300: "last five minutes"}[TOLERANCE_SECONDS],
    ],
)
def test_a_figure_in_the_text_is_the_one_in_the_code(fact: str) -> None:
    assert fact in TEXT.replace("\n", " ")


def test_every_variable_that_is_named_is_a_setting() -> None:
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`|\b([A-Z]+(?:_[A-Z]+)+)=", TEXT))

    assert {(one or other).lower() for one, other in named} <= set(Settings.model_fields)
