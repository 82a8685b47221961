"""What localstripe has other names for, so that it is judged by what it does.

It knows cards only by their numbers: every ``tok_…`` and ``pm_card_…`` of Stripe's test page is first made from its
number. It charges only customers, so one is made for every charge that names none. It does not know how intents choose
payment methods nowadays: that parameter is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import stripe

from payments_lab.local_stripe.cards import PAYMENT_METHODS, TOKENS, BankCard

UNKNOWN = ("automatic_payment_methods",)
Answer = tuple[bytes, int, Mapping[str, str]]


class Shim(stripe.RequestsClient):
    """The library's own HTTP client, which translates before it sends."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **more: Any) -> Answer:
        if not isinstance(post_data, str) or not post_data:
            return super().request(method, url, headers, post_data, **more)
        form = dict(self._translate(post_data, headers))
        if url.endswith("/v1/charges") and "source" in form and "customer" not in form:
            made = self._post("customers", {"source": form.pop("source")}, headers)
            if made[1] != 200:
                return made
            form["customer"] = json.loads(made[0])["id"]
        return super().request(method, url, headers, urlencode(form), **more)

    def _translate(self, form: str, headers: Any) -> Iterator[tuple[str, str]]:
        for name, value in parse_qsl(form, keep_blank_values=True):
            if name.startswith(UNKNOWN):
                continue
            if value in TOKENS:
                value = self._make("tokens", TOKENS[value], headers)
            elif value in PAYMENT_METHODS:
                value = self._make("payment_methods", PAYMENT_METHODS[value], headers, type="card")
            yield name, value

    def _make(self, kind: str, card: BankCard, headers: Any, **more: str) -> str:
        details = {"number": card.number, "exp_month": "12", "exp_year": "2034", "cvc": "123"}
        body, _, _ = self._post(kind, {**more, **{f"card[{name}]": value for name, value in details.items()}}, headers)
        return json.loads(body).get("id", "none")

    def _post(self, kind: str, form: dict[str, str], headers: Any) -> Answer:
        plain = {name: value for name, value in headers.items() if name != "Idempotency-Key"}
        return super().request("post", f"{self._url}/v1/{kind}", plain, urlencode(form))
