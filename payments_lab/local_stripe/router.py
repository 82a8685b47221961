"""Which call is for whom. Source: https://docs.stripe.com/api"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from payments_lab.local_stripe.errors import unrecognized
from payments_lab.local_stripe.ledger import StripeObject
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

Endpoint = Callable[..., StripeObject]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint.

    ``resource`` names the permission that it needs, ``kind`` the objects that it answers with, ``lists`` that it
    answers with many of them; ``publishable`` says that a browser's key will do.
    """

    endpoint: Endpoint
    resource: str
    kind: str
    lists: bool = False
    publishable: bool = False


def _routes() -> dict[tuple[str, str], Route]:
    plain: dict[str, Endpoint] = {
        "GET /v1/balance": balance.retrieve_balance,
        "GET /v1/balance_transactions": balance.listing,
        "GET /v1/balance_transactions/*": balance.retrieve,
        "GET /v1/charges": charges.listing,
        "POST /v1/charges": charges.create,
        "GET /v1/charges/search": charges.searching,
        "GET /v1/charges/*": charges.retrieve,
        "POST /v1/charges/*": charges.update,
        "POST /v1/charges/*/capture": charges.capture,
        "GET /v1/charges/*/refunds": refunds.listing_of_charge,
        "GET /v1/customers": customers.listing,
        "POST /v1/customers": customers.create,
        "GET /v1/customers/*": customers.retrieve,
        "POST /v1/customers/*": customers.update,
        "DELETE /v1/customers/*": customers.delete,
        "GET /v1/customers/*/payment_methods": payment_methods.listing_of_customer,
        "GET /v1/customers/*/payment_methods/*": payment_methods.retrieve_of_customer,
        "GET /v1/customers/*/sources": sources.listing,
        "POST /v1/customers/*/sources": sources.create,
        "GET /v1/customers/*/sources/*": sources.retrieve,
        "DELETE /v1/customers/*/sources/*": sources.delete,
        "GET /v1/disputes": disputes.listing,
        "GET /v1/disputes/*": disputes.retrieve,
        "POST /v1/disputes/*": disputes.update,
        "POST /v1/disputes/*/close": disputes.close,
        "GET /v1/events": event_list.listing,
        "GET /v1/events/*": event_list.retrieve,
        "GET /v1/payment_intents": payment_intents.listing,
        "POST /v1/payment_intents": payment_intents.create,
        "GET /v1/payment_intents/search": payment_intents.searching,
        "GET /v1/payment_intents/*": payment_intents.retrieve,
        "POST /v1/payment_intents/*": payment_intents.update,
        "POST /v1/payment_intents/*/cancel": payment_intents.cancel,
        "POST /v1/payment_intents/*/capture": payment_intents.capture,
        "POST /v1/payment_intents/*/confirm": payment_intents.confirm,
        "GET /v1/payment_methods": payment_methods.listing,
        "POST /v1/payment_methods": payment_methods.create,
        "GET /v1/payment_methods/*": payment_methods.retrieve,
        "POST /v1/payment_methods/*": payment_methods.update,
        "POST /v1/payment_methods/*/attach": payment_methods.attach,
        "POST /v1/payment_methods/*/detach": payment_methods.detach,
        "GET /v1/refunds": refunds.listing,
        "POST /v1/refunds": refunds.create,
        "GET /v1/refunds/*": refunds.retrieve,
        "POST /v1/refunds/*": refunds.update,
        "POST /v1/refunds/*/cancel": refunds.cancel,
        "POST /v1/tokens": tokens.create,
        "GET /v1/tokens/*": tokens.retrieve,
        "GET /v1/webhook_endpoints": webhook_endpoints.listing,
        "POST /v1/webhook_endpoints": webhook_endpoints.create,
        "GET /v1/webhook_endpoints/*": webhook_endpoints.retrieve,
        "POST /v1/webhook_endpoints/*": webhook_endpoints.update,
        "DELETE /v1/webhook_endpoints/*": webhook_endpoints.delete,
    }
    return {_split(line): _route(line, endpoint) for line, endpoint in plain.items()}


FOR_BROWSERS = {
    "GET /v1/payment_intents/*",
    "POST /v1/payment_intents/*/confirm",
    "POST /v1/payment_methods",
    "POST /v1/tokens",
    "GET /v1/tokens/*",
}


def _split(line: str) -> tuple[str, str]:
    method, path = line.split()
    return method, path


def _route(line: str, endpoint: Endpoint) -> Route:
    resource = line.split("/")[2]
    kind = NESTED_KINDS.get(line.split("/")[4]) if line.count("/") > 3 else None
    lists = endpoint.__name__.startswith(("listing", "searching"))
    return Route(endpoint, resource, kind or KINDS.get(resource, resource[:-1]), lists, line in FOR_BROWSERS)


KINDS = {"balance": "balance"}
NESTED_KINDS = {"payment_methods": "payment_method", "refunds": "refund", "sources": "card"}


def find_route(method: str, path: str) -> tuple[Route, list[str]]:
    """The route for an address, and the ids in it; a 404 refusal when there is none."""
    exact = ROUTES.get((method, path))
    if exact is not None:
        return exact, []
    parts = path.split("/")
    ids = parts[3::2]
    template = "/".join([*parts[:3], *("*" if place % 2 else part for place, part in enumerate(parts[3:], 1))])
    route = ROUTES.get((method, template))
    if route is None or not all(ids):
        raise unrecognized(method, path, RESOURCES)
    return route, ids


ROUTES = _routes()
RESOURCES = frozenset(path.split("/")[2] for _, path in ROUTES)
