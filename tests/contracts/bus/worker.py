"""A process that is one member of a queue group: it writes down what it hears, then acknowledges.

python -m tests.contracts.bus.worker URL NAMESPACE FILE
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from payments_lab.bus import ConsumerConfig, Delivery
from payments_lab.bus.connect import connect
from tests.contracts.bus.worlds import SUBJECTS

CONFIG = ConsumerConfig(ack_wait=1.0, max_deliver=100)


async def work(url: str, namespace: str, book: Path) -> None:
    bus = await connect(url, name="worker", subjects=SUBJECTS, namespace=namespace)
    with book.open("ab", buffering=0) as pages:

        async def write_down(delivery: Delivery) -> None:
            await asyncio.sleep(0.002)
            pages.write(delivery.data + b"\n")
            await delivery.ack()

        await bus.subscribe("order:created", write_down, queue="workers", config=CONFIG)
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    url, namespace, file = sys.argv[1:]
    asyncio.run(work(url, namespace, Path(file)))
