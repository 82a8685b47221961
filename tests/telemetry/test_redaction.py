"""What is written down holds no secret."""

from __future__ import annotations

from typing import Any

import pytest

from payments_lab.telemetry.redaction import LONGEST_TEXT, Redactor

KNOWN = "correct horse battery staple, and more"
LIVE = "sk_" + "live_51Habcdefghijklmnop"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"key {LIVE} refused", LIVE),
        ("rk_test_abc is restricted", "rk_test_abc"),
        ("signed with whsec_aB3+/x=", "whsec_aB3+/x="),
        ("charging tok_chargeDeclined", "tok_chargeDeclined"),
        ("payment method pm_1AbC", "pm_1AbC"),
        ("pi_1_secret_xyz9", "xyz9"),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("authorization: Basic c2s6eA==", "c2s6eA=="),
        ("Cookie: session=abc; theme=dark", "abc"),
        ('{"password": "hunter 2"}', "hunter 2"),
        ("JWT_KEY=0123456789", "0123456789"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln", "eyJzdWIiOiJhZGEifQ"),
        ("mongodb://ada:secret@10.0.0.1/orders", "secret@"),
        ("redis://:opensesame@10.0.0.1", "opensesame"),
        ("card 4242424242424242 declined", "4242"),
        ("card 4242 4242 4242 4242", "4242"),
        ("amex 3782-822463-10005", "822463"),
        (f"signed with {KNOWN}", "horse"),
    ],
)
def test_a_secret_is_taken_out_of_a_text(text: str, secret: str) -> None:
    redacted = Redactor([KNOWN]).text(text)

    assert secret not in redacted
    assert "[redacted]" in redacted


@pytest.mark.parametrize(
    "text",
    [
        "order ord_06984a1ef35ae38b1373e9bf is complete",
        "payment pay_1, charge ch_3, customer cus_9",
        "took 2000 usd at 2026-11-23T17:00:00Z",
        "number 4242424242424241 has a wrong last digit",
        "mongodb://127.0.0.1:27017/orders",
        "order:created #12, attempt 1",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor([KNOWN]).text(text) == text


@pytest.mark.parametrize(
    ("value", "redacted"),
    [
        ({"Set-Cookie": ["a", "b"], "status": 200}, {"Set-Cookie": "[redacted]", "status": 200}),
        ({"card": {"number": 4242424242424242}}, {"card": "[redacted]"}),
        ([4242424242424242, 7, None, True, 1.5], ["[redacted]", 7, None, True, 1.5]),
        ({"deep": {"er": ({"token": "x"},)}}, {"deep": {"er": [{"token": "[redacted]"}]}}),
        (ValueError("tok_visa"), "[redacted]"),
    ],
)
def test_a_field_with_a_secrets_name_loses_its_value(value: Any, redacted: Any) -> None:
    assert Redactor().value(value) == redacted


def test_data_that_is_nested_too_deep_becomes_text() -> None:
    nested: Any = "the bottom"
    for _ in range(2000):
        nested = [nested]

    assert len(str(Redactor().value(nested))) < LONGEST_TEXT + 200


def test_a_text_is_cut_where_nobody_reads_on() -> None:
    assert len(Redactor().text("x" * 1_000_000)) < LONGEST_TEXT + 50
