"""A server that takes payments, for ``bench_web`` and ``soak``: ours, or a bare route with the same raw engine calls.

``python -m benchmarks.payment_server ours|bare|forgetful PORT ORDERS [ENGINES as JSON]``; orders ``ord_0`` to
``ord_ORDERS`` are ada's, and open. The forgetful one is ours on a database that throws away what is paid, and makes
new orders instead.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI, Request

from payments_lab.bus.redis_streams import PUBLISH_ONCE
from payments_lab.connected import connect_shop, stripe_client
from payments_lab.ports import SystemClock
from payments_lab.settings import Settings
from payments_lab.telemetry.logs import write_logs
from payments_lab.web.app import create_app
from payments_lab.web.sessions import Sessions

KEY = "a key that signs the sessions of this benchmark"
USER = "ada"
PRICE = 2000


def orders(first: int, count: int) -> list[dict[str, Any]]:
    """Replicas as payments keep them."""
    expires_at = datetime.now(UTC) + timedelta(days=1)
    return [
        {
            "_id": f"ord_{number}",
            "version": 0,
            "userId": USER,
            "price": PRICE,
            "currency": "usd",
            "status": "created",
            "expiresAt": expires_at,
        }
        for number in range(first, first + count)
    ]


async def ours(settings: Settings, count: int) -> FastAPI:
    """The payments service as ``payments-lab serve`` runs it, its log included."""
    write_logs("payments", secrets=[KEY])
    shop = await connect_shop(settings, name="benchmark", services=("payments",))
    for document in orders(0, count):
        await shop.payments.orders.insert_one(document)
    await shop.start(("payments",))
    app = create_app(Sessions(SystemClock(), KEY), payments=shop.payments, ready=shop.ready)
    app.state.payments = shop.payments
    return app


async def forgetful(settings: Settings, count: int) -> FastAPI:
    app = await ours(settings, 0)
    asyncio.get_running_loop().create_task(_keep_a_window(app.state.payments, count), name="window")
    return app


async def _keep_a_window(payments: Any, count: int) -> None:
    """Orders and payments go half a second after they are paid, when no request works on them any more."""
    made = 0
    settled: list[str] = []
    orders_kept, payments_kept = payments.orders._collection, payments.payments._collection
    while True:
        orders_kept.delete_many({"_id": {"$in": settled}})
        payments_kept.delete_many({"orderId": {"$in": settled}})
        settled = [each["orderId"] for each in payments_kept.find({"status": "paid"})]
        missing = count - orders_kept.count_documents({})
        if missing > 0:
            orders_kept.insert_many(orders(made, missing))
            made += missing
        await asyncio.sleep(0.5)


async def bare(settings: Settings, count: int) -> FastAPI:
    """One route that makes the calls of a payment that goes well, in their order, and nothing else."""
    app = FastAPI()
    database, publish, stripe = await _database(settings), await _publisher(settings), stripe_client(settings)
    await _soon(database["payments"].create_index("orderId", unique=True))
    for document in orders(0, count):
        await _soon(database["orders"].insert_one(document))

    @app.post("/api/payments", status_code=201)
    async def pay(request: Request) -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        body = await request.json()
        order_id, payment_id = body["orderId"], f"pay_{body['orderId']}"
        order = await _soon(database["orders"].find_one({"_id": order_id}))
        await _soon(database["payments"].find_one({"orderId": order_id}))
        await _soon(database["payments"].insert_one({"_id": payment_id, "orderId": order_id, "status": "charging"}))
        wanted: Any = {"amount": order["price"], "currency": order["currency"], "source": body["token"]}
        charge = await stripe.v1.charges.create_async(wanted, {"idempotency_key": payment_id})
        row = {"_id": payment_id, "stripeId": charge.id}
        await _soon(database["outbox"].update_one({"_id": payment_id}, {"$setOnInsert": row}, upsert=True))
        paid = {"$set": {"status": "paid", "stripeId": charge.id}}
        await _soon(database["payments"].find_one_and_update({"_id": payment_id}, paid))
        await publish(payment_id, json.dumps({"id": payment_id, "orderId": order_id, "stripeId": charge.id}).encode())
        await _soon(database["orders"].find_one({"_id": order_id}))
        await _soon(database["outbox"].delete_one({"_id": payment_id}))
        return {"id": payment_id}

    return app


async def _soon(answer: Any) -> Any:
    """mongomock answers at once, PyMongo's asynchronous client when it is awaited."""
    return await answer if asyncio.iscoroutine(answer) else answer


async def _database(settings: Settings) -> Any:
    if settings.mongo_url is None:
        import mongomock

        return mongomock.MongoClient(tz_aware=True)["bare"]
    from pymongo import AsyncMongoClient

    return AsyncMongoClient(settings.mongo_url, tz_aware=True)["bare"]


async def _publisher(settings: Settings) -> Any:
    if settings.bus_url is None:
        from fakeredis.aioredis import FakeRedis

        script: Any = FakeRedis().register_script(PUBLISH_ONCE)
        return lambda message_id, data: script(keys=["stream", message_id], args=["120000", "d", data])
    import nats

    stream = (await nats.connect(settings.bus_url)).jetstream()
    await stream.add_stream(name="bare", subjects=["bare"])
    return lambda message_id, data: stream.publish("bare", data, headers={"Nats-Msg-Id": message_id})


KINDS = {"ours": ours, "bare": bare, "forgetful": forgetful}


async def main(which: str, port: str, count: str, engines: str = "{}") -> None:
    settings = Settings.load(env_file=None, **json.loads(engines))
    app = await KINDS[which](settings, int(count))
    await uvicorn.Server(uvicorn.Config(app, port=int(port), log_level="warning", access_log=False)).serve()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
