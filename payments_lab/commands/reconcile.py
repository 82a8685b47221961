"""Stripe, payments and orders side by side."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from payments_lab.commands import BAD, GOOD, WrongUse
from payments_lab.commands.serve import add_engines, settings_of

if TYPE_CHECKING:
    from payments_lab.settings import Settings
    from payments_lab.shop.audit import Difference

HELP = "compare Stripe, payments and orders, and name every difference"


def configure(parser: argparse.ArgumentParser) -> None:
    add_engines(parser)
    parser.add_argument("--fix", action="store_true", help="mend what differs, then look again")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    if settings.mongo_url is None:
        raise WrongUse("an embedded shop has no books outside its own process; name the shop's MongoDB with --mongo")
    mended, left = asyncio.run(_reconcile(settings, arguments.fix))
    if arguments.json:
        print(json.dumps({"mended": [asdict(each) for each in mended], "differences": [asdict(each) for each in left]}))
    else:
        for word, differences in (("mended", mended), ("differs", left)):
            for each in differences:
                print(f"{word}: {each.order_id}: {each.rule}: {each.message}")
        print("the books agree" if not left else f"{len(left)} differences; --fix mends them")
    return BAD if left else GOOD


async def _reconcile(settings: Settings, fix: bool) -> tuple[list[Difference], list[Difference]]:
    from payments_lab.connected import connect_shop
    from payments_lab.shop.reconcile import Reconciler

    shop = await connect_shop(settings, name="reconcile")
    try:
        reconciler = Reconciler(shop.orders, shop.payments)
        mended = await reconciler.heal() if fix else []
        return mended, await reconciler.differences()
    finally:
        await shop.close()
