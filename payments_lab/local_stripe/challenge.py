"""The bank's page of 3-D Secure: the buyer agrees or not, and goes back to the shop."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from payments_lab.local_stripe.requests import Headers, Response
from payments_lab.local_stripe.service import LocalStripe

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>3-D Secure</title>
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
main {{ max-width: 28rem; margin: 4rem auto; padding: 0 1rem }}
button {{ font: inherit; padding: .5rem 1rem; margin-right: .5rem }}
</style>
<main><h1>Your bank asks</h1><p>{question}</p>{form}</main></html>"""
FORM = """<form method="post"><button name="outcome" value="succeed">Complete authentication</button>
<button name="outcome" value="fail">Fail authentication</button></form>"""


def answer_challenge(stripe: LocalStripe, method: str, path: str, body: str) -> Response:
    """The page, and what becomes of its two buttons."""
    intent_id = path.removeprefix("/3d-secure/")
    waiting = stripe.challenge(intent_id)
    if waiting is None:
        return _page(404, "There is no payment here that waits for you.", "")
    if method != "POST":
        question = f"Is payment {escape(intent_id)} of {waiting.amount} {escape(waiting.currency)} yours?"
        return _page(200, question, FORM)
    succeed = parse_qs(body).get("outcome") == ["succeed"]
    intent = stripe.authenticate(intent_id, succeed=succeed)
    if waiting.return_url is None:
        return _page(200, f"Thank you. The payment is now: {intent['status']}.", "")
    outcome = "failed" if intent["status"] == "requires_payment_method" else "succeeded"
    return Response(
        303, "", Headers({"Location": _back(waiting.return_url, intent_id, intent["client_secret"], outcome)})
    )


def _back(return_url: str, intent_id: str, secret: str, outcome: str) -> str:
    """The shop's address with what Stripe adds to it. Source: https://docs.stripe.com/payments/accept-a-payment"""
    added = urlencode({"payment_intent": intent_id, "payment_intent_client_secret": secret, "redirect_status": outcome})
    parts = urlsplit(return_url)
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def _page(status: int, question: str, form: str) -> Response:
    return Response(
        status, PAGE.format(question=question, form=form), Headers({"Content-Type": "text/html; charset=utf-8"})
    )
