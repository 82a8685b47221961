"""The in-process door: the real ``stripe`` library, without a network."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import stripe
from stripe._api_requestor import _APIRequestor  # pyright: ignore[reportPrivateUsage]
from stripe._v1_services import V1Services
from stripe._v2_services import V2Services

from payments_lab.local_stripe.requests import Request, Response
from payments_lab.local_stripe.wire import read_request
from payments_lab.ports import Ids, LabClock, Operation, checkpoint

if TYPE_CHECKING:
    from payments_lab.local_stripe.service import LocalStripe

Answer = tuple[str, int, Mapping[str, str]]


class InProcessTransport(stripe.HTTPClient):
    """Hands the library's requests to a :class:`LocalStripe`; its retries do not wait.

    A slow reply moves the lab's clock; one that is slower than ``patience`` seconds is a timeout.
    """

    name = "in-process"

    def __init__(self, service: LocalStripe, patience: float = 80.0) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self._service = service
        self._patience = patience

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any) -> Answer:
        return self._exchange(_parse(method, url, headers or {}, post_data))

    async def request_async(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any
    ) -> Answer:
        """One checkpoint on the resource ``stripe``: the answer depends on its arguments, the state and the clock."""
        request = _parse(method, url, headers, post_data)
        arguments = {
            "params": request.params,
            "idempotency_key": request.idempotency_key,
            "api_key": request.api_key,
            "version": request.version,
        }
        writes = request.writes or self._service.writes_by_itself()
        operation = Operation("stripe", f"{request.method} {request.path}", arguments, writes)
        return await checkpoint(operation, lambda: self._exchange(request))

    def sleep_async(self, secs: float) -> Awaitable[None]:
        return _at_once()

    def close(self) -> None:
        """Nothing is open."""

    async def close_async(self) -> None:
        """Nothing is open."""

    def _sleep_time_seconds(self, num_retries: int) -> float:
        return 0.0

    def _exchange(self, request: Request) -> Answer:
        response = self._service.exchange(request)
        if response is None:
            _lose(request)
        if response.delay:
            self._wait(request, response)
        return response.body, response.status, response.headers

    def _wait(self, request: Request, response: Response) -> None:
        clock = self._service.clock
        if isinstance(clock, LabClock):
            clock.advance(min(response.delay, self._patience))
        if response.delay > self._patience:
            raise stripe.APIConnectionError(
                f"{request.method} {request.path} timed out after {self._patience:g} seconds; nobody knows whether it "
                "was carried out.",
                should_retry=True,
            )


class KeyedRequestor(_APIRequestor):
    """The library's requestor, whose own idempotency keys come from an id port: one for every call that names none."""

    def __init__(self, options: Any, client: Any, ids: Ids) -> None:
        super().__init__(options=options, client=client)
        self._ids = ids

    def _new_requestor_with_options(self, options: Any) -> KeyedRequestor:
        fresh: Any = super()._new_requestor_with_options(options)
        return KeyedRequestor(fresh._options, fresh._client, self._ids)

    def request_headers(self, method: Any, api_mode: Any, options: Any) -> dict[str, str]:
        if method == "post" and not options.get("idempotency_key"):
            options = {**options, "idempotency_key": self._ids.new("key")}
        return super().request_headers(method, api_mode, options)


def in_process_client(
    service: LocalStripe, api_key: str, ids: Ids, patience: float, options: dict[str, Any]
) -> stripe.StripeClient:
    """A client of ``service``. Keys that the library makes up come from ``ids``, so that a run repeats."""
    client: Any = stripe.StripeClient(api_key, http_client=InProcessTransport(service, patience), **options)
    requestor = KeyedRequestor(client._requestor._options, client._requestor._client, ids)
    client._requestor = requestor
    client.v1 = V1Services(requestor)
    client.v2 = V2Services(requestor)
    return client


def _parse(method: str, url: str, headers: Mapping[str, str], body: Any) -> Request:
    parts = urlsplit(url)
    form = body if isinstance(body, str) and body else parts.query
    return read_request(method.upper(), parts.path, form, headers)


def _lose(request: Request) -> NoReturn:
    raise stripe.APIConnectionError(
        f"The connection was lost during {request.method} {request.path}; nobody knows whether it was carried out.",
        should_retry=True,
    )


async def _at_once() -> None:
    return None
