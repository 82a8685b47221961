"""The whole flow, end to end, on embedded engines."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from typing import Any

HELP = "the whole flow, end to end, on embedded engines: order created, replicated, charged, completed"

SHOPPERS = ("ada", "grace", "alan", "barbara", "edsger")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="who buys what, and what the bus does where it may choose")


def run(arguments: argparse.Namespace) -> int:
    facts, picture = asyncio.run(_tell(arguments.seed))
    print(json.dumps(facts, indent=2) if arguments.json else picture)
    return 0 if facts["order"]["status"] == "complete" else 1


async def _tell(seed: int) -> tuple[dict[str, Any], str]:
    from payments_lab.lab import Lab

    choose = random.Random(seed)
    shopper, price = (choose.choice(SHOPPERS), choose.randrange(5, 100) * 100) if seed else ("ada", 2000)
    lab = Lab(seed=seed)
    order = await lab.orders.create(user_id=shopper, price=price)
    await lab.settle()
    payment = await lab.payments.create_charge(order_id=order.id, token="tok_visa", user_id=shopper)
    await lab.settle()
    final = await lab.orders.get(order.id)
    (charge,) = lab.stripe.charges()
    facts = {
        "order": {
            "id": final.id,
            "userId": final.user_id,
            "status": final.status,
            "version": final.version,
            "price": final.price,
            "currency": final.currency,
        },
        "charge": {name: charge[name] for name in ("id", "amount", "currency", "status")},
        "payment": {"id": payment.id, "orderId": payment.order_id, "stripeId": payment.stripe_id},
        "events": lab.delivered(),
        "seed": seed,
    }
    return facts, str(lab.timeline())
