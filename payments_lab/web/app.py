"""The routes of the payments and the orders service."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request, Security
from fastapi.security import APIKeyCookie
from pydantic import Field

from payments_lab.shop.errors import InvalidRequest, NotTheOwner, OrderNotFound
from payments_lab.shop.money import CURRENCIES, LARGEST_AMOUNT
from payments_lab.shop.orders import Order, OrdersService
from payments_lab.shop.payments import PaymentsService
from payments_lab.web import health, replies
from payments_lab.web.bodies import Body, read
from payments_lab.web.sessions import COOKIE, Sessions
from payments_lab.web.tracing import Traced

LONGEST_KEY = 255
IdempotencyKey = Annotated[str | None, Header(json_schema_extra={"minLength": 1, "maxLength": LONGEST_KEY})]


class NewPayment(Body):
    """What the browser sends once it has turned a card into a token."""

    order_id: Annotated[str, Field(min_length=1, max_length=200)]
    token: Annotated[str, Field(min_length=1, max_length=200)]


class NewOrder(Body):
    """``price`` in minor units of ``currency``."""

    price: Annotated[int, Field(json_schema_extra={"minimum": 1, "maximum": LARGEST_AMOUNT})]
    currency: Annotated[str, Field(json_schema_extra={"enum": [*sorted(CURRENCIES)]})] = "usd"


def create_app(
    sessions: Sessions,
    *,
    payments: PaymentsService | None = None,
    orders: OrdersService | None = None,
    ready: health.Check | None = None,
    longest_lag: float = health.LONGEST_LAG,
) -> FastAPI:
    """An app with the routes of the services given.

    ``ready`` raises ConnectionError while an engine is away; ``longest_lag`` is how many seconds an event may wait for
    the bus before the app calls itself not ready.
    """
    app = FastAPI(
        title="payments_lab",
        summary="An event-driven payments service",
        docs_url="/docs",
        redoc_url=None,
        responses={"default": {"model": replies.Errors, "description": "What went wrong"}},
    )
    replies.install(app)
    user = _user_of(sessions)
    if payments is not None:
        _payments_routes(app, payments, user)
    if orders is not None:
        _orders_routes(app, orders, user)
    health.install(app, ready, longest_lag)
    app.add_middleware(Traced)
    return app


def _user_of(sessions: Sessions) -> Any:
    async def user(session: Annotated[str | None, Security(APIKeyCookie(name=COOKIE, auto_error=False))]) -> str:
        found = sessions.user(session)
        if found is None:
            raise replies.NotSignedIn
        return found

    return Depends(user)


def _payments_routes(app: FastAPI, service: PaymentsService, user: Any) -> None:
    @app.post("/api/payments", status_code=201, openapi_extra=_takes(NewPayment), tags=["payments"])
    async def pay(  # pyright: ignore[reportUnusedFunction]
        request: Request, user_id: str = user, idempotency_key: IdempotencyKey = None
    ) -> dict[str, str]:
        """Charge the order's price to a card. The same Idempotency-Key gives the same answer, and no second charge."""
        _check_key(idempotency_key)
        body = await read(request, NewPayment)
        payment = await service.create_charge(
            order_id=body.order_id, token=body.token, user_id=user_id, idempotency_key=idempotency_key
        )
        return {"id": payment.id}

    @app.get("/api/payments/{payment_id}", tags=["payments"])
    async def payment(payment_id: str, user_id: str = user) -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        """One of the user's own payments."""
        document = await service.payments.find_one({"_id": payment_id, "userId": user_id})
        if document is None:
            raise OrderNotFound(f"there is no payment {payment_id!r}")
        attempt = document["attempt"]
        return {
            "id": document["_id"],
            "orderId": document["orderId"],
            "status": document["status"],
            "amount": attempt["amount"],
            "currency": attempt["currency"],
        }


def _orders_routes(app: FastAPI, service: OrdersService, user: Any) -> None:
    @app.post("/api/orders", status_code=201, openapi_extra=_takes(NewOrder), tags=["orders"])
    async def create(request: Request, user_id: str = user) -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        """Order a ticket."""
        body = await read(request, NewOrder)
        return _shown(await service.create(user_id=user_id, price=body.price, currency=body.currency))

    @app.get("/api/orders/{order_id}", tags=["orders"])
    async def show(order_id: str, user_id: str = user) -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        """One of the user's own orders."""
        order = await service.get(order_id)
        if order.user_id != user_id:
            raise NotTheOwner(f"order {order_id} belongs to somebody else")
        return _shown(order)

    @app.delete("/api/orders/{order_id}", tags=["orders"])
    async def cancel(order_id: str, user_id: str = user) -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        """Call an order off; money that was paid for it goes back."""
        return _shown(await service.cancel(order_id, user_id=user_id))


def _check_key(key: str | None) -> None:
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise InvalidRequest(f"an Idempotency-Key has 1 to {LONGEST_KEY} characters")


def _takes(model: type[Body]) -> dict[str, Any]:
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _shown(order: Order) -> dict[str, Any]:
    return order.model_dump(mode="json", by_alias=True)
