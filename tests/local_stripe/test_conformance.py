"""Every answer of the local Stripe looks as the installed library and Stripe's own examples say."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from payments_lab.local_stripe.rendering import EXPANDABLE
from payments_lab.local_stripe.router import ROUTES, find_route
from payments_lab.local_stripe.tables import StripeObject
from payments_lab.local_stripe.versions import API_VERSION
from tests.local_stripe.conformance import expandable_fields, problems
from tests.local_stripe.everything import Visit, visit_everything

SHARED = "STRIPE_FIXTURES"

# Fields of the published examples that depend on something that these objects never have, or that a list of its own
# replaced; each with the reason why ours may lack it.
EXCUSED = {
    "charge.refunds": "shown only when it is expanded, since 2022-11-15",
    "charge.source": "the example shows a Source object, ours a card",
    "payment_source": "the example is a Connect account",
}


@pytest.fixture(scope="module")
def visits() -> list[Visit]:
    return visit_everything()


def test_the_visit_reaches_every_address_with_success(visits: list[Visit]) -> None:
    reached = {id(find_route(v.request.method, v.request.path)[0]) for v in visits if v.response.status == 200}
    refusing = {("POST", "/v1/refunds/*/cancel")}

    missed = [address for address, route in ROUTES.items() if id(route) not in reached]

    assert set(missed) == refusing


def test_the_visit_meets_every_kind_of_refusal(visits: list[Visit]) -> None:
    assert {visit.response.status for visit in visits} == {200, 400, 401, 402, 403, 404, 409, 429, 500}


def test_no_answer_lacks_a_field_or_has_one_of_a_wrong_type(visits: list[Visit]) -> None:
    found = {
        f"{visit.request.method} {find_shape(visit)}: {problem}"
        for visit in visits
        for problem in problems(visit.response.json)
    }

    assert sorted(found) == []
    assert len(visits) > 150


def test_the_events_that_are_sent_hold_whole_objects(visits: list[Visit]) -> None:
    pages = [visit.response.json for visit in visits if visit.request.path == "/v1/events"]
    events = [event for page in pages for event in page["data"]]
    found = {f"{event['type']}: {problem}" for event in events for problem in problems(event["data"]["object"])}

    assert sorted(found) == []
    assert len({event["type"] for event in events}) >= 28


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda charge: charge.pop("amount"), "charge.amount: missing"),
        (lambda charge: charge.update(amount="2000"), "charge.amount: '2000' is not int"),
        (lambda charge: charge.update(paid=1), "charge.paid: 1 is not bool"),
        (lambda charge: charge.update(status="gone"), "charge.status"),
        (lambda charge: charge["billing_details"].update(name=5), "charge.billing_details.name"),
        (lambda charge: charge["payment_method_details"]["card"].pop("exp_year"), "card.exp_year: missing"),
        (lambda charge: charge["metadata"].update(order=7), "charge.metadata[order]"),
        (lambda charge: charge.update(surprise=1), "declares no such field"),
        (lambda charge: charge.update(customer={"object": "charge"}), "charge.customer"),
    ],
)
def test_the_checker_sees_what_is_wrong(visits: list[Visit], break_it: Any, told: str) -> None:
    charge = copy.deepcopy(next(v.response.json for v in visits if v.response.json.get("object") == "charge"))
    break_it(charge)

    assert any(told in problem for problem in problems(charge))


def test_every_key_of_stripes_own_examples_is_in_our_objects(visits: list[Visit]) -> None:
    examples = published_examples()
    ours = seen_objects(visits)

    missing = {
        lack
        for kind, shown in ours.items()
        if kind in examples
        for lack in lacking(examples[kind], merge(shown), kind)
        if lack not in EXCUSED
    }

    assert sorted(missing) == []
    assert len(set(ours) & set(examples)) >= 12


def test_every_field_that_we_expand_is_expandable_in_the_library() -> None:
    for kind, fields in EXPANDABLE.items():
        declared = expandable_fields(kind)
        assert set(fields) <= declared, f"{kind}: {set(fields) - declared}"


def test_it_speaks_the_version_of_the_installed_library() -> None:
    client = stripe.StripeClient("sk_test_x")

    assert client._requestor.stripe_version == API_VERSION


def find_shape(visit: Visit) -> str:
    return "/".join("*" if any(c.isdigit() for c in part) else part for part in visit.request.path.split("/")[2:])


def published_examples() -> dict[str, StripeObject]:
    """Stripe's example of each resource, from a folder that is not part of the project."""
    beside = Path(__file__).parents[3] / "shared" / "stripe" / "fixtures3.json"
    path = Path(os.environ.get(SHARED, beside))
    if not path.is_file():
        pytest.skip(f"needs the shared Stripe fixtures: set {SHARED} to Stripe's fixtures3.json (stripe/openapi, MIT)")
    return json.loads(path.read_text())["resources"]


def seen_objects(visits: list[Visit]) -> dict[str, list[StripeObject]]:
    """Every object that was shown, also inside others, by kind."""
    seen: dict[str, list[StripeObject]] = {}
    for visit in visits:
        if visit.response.status == 200:
            for found in nested_objects(visit.response.json):
                kind = f"deleted_{found['object']}" if found.get("deleted") else found["object"]
                seen.setdefault(kind, []).append(found)
    return seen


def nested_objects(value: Any) -> Iterator[StripeObject]:
    if isinstance(value, list):
        for item in value:
            yield from nested_objects(item)
    elif isinstance(value, dict):
        if isinstance(value.get("object"), str):
            yield value
        for item in value.values():
            yield from nested_objects(item)


def merge(shown: list[StripeObject]) -> StripeObject:
    """All fields that objects of one kind show, together: some are only there in some states."""
    together: StripeObject = {}
    for each in shown:
        for name, value in each.items():
            known = together.get(name)
            if isinstance(value, dict) and isinstance(known, dict):
                together[name] = merge([known, value])
            elif known is None:
                together[name] = value
    return together


def lacking(example: StripeObject, ours: StripeObject, path: str) -> Iterator[str]:
    for name, value in example.items():
        here = f"{path}.{name}"
        if name not in ours:
            yield here
        elif name != "metadata" and isinstance(value, dict) and isinstance(ours[name], dict) and "object" not in value:
            yield from lacking(value, ours[name], here)
