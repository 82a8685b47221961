"""A customer's cards in their old form, as the Charges API takes them.

Source: https://docs.stripe.com/api/cards
"""

from __future__ import annotations

from typing import Any

from payments_lab.local_stripe.errors import StripeRefusal, invalid_request, no_such
from payments_lab.local_stripe.events import emit
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.listing import listing_form, page
from payments_lab.local_stripe.objects import tokens
from payments_lab.local_stripe.objects.card_shapes import CardOnFile, legacy_card
from payments_lab.local_stripe.parameters import NOTHING, boolean, form, merged, metadata, one_of, read, text

NEW = form({"source": text, "metadata": metadata, "validate": boolean}, required=("source",))
LISTING = listing_form({"object": one_of("card")}, dated=False)


def create(ledger: Ledger, params: dict[str, Any], customer_id: str) -> StripeObject:
    customer = ledger.get("customer", customer_id)
    asked = read(NEW, params)
    return attach(ledger, customer, asked["source"], asked.get("metadata"))


def attach(
    ledger: Ledger, customer: StripeObject, token: str, pairs: dict[str, str] | None = None, param: str = "source"
) -> StripeObject:
    """Keep the token's card for the customer; the bank is asked first, so a declined card is refused with 402."""
    on_file = tokens.peek(ledger, token, param)
    refuse_declined(on_file)
    made = ledger.table("token").find(token)
    card_id = made["card"]["id"] if made else ledger.new_id("card")
    tokens.use_up(ledger, token)
    card = legacy_card(card_id, on_file, customer["id"]) | {"metadata": merged({}, pairs or {})}
    ledger.note(card_id, card=on_file.facts())
    ledger.table("card").add(card)
    if customer["default_source"] is None:
        customer["default_source"] = card_id
        ledger.save(customer)
    emit(ledger, "customer.source.created", card)
    return card


def retrieve(ledger: Ledger, params: dict[str, Any], customer_id: str, card_id: str) -> StripeObject:
    read(NOTHING, params)
    return _owned(ledger, customer_id, card_id, "id")


def delete(ledger: Ledger, params: dict[str, Any], customer_id: str, card_id: str) -> StripeObject:
    read(NOTHING, params)
    card = _owned(ledger, customer_id, card_id, "id")
    emit(ledger, "customer.source.deleted", card)
    ledger.table("card").remove(card_id)
    customer = ledger.get("customer", customer_id)
    if customer["default_source"] == card_id:
        left = ledger.table("card").where("customer", customer_id)
        customer["default_source"] = ledger.table("card").at(left[0])["id"] if left else None
        ledger.save(customer)
    return {"id": card_id, "object": "card", "deleted": True}


def listing(ledger: Ledger, params: dict[str, Any], customer_id: str) -> StripeObject:
    ledger.get("customer", customer_id)
    asked = read(LISTING, params)
    asked.pop("object", None)
    return page(ledger, "card", f"/v1/customers/{customer_id}/sources", asked | {"customer": customer_id})


def to_charge(ledger: Ledger, customer_id: str, card_id: str | None) -> tuple[CardOnFile, str, dict[str, Any]]:
    """The card that a charge to the customer goes to: the named one, or the default."""
    customer = ledger.get("customer", customer_id, "customer")
    card_id = card_id or customer["default_source"]
    if card_id is None:
        raise StripeRefusal(
            402, "card_error", "Cannot charge a customer that has no active card", code="missing", param="card"
        )
    card = _owned(ledger, customer_id, card_id, "source")
    return CardOnFile(**ledger.backstage(card_id)["card"]), card_id, dict(card)


def refuse_declined(on_file: CardOnFile) -> None:
    """A card that the bank declines can't be kept for a customer. Source: https://docs.stripe.com/testing"""
    decline = on_file.card.decline
    if decline is not None:
        raise StripeRefusal(
            402,
            "card_error",
            decline.message,
            code=decline.code,
            decline_code=decline.decline_code,
            param=decline.param,
        )


def _owned(ledger: Ledger, customer_id: str, card_id: str, param: str) -> StripeObject:
    ledger.get("customer", customer_id, "customer" if param == "source" else "id")
    card = ledger.table("card").find(card_id)
    if card is not None and card["customer"] == customer_id:
        return card
    if param == "id":
        raise no_such("card", card_id)
    raise invalid_request(
        f"Customer {customer_id} does not have a linked source with ID {card_id[:200]}.", code="missing", param=param
    )
