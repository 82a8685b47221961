"""The routes of the payments and the orders service."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyCookie
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from payments_lab.shop.errors import InvalidRequest, NotTheOwner, OrderNotFound
from payments_lab.shop.money import CURRENCIES, LARGEST_AMOUNT
from payments_lab.shop.orders import Order, OrdersService
from payments_lab.shop.payments import Payment, PaymentsService
from payments_lab.web import health, page, replies, signing_in, webhooks
from payments_lab.web.bodies import Body, parse, read, read_bytes, takes, validate
from payments_lab.web.sessions import COOKIE, Sessions
from payments_lab.web.tracing import Traced

LONGEST_KEY = 255
IdempotencyKey = Annotated[str | None, Header(json_schema_extra={"minLength": 1, "maxLength": LONGEST_KEY})]


class NewPayment(Body):
    """What the browser sends once it has turned a card into a token."""

    order_id: Annotated[str, Field(min_length=1, max_length=200)]
    token: Annotated[str, Field(min_length=1, max_length=200)]


class NewIntent(Body):
    """The same by today's way: a payment method, for a payment intent."""

    order_id: Annotated[str, Field(min_length=1, max_length=200)]
    payment_method: Annotated[str, Field(min_length=1, max_length=200)]


class Paid(BaseModel):
    """The money is there."""

    id: str


class ToBeContinued(BaseModel):
    """The buyer is to go where ``nextAction`` says, and then to ask again with the same Idempotency-Key.

    ``status``, ``clientSecret`` and ``nextAction`` are what Stripe calls them.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: str
    status: str
    client_secret: str
    next_action: dict[str, Any] | None


class NewOrder(Body):
    """``price`` in minor units of ``currency``."""

    price: Annotated[int, Field(json_schema_extra={"minimum": 1, "maximum": LARGEST_AMOUNT})]
    currency: Annotated[str, Field(json_schema_extra={"enum": [*sorted(CURRENCIES)]})] = "usd"


def create_app(
    sessions: Sessions,
    *,
    payments: PaymentsService | None = None,
    orders: OrdersService | None = None,
    stripe: webhooks.Webhooks | None = None,
    public_url: str | None = None,
    ready: health.Check | None = None,
    longest_lag: float = health.LONGEST_LAG,
) -> FastAPI:
    """An app with the routes of the services given.

    ``stripe`` takes Stripe's events. ``public_url`` is where buyers see the shop: the bank's page leads back there.
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
        _payments_routes(app, payments, user, f"{public_url}/" if public_url else None)
    if orders is not None:
        _orders_routes(app, orders, user)
    if payments is not None and orders is not None:
        page.install(app)
    signing_in.install(app, sessions, user, secure=(public_url or "").startswith("https:"))
    if stripe is not None:
        webhooks.install(app, stripe)
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


def _payments_routes(app: FastAPI, service: PaymentsService, user: Any, return_url: str | None) -> None:
    @app.post(
        "/api/payments",
        status_code=201,
        response_model=Paid,
        responses={202: {"model": ToBeContinued, "description": "Not done yet: the buyer's bank asks the buyer first"}},
        openapi_extra=takes(NewPayment, NewIntent),
        tags=["payments"],
    )
    async def pay(  # pyright: ignore[reportUnusedFunction]
        request: Request, user_id: str = user, idempotency_key: IdempotencyKey = None
    ) -> Any:
        """Take the order's price. The same Idempotency-Key gives the same answer, and takes nothing twice."""
        _check_key(idempotency_key)
        body = _read_payment(parse(await read_bytes(request)))
        who: Any = {"order_id": body.order_id, "user_id": user_id, "idempotency_key": idempotency_key}
        if isinstance(body, NewPayment):
            return {"id": (await service.create_charge(token=body.token, **who)).id}
        payment = await service.create_intent(payment_method=body.payment_method, return_url=return_url, **who)
        if isinstance(payment, Payment):
            return {"id": payment.id}
        shown = ToBeContinued.model_validate(payment.model_dump())
        return JSONResponse(shown.model_dump(by_alias=True), 202)

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
    @app.post("/api/orders", status_code=201, openapi_extra=takes(NewOrder), tags=["orders"])
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


def _read_payment(document: Any) -> NewPayment | NewIntent:
    by_intent = isinstance(document, dict) and "paymentMethod" in document and "token" not in document
    return validate(document, NewIntent if by_intent else NewPayment)


def _check_key(key: str | None) -> None:
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise InvalidRequest(f"an Idempotency-Key has 1 to {LONGEST_KEY} characters")


def _shown(order: Order) -> dict[str, Any]:
    return order.model_dump(mode="json", by_alias=True)
