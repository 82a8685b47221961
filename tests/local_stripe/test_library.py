"""What the real library does by itself works against the local Stripe, through both doors: retries, pages, webhooks and
typed errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
import stripe

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.control import FAULT_NAMES
from payments_lab.local_stripe.fixtures import StripeServer
from payments_lab.ports import LabClock, SystemClock
from tests.local_stripe.endpoints import listening, wait_until

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:Use 'content")]

Heard = tuple[bytes, str, str]


@dataclass(frozen=True)
class Door:
    """One way to the local Stripe.

    ``client`` makes a client with the library's own options, ``go_wrong`` scripts a fault for the next calls of the
    charges, ``restrict`` a key, ``webhook`` charges a card and gives what the endpoint hears of it: body, signature,
    secret.
    """

    client: Callable[..., stripe.StripeClient]
    go_wrong: Callable[..., object]
    restrict: Callable[[str, list[str]], object]
    webhook: Callable[[], Heard]


@pytest.fixture(params=["in process", "over HTTP"])
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    if request.param == "in process":
        yield in_process(LocalStripe(LabClock(SystemClock().now())))
        return
    server: StripeServer = request.getfixturevalue("stripe_server")
    yield over_http(server)
    httpx.post(f"{server.url}/_local/reset")


def in_process(local: LocalStripe) -> Door:
    def client(api_key: str = "sk_test_x", **options: Any) -> stripe.StripeClient:
        return local.client(api_key, **options)

    def go_wrong(kind: str, times: int = 1) -> None:
        local.faults.script(FAULT_NAMES[kind], times, path="/v1/charges")  # pyright: ignore[reportArgumentType]

    def webhook() -> Heard:
        endpoint = client().v1.webhook_endpoints.create({"url": "https://shop.test", "enabled_events": ["*"]})
        charge(client())
        sent = local.webhooks.request(local.webhooks.pending()[0])
        return sent.body, sent.headers["Stripe-Signature"], str(endpoint.secret)

    return Door(client, go_wrong, lambda key, to: local.keys.restrict(key, to=to), webhook)


def over_http(server: StripeServer) -> Door:
    def client(api_key: str = "sk_test_x", **options: Any) -> stripe.StripeClient:
        return stripe.StripeClient(api_key, base_addresses={"api": server.url}, **options)

    def go_wrong(kind: str, times: int = 1) -> None:
        httpx.post(f"{server.url}/_local/faults", data={"kind": kind, "times": str(times), "path": "/v1/charges"})

    def restrict(key: str, to: list[str]) -> None:
        httpx.post(f"{server.url}/_local/keys", data={"key": key, "to[]": to}).raise_for_status()

    def webhook() -> Heard:
        with listening() as (url, heard):
            endpoint = client().v1.webhook_endpoints.create({"url": url, "enabled_events": ["charge.succeeded"]})
            charge(client())
            wait_until(lambda: bool(heard))
        return *heard[0], str(endpoint.secret)

    return Door(client, go_wrong, restrict, webhook)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library waits before it tries again, and here not for long."""
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.01)


def charge(client: stripe.StripeClient, source: str = "tok_visa", **more: Any) -> stripe.Charge:
    return client.v1.charges.create({"amount": 2000, "currency": "usd", "source": source, **more})


def charges_of(door: Door, order: str) -> list[str]:
    found = door.client().v1.charges.list({"limit": 100}).auto_paging_iter()
    return [each.id for each in found if each.metadata.to_dict() == {"order": order}]


# retries


def test_a_lost_reply_is_asked_for_again_and_charged_once(door: Door) -> None:
    order = str(uuid4())
    door.go_wrong("lose_reply", times=2)

    made = charge(door.client(max_network_retries=2), metadata={"order": order})

    assert made.last_response.headers["Idempotent-Replayed"] == "true"
    assert charges_of(door, order) == [made.id]


async def test_the_asynchronous_library_asks_again_too(door: Door) -> None:
    order = str(uuid4())
    door.go_wrong("lose_reply")
    asked: Any = {"amount": 2000, "currency": "usd", "source": "tok_visa", "metadata": {"order": order}}

    made = await door.client(max_network_retries=2).v1.charges.create_async(asked)

    assert charges_of(door, order) == [made.id]


def test_a_lost_reply_without_retries_is_a_connection_error_and_the_card_was_charged(door: Door) -> None:
    order = str(uuid4())
    door.go_wrong("lose_reply")

    with pytest.raises(stripe.APIConnectionError):
        charge(door.client(), metadata={"order": order})

    assert len(charges_of(door, order)) == 1


@pytest.mark.parametrize("kind", ["connection_refused", "error_before", "in_flight"])
def test_what_passes_is_tried_again_by_the_library(door: Door, kind: str) -> None:
    order = str(uuid4())
    door.go_wrong(kind, times=2)

    made = charge(door.client(max_network_retries=2), metadata={"order": order})

    assert charges_of(door, order) == [made.id]


