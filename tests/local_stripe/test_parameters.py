"""Forms are read as Stripe reads them, and every endpoint knows all of Stripe's parameters: to take or to decline."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.errors import StripeRefusal
from payments_lab.local_stripe.objects import (
    balance,
    charges,
    customers,
    disputes,
    event_list,
    payment_intents,
    payment_methods,
    refunds,
    sources,
    tokens,
    webhook_endpoints,
)
from payments_lab.local_stripe.parameters import Form, list_of, metadata, parse_form, read, text

FORMS: dict[str, Form] = {
    "balance_transaction_list": balance.LISTING,
    "charge_capture": charges.CAPTURE,
    "charge_create": charges.NEW,
    "charge_list": charges.LISTING,
    "charge_search": charges.SEARCH,
    "charge_update": charges.CHANGES,
    "customer_create": customers.NEW,
    "customer_list": customers.LISTING,
    "customer_payment_source_create": sources.NEW,
    "customer_payment_source_list": sources.LISTING,
    "customer_update": customers.CHANGES,
    "dispute_list": disputes.LISTING,
    "dispute_update": disputes.CHANGES,
    "event_list": event_list.LISTING,
    "payment_intent_cancel": payment_intents.CANCEL,
    "payment_intent_capture": payment_intents.CAPTURE,
    "payment_intent_confirm": payment_intents.CONFIRM,
    "payment_intent_create": payment_intents.NEW,
    "payment_intent_list": payment_intents.LISTING,
    "payment_intent_retrieve": payment_intents.RETRIEVE,
    "payment_intent_search": payment_intents.SEARCH,
    "payment_intent_update": payment_intents.CHANGES,
    "payment_method_attach": payment_methods.ATTACH,
    "payment_method_create": payment_methods.NEW,
    "payment_method_list": payment_methods.LISTING,
    "payment_method_update": payment_methods.CHANGES,
    "refund_create": refunds.NEW,
    "refund_list": refunds.LISTING,
    "refund_update": refunds.CHANGES,
    "token_create": tokens.NEW,
    "webhook_endpoint_create": webhook_endpoints.NEW,
    "webhook_endpoint_list": webhook_endpoints.LISTING,
    "webhook_endpoint_update": webhook_endpoints.CHANGES,
}
# Taken although the library's own types lack them: an older version's, and what a browser's library sends.
BESIDE = {
    "payment_intent_create": {"payment_method_types"},
    "payment_intent_update": {"payment_method_types"},
    "payment_intent_confirm": {"payment_method_types", "client_secret"},
}


@pytest.mark.parametrize("name", FORMS)
def test_an_endpoint_knows_every_parameter_that_the_library_declares(name: str) -> None:
    form = FORMS[name]

    assert set(form.fields) | form.elsewhere == library_parameters(name) | BESIDE.get(name, set())
    assert not set(form.fields) & form.elsewhere


def test_brackets_nest() -> None:
    assert parse_form("a=1&b[c]=2&b[d][e]=3&f[]=4&f[]=5&g[0][h]=6") == {
        "a": "1",
        "b": {"c": "2", "d": {"e": "3"}},
        "f": {"0": "4", "1": "5"},
        "g": {"0": {"h": "6"}},
    }


def test_what_the_library_encodes_is_read_back() -> None:
    seen: list[Any] = []
    local = LocalStripe()
    local.observers.append(lambda request, response: seen.append(request.params))
    pairs = {"ümlaut": "a&b=c", "12": "34", "quote'": '"', "b]r": "x"}

    local.client().v1.charges.create(
        {"amount": 2000, "currency": "usd", "source": "tok_visa", "metadata": {"ümlaut": "a&b=c", "12": "34"}}
    )

    assert seen[0]["metadata"] == {name: pairs[name] for name in ("ümlaut", "12")}
    assert local.charges()[0]["metadata"] == {"12": "34", "ümlaut": "a&b=c"}


@pytest.mark.parametrize(
    "form",
    ["a[=1", "a]=1", "[a]=1", "a[b=1", "a[b]c=1", "a[b][=1", "a[[b]]=1", "a=1&a[b]=2", "a[b]=1&a[b][c]=2"],
)
def test_brackets_that_make_no_sense_are_refused(form: str) -> None:
    with pytest.raises(StripeRefusal) as refused:
        parse_form(form)

    assert refused.value.status == 400


def test_deep_nesting_and_endless_forms_are_refused() -> None:
    for form in ("a" + "[b]" * 50 + "=1", "&".join(f"a{n}=1" for n in range(5000))):
        with pytest.raises(StripeRefusal):
            parse_form(form)


def test_a_list_has_whole_numbers_for_names() -> None:
    reader = list_of(text)

    assert reader({"0": "a", "1": "b", "10": "c", "2": "d"}, "x") == ["a", "b", "d", "c"]
    for wrong in ("a", {"a": "b"}, {"-1": "b"}, {"٣": "b"}):
        with pytest.raises(StripeRefusal):
            reader(wrong, "x")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("text", "must be a hash"),
        ({f"key{n}": "x" for n in range(51)}, "more than 50"),
        ({"k" * 41: "x"}, "41 long"),
        ({"k": "x" * 501}, "up to 500 characters"),
        ({"k": {"deep": "x"}}, "must be a string"),
    ],
)
def test_metadata_has_limits(value: Any, told: str) -> None:
    with pytest.raises(StripeRefusal, match=told):
        metadata(value, "metadata")


def test_several_unknown_parameters_are_named_together() -> None:
    with pytest.raises(StripeRefusal, match="Received unknown parameters: one, two") as refused:
        read(charges.NEW, {"one": "1", "amount": "2000", "two": "2"})

    assert refused.value.error["code"] == "parameter_unknown"
    assert refused.value.error["param"] == "one"


def test_a_parameter_of_stripes_that_is_not_here_is_told_apart_from_an_unknown_one() -> None:
    client = LocalStripe().client()

    with pytest.raises(stripe.InvalidRequestError, match="The local Stripe has no on_behalf_of, though Stripe itself"):
        client.v1.charges.create({"amount": 2000, "currency": "usd", "source": "tok_visa", "on_behalf_of": "acct_1"})


def test_an_empty_text_is_refused_as_an_attempt_to_unset() -> None:
    client = LocalStripe().client()

    with pytest.raises(stripe.InvalidRequestError, match="You passed an empty string for 'source'") as refused:
        client.v1.charges.create({"amount": 2000, "currency": "usd", "source": ""})

    assert refused.value.code == "parameter_invalid_empty"


def test_a_query_and_a_body_together_make_the_parameters() -> None:
    assert parse_form(urlencode({"a": 1}) + "&" + urlencode({"b": 2})) == {"a": "1", "b": "2"}


def library_parameters(name: str) -> set[str]:
    """What the library's TypedDict for a call declares, expand apart."""
    source = Path(stripe.__file__).parent / "params" / f"_{name}_params.py"
    first = next(part for part in ast.parse(source.read_text()).body if isinstance(part, ast.ClassDef))
    declared = {line.target.id for line in first.body if isinstance(line, ast.AnnAssign)}  # pyright: ignore[reportAttributeAccessIssue]
    return declared - {"expand"}
