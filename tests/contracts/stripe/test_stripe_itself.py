"""Stripe itself, where there is an account: then every test of the contract runs against it too."""

from __future__ import annotations

import pytest

from tests.contracts.stripe import doubles


def test_a_test_account_is_held_to_the_whole_contract() -> None:
    if doubles.account_key() is None:
        pytest.skip("needs STRIPE_KEY: the secret key of a Stripe test account, sk_test_…")

    assert doubles.itself().v1.balance.retrieve().livemode is False


@pytest.mark.parametrize("prefix", doubles.LIVE_KEYS)
def test_a_live_key_is_refused(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    monkeypatch.setenv("STRIPE_KEY", f"{prefix}x")

    with pytest.raises(RuntimeError, match="these tests move money"):
        doubles.itself()
