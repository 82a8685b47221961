"""Customers. Source: https://docs.stripe.com/api/customers"""

from __future__ import annotations

from typing import Any

from payments_lab.local_stripe.errors import invalid_request
from payments_lab.local_stripe.events import changed, emit
from payments_lab.local_stripe.ledger import Ledger, StripeObject
from payments_lab.local_stripe.listing import listing_form, page
from payments_lab.local_stripe.objects import payment_methods, sources
from payments_lab.local_stripe.objects.shapes import ADDRESS, address, shipping
from payments_lab.local_stripe.objects.shapes import SHIPPING as FULL_SHIPPING
from payments_lab.local_stripe.parameters import (
    NOTHING,
    form,
    integer,
    merged,
    metadata,
    nested,
    optional_one_of,
    optional_text,
    read,
    text,
    texts,
    unset_or,
)

_COMMON = {
    "address": unset_or(ADDRESS),
    "balance": integer,
    "business_name": optional_text,
    "description": optional_text,
    "email": optional_text,
    "individual_name": optional_text,
    "invoice_prefix": text,
    "invoice_settings": nested(
        {"default_payment_method": optional_text, "footer": optional_text},
        elsewhere="custom_fields rendering_options",
    ),
    "metadata": metadata,
    "name": optional_text,
    "next_invoice_sequence": integer,
    "phone": optional_text,
    "preferred_locales": texts,
    "shipping": unset_or(FULL_SHIPPING),
    "source": text,
    "tax_exempt": optional_one_of("exempt", "none", "reverse"),
}
_ELSEWHERE = "cash_balance tax validate"
NEW = form({**_COMMON, "payment_method": text}, elsewhere=f"{_ELSEWHERE} tax_id_data test_clock")
CHANGES = form({**_COMMON, "default_source": text}, elsewhere=_ELSEWHERE)
LISTING = listing_form({"email": text}, elsewhere="test_clock")


def create(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    asked = read(NEW, params)
    _check_email(asked)
    customer = _customer(ledger, asked)
    method = asked.get("payment_method")
    if method is not None:
        payment_methods.check_attachable(ledger, method)
    if "source" in asked:
        sources.refuse_declined(sources.tokens.peek(ledger, asked["source"], "source"))
    ledger.add(customer)
    if "source" in asked:
        sources.attach(ledger, customer, asked["source"])
    if method is not None:
        payment_methods.attach_to(ledger, method, customer["id"])
    emit(ledger, "customer.created", customer)
    return customer


def retrieve(ledger: Ledger, params: dict[str, Any], customer_id: str) -> StripeObject:
    """The customer, or what is left of a deleted one."""
    read(NOTHING, params)
    return ledger.table("deleted_customer").find(customer_id) or ledger.get("customer", customer_id)


def update(ledger: Ledger, params: dict[str, Any], customer_id: str) -> StripeObject:
    customer = ledger.get("customer", customer_id)
    asked = read(CHANGES, params)
    _check_email(asked)
    before = dict(customer)
    source = asked.pop("source", None)
    if "default_source" in asked:
        sources.retrieve(ledger, {}, customer_id, asked["default_source"])
    if "metadata" in asked:
        asked["metadata"] = merged(customer["metadata"], asked["metadata"]) if asked["metadata"] else {}
    if "invoice_settings" in asked:
        asked["invoice_settings"] = _invoice_settings(ledger, customer, asked["invoice_settings"])
    if "address" in asked:
        asked["address"] = address(asked["address"]) if asked["address"] else None
    if "shipping" in asked:
        asked["shipping"] = shipping(asked["shipping"])
    customer |= asked
    if source is not None:
        customer["default_source"] = sources.attach(ledger, customer, source)["id"]
    ledger.save(customer)
    emit(ledger, "customer.updated", customer, changed(before, customer))
    return customer


def delete(ledger: Ledger, params: dict[str, Any], customer_id: str) -> StripeObject:
    customer = ledger.get("customer", customer_id)
    read(NOTHING, params)
    emit(ledger, "customer.deleted", customer)
    ledger.table("customer").remove(customer_id)
    gone = {"id": customer_id, "object": "customer", "deleted": True}
    ledger.table("deleted_customer").add(gone)
    return gone


def listing(ledger: Ledger, params: dict[str, Any]) -> StripeObject:
    return page(ledger, "customer", "/v1/customers", read(LISTING, params))


def _customer(ledger: Ledger, asked: dict[str, Any]) -> StripeObject:
    customer_id = ledger.new_id("cus")
    return {
        "id": customer_id,
        "object": "customer",
        "address": address(asked["address"]) if asked.get("address") else None,
        "balance": asked.get("balance", 0),
        "business_name": asked.get("business_name"),
        "created": ledger.now(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": asked.get("description"),
        "discount": None,
        "email": asked.get("email"),
        "individual_name": asked.get("individual_name"),
        "invoice_prefix": asked.get("invoice_prefix") or customer_id.removeprefix("cus_").upper().rjust(8, "0")[-8:],
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": asked.get("invoice_settings", {}).get("footer"),
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": merged({}, asked.get("metadata", {})),
        "name": asked.get("name"),
        "next_invoice_sequence": asked.get("next_invoice_sequence", 1),
        "phone": asked.get("phone"),
        "preferred_locales": asked.get("preferred_locales", []),
        "shipping": shipping(asked.get("shipping")),
        "tax_exempt": asked.get("tax_exempt") or "none",
        "test_clock": None,
    }


def _invoice_settings(ledger: Ledger, customer: StripeObject, asked: dict[str, Any]) -> dict[str, Any]:
    method = asked.get("default_payment_method")
    if method is not None:
        payment_methods.check_owner(ledger, ledger.get("payment_method", method, "payment_method"), customer["id"])
    return {**customer["invoice_settings"], **asked}


def _check_email(asked: dict[str, Any]) -> None:
    email = asked.get("email")
    if email is not None and ("@" not in email[1:-1] or any(character.isspace() for character in email)):
        raise invalid_request(f"Invalid email address: {email[:200]}", code="email_invalid", param="email")