def test_an_error_after_the_charge_comes_again_with_its_key_and_the_card_is_charged_once(door: Door) -> None:
    order = str(uuid4())
    door.go_wrong("error_after")

    with pytest.raises(stripe.APIError) as failed:
        charge(door.client(max_network_retries=2), metadata={"order": order})

    assert failed.value.headers is not None
    assert failed.value.headers["Idempotent-Replayed"] == "true"
    assert len(charges_of(door, order)) == 1


# pages


async def test_pages_are_turned_by_the_library(door: Door) -> None:
    client = door.client()
    owner = client.v1.customers.create({"source": "tok_visa"}).id
    made = [client.v1.charges.create({"amount": 500 + n, "currency": "usd", "customer": owner}).id for n in range(7)]

    newest_first = client.v1.charges.list({"customer": owner, "limit": 3})
    oldest_first = client.v1.charges.list({"customer": owner, "limit": 2, "ending_before": made[0]})
    awaited = await client.v1.charges.list_async({"customer": owner, "limit": 3})
    searched = client.v1.charges.search({"query": f'customer:"{owner}"', "limit": 2})

    assert [each.id for each in newest_first.auto_paging_iter()] == made[::-1]
    assert [each.id for each in oldest_first.auto_paging_iter()] == made[1:]
    assert [each.id async for each in awaited.auto_paging_iter()] == made[::-1]
    assert [each.id for each in searched.auto_paging_iter()] == made[::-1]


# webhooks


def test_the_library_accepts_what_was_signed_and_nothing_else(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    body, signature, secret = door.webhook()
    accept = door.client().construct_event

    assert accept(body, signature, secret).type == "charge.succeeded"
    with pytest.raises(stripe.SignatureVerificationError, match="No signatures found"):
        accept(body.replace(b"2000", b"9000"), signature, secret)
    with pytest.raises(stripe.SignatureVerificationError, match="No signatures found"):
        accept(body, signature, "whsec_of_somebody_else")
    with pytest.raises(stripe.SignatureVerificationError, match="Unable to extract timestamp"):
        accept(body, "forged", secret)
    an_hour_later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: an_hour_later)
    with pytest.raises(stripe.SignatureVerificationError, match="Timestamp outside the tolerance zone"):
        accept(body, signature, secret)


# typed errors


def test_a_declined_card_is_a_card_error(door: Door) -> None:
    with pytest.raises(stripe.CardError) as raised:
        charge(door.client(), "tok_visa_chargeDeclinedInsufficientFunds")

    assert (raised.value.http_status, raised.value.code) == (402, "card_declined")
    assert raised.value.error is not None
    assert raised.value.error.decline_code == "insufficient_funds"
    assert str(raised.value.error.charge).startswith("ch_")


def test_a_key_with_other_parameters_is_an_idempotency_error(door: Door) -> None:
    key: Any = {"idempotency_key": str(uuid4())}
    asked: Any = {"amount": 2000, "currency": "usd", "source": "tok_visa"}
    door.client().v1.charges.create(asked, key)

    with pytest.raises(stripe.IdempotencyError) as raised:
        door.client().v1.charges.create({**asked, "amount": 3000}, key)

    assert raised.value.http_status == 400


def test_too_many_requests_are_a_rate_limit_error(door: Door) -> None:
    door.go_wrong("rate_limit")

    with pytest.raises(stripe.RateLimitError) as raised:
        charge(door.client())

    assert raised.value.http_status == 429


def test_a_wrong_parameter_is_an_invalid_request_error(door: Door) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        charge(door.client(), amount=49)

    assert (raised.value.http_status, raised.value.code, raised.value.param) == (400, "amount_too_small", "amount")


def test_a_wrong_key_is_an_authentication_error(door: Door) -> None:
    with pytest.raises(stripe.AuthenticationError) as raised:
        charge(door.client("nonsense"))

    assert raised.value.http_status == 401


def test_a_key_that_may_not_is_a_permission_error(door: Door) -> None:
    door.restrict("rk_test_clerk", ["charges:read"])

    with pytest.raises(stripe.PermissionError, match="'charges:write' permission") as raised:
        charge(door.client("rk_test_clerk"))

    assert raised.value.http_status == 403
    assert door.client("rk_test_clerk").v1.charges.list().object == "list"


def test_a_failure_of_stripes_is_an_api_error(door: Door) -> None:
    door.go_wrong("error_before")

    with pytest.raises(stripe.APIError) as raised:
        charge(door.client())

    assert raised.value.http_status == 500
    assert type(raised.value) is stripe.APIError


def test_a_dead_line_is_an_api_connection_error(door: Door) -> None:
    door.go_wrong("connection_refused")

    with pytest.raises(stripe.APIConnectionError):
        charge(door.client())
