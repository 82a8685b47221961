"""The swarm: short lives under chaos, each from its seed."""

from __future__ import annotations

import json

import pytest

from payments_lab.cli import main
from payments_lab.shop.payments import Payment, PaymentsService
from payments_lab.shop.status import PaymentStatus
from payments_lab.swarm import live

LIVES = 250


class Naive(PaymentsService):
    """Checks, then charges, then saves, then publishes, as the course ends."""

    async def create_charge(
        self, *, order_id: str, token: str, user_id: str, idempotency_key: str | None = None
    ) -> Payment:
        order = await self._order_to_pay(order_id, token, user_id)
        self._check_payable(order)
        charge = await self.stripe.v1.charges.create_async(
            {"amount": order.price, "currency": order.currency, "source": token, "metadata": {"orderId": order_id}}
        )
        payment = {"_id": self.ids.new("pay"), "orderId": order_id, "stripeId": charge.id, "status": "paid"}
        payment["attempt"] = {"id": "", "amount": order.price, "currency": order.currency}
        await self.payments.insert_one(payment)
        return Payment(
            id=payment["_id"],
            order_id=order_id,
            stripe_id=charge.id,
            amount=order.price,
            currency=order.currency,
            status=PaymentStatus.PAID,
        )


def test_the_hardened_service_keeps_its_books_in_every_life_and_every_fault_bites() -> None:
    lives = [live(seed) for seed in range(LIVES)]

    assert [(life.seed, life.differences) for life in lives if life.differences] == []
    assert sum(life.payments for life in lives) > LIVES / 4
    for bites in (
        sum(life.deaths for life in lives),
        sum(life.stripe_faults for life in lives),
        sum(life.redeliveries for life in lives),
    ):
        assert bites > 50


def test_a_naive_service_is_caught_losing_money_in_several_ways() -> None:
    rules = {difference.rule for seed in range(60) for difference in live(seed, Naive).differences}

    assert {"charged-at-most-once", "charge-has-payment", "payment-is-published", "paid-order-completes"} <= rules


def test_a_seed_replays_the_same_life() -> None:
    assert live(103) == live(103)
    assert live(103).story != live(104).story


def test_the_command_prints_its_figures_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["swarm", "--lives", "5", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["lives"] == 5


def test_the_command_shows_the_story_of_a_failing_seed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments_lab.swarm.live", lambda seed: live(seed, Naive))

    assert main(["swarm"]) == 1

    told = capsys.readouterr().out
    assert "charge 1000 usd" in told
    assert "replay: payments-lab swarm --lives 1 --seed" in told
