"""Tokens: a card that a browser handed over, to be used once. Source: https://docs.stripe.com/api/tokens"""

from __future__ import annotations

from typing import Any

from payments_lab.local_stripe.cards import TOKENS
from payments_lab.local_stripe.errors import invalid_request, no_such
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.objects.card_input import typed_card
from payments_lab.local_stripe.objects.card_shapes import CardOnFile, legacy_card
from payments_lab.local_stripe.parameters import NOTHING, anything, form, nested, read, text

CARD = nested(
    {
        "number": text,
        "exp_month": text,
        "exp_year": text,
        "cvc": text,
        "name": text,
        "currency": text,
        "networks": anything,
        **dict.fromkeys([f"address_{part}" for part in ("city", "country", "line1", "line2", "state", "zip")], text),
    },
    required=("number", "exp_month", "exp_year"),
)
NEW = form({"card": CARD}, elsewhere="account bank_account customer cvc_update person pii")


def create(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    """Take a card's details and give a token for them."""
    asked = read(NEW, params)
    if "card" not in asked:
        raise invalid_request(
            "You must supply either a card, customer, PII data, bank account, or account details to create a token.",
            code="parameter_missing",
        )
    on_file = typed_card(ledger, asked["card"])
    token_id = ledger.new_id("tok")
    card_id = ledger.new_id("card")
    ledger.note(token_id, card=on_file.facts())
    return ledger.add(
        {
            "id": token_id,
            "object": "token",
            "card": legacy_card(card_id, on_file),
            "client_ip": None,
            "created": ledger.now(),
            "livemode": False,
            "type": "card",
            "used": False,
        }
    )


def retrieve(ledger: Ledger, params: dict[str, Any], token_id: str) -> StripeObject:
    read(NOTHING, params)
    return ledger.get("token", token_id)


def peek(ledger: Ledger, token_id: str, param: str) -> CardOnFile:
    """The card behind a token, which stays unused; a refusal for one that is unknown or used up."""
    known = TOKENS.get(token_id)
    if known is not None:
        return CardOnFile(known.number, cvc=known.cvc_check != "pass")
    token = ledger.table("token").find(token_id)
    if token is None:
        raise no_such("token", token_id, param)
    if token["used"]:
        raise invalid_request(
            f"You cannot use a Stripe token more than once: {token_id}.", code="token_already_used", param=param
        )
    return CardOnFile(**ledger.backstage(token_id)["card"])


def use_up(ledger: Ledger, token_id: str) -> None:
    """A token of the test page can be used for ever, any other one once."""
    if token_id not in TOKENS:
        token = ledger.get("token", token_id)
        token["used"] = True
        ledger.save(token)
