"""The local Stripe over HTTP: for curl, for browsers, for other languages, and for those who mean no good."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import stripe

from payments_lab.local_stripe import LocalStripe
from payments_lab.local_stripe.fixtures import StripeServer
from payments_lab.local_stripe.server import LARGEST_BODY, StripeApp
from payments_lab.local_stripe.serving import MovedClock, open_socket
from payments_lab.ports import LabClock
from tests.local_stripe.endpoints import listening, wait_until

KEY = {"Authorization": "Bearer sk_test_x"}
PLAIN = {"amount": "2000", "currency": "usd", "source": "tok_visa"}
PATIENCE = 30.0
UNKNOWN = (
    "/",
    "/v1",
    "/v1/",
    "/v1//",
    "/v1/charges/",
    "/v1/charges//capture",
    "/v1/charges/a/b/c/d",
    "/v1/%2e%2e/charges",
    "/v2/core/events",
    "/../etc/passwd",
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def app() -> StripeApp:
    return StripeApp(LocalStripe(LabClock()))


@pytest.fixture
async def http(app: StripeApp) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app, without a socket between."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),  # pyright: ignore[reportArgumentType]
        base_url="http://stripe.test",
        headers=KEY,
    ) as client:
        yield client


async def test_a_form_is_answered_with_json(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/charges", data=PLAIN)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["paid"] is True
    assert answer.headers["request-id"] == "req_1"


async def test_every_request_has_an_id_of_its_own(http: httpx.AsyncClient) -> None:
    ids = [(await http.get("/v1/charges")).headers["request-id"] for _ in range(3)]

    assert ids == ["req_1", "req_2", "req_3"]


async def test_curl_may_send_the_key_as_a_users_name(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/charges", headers={"Authorization": ""}, auth=("sk_test_x", ""))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff\xfe:").decode(),
        "Basic " + base64.b64encode(b":sk_test_x").decode(),
        "Digest sk_test_x",
        "sk_test_x",
    ],
)
async def test_bad_authorization_is_a_401(http: httpx.AsyncClient, authorization: str) -> None:
    answer = await http.post("/v1/charges", data=PLAIN, headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("a[b=1", None),
        ("[]=1", None),
        ("a" + "[b]" * 100 + "=1", None),
        ("&".join(f"a{n}=1" for n in range(5000)), None),
        ("amount=%ff&currency=usd&source=tok_visa", None),
        ("amount=2000&currency=usd&source=%00", None),
        ("\x00\x01\x02", None),
        (b"\xff\xfe\xfd", None),
        ("{}", "application/json"),
        ('{"amount": 2000}', "application/json; charset=utf-8"),
        ("<amount>2000</amount>", "text/xml"),
        ("--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
    ],
)
async def test_a_body_that_is_no_form_is_a_400(http: httpx.AsyncClient, body: Any, kind: str | None) -> None:
    headers = {"Content-Type": kind or "application/x-www-form-urlencoded"}

    answer = await http.post("/v1/charges", content=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_a_huge_body_is_a_413(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/charges", content=b"a" * (LARGEST_BODY + 1))

    assert answer.status_code == 413
    assert answer.json()["error"]["message"] == "Request body is too large."


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "BREW"])
async def test_a_wrong_method_is_an_unknown_address(http: httpx.AsyncClient, method: str) -> None:
    answer = await http.request(method, "/v1/charges")

    assert answer.status_code == 404
    assert f"Unrecognized request URL ({method}: /v1/charges)" in answer.json()["error"]["message"]


async def test_a_head_has_no_body(http: httpx.AsyncClient) -> None:
    answer = await http.head("/v1/charges")

    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1//",
        "/v1/charges/",
        "/v1/charges//capture",
        "/v2/core/events",
        "/v1/charges/a/b/c/d",
        "/v1/%2e%2e/charges",
        "/../etc/passwd",
    ],
)
async def test_an_unknown_path_is_a_404(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


async def test_a_slash_at_the_end_is_explained(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/charges/")

    assert "remove the trailing slash" in answer.json()["error"]["message"]


async def test_what_only_stripe_itself_has_is_told_apart_from_a_wrong_address(http: httpx.AsyncClient) -> None:
    elsewhere = (await http.get("/v1/subscriptions")).json()["error"]["message"]
    wrong = (await http.get("/v1/charges/ch_1/nothing")).json()["error"]["message"]

    assert "The local Stripe has balance, balance_transactions, charges, customers," in elsewhere
    assert "The local Stripe has" not in wrong


async def test_query_and_body_are_read_together(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/charges?expand[]=balance_transaction", data=PLAIN)

    assert answer.json()["balance_transaction"]["object"] == "balance_transaction"


async def test_a_browser_on_another_page_may_ask(http: httpx.AsyncClient) -> None:
    answer = await http.options("/v1/tokens")

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")


async def test_text_of_any_language_comes_back_as_it_went(http: httpx.AsyncClient) -> None:
    said = "Ünïcödé ✓ 日本 \U0001f600 \"'<&>"

    answer = await http.post("/v1/charges", data={**PLAIN, "description": said, "metadata[said]": said})

    assert (answer.json()["description"], answer.json()["metadata"]["said"]) == (said, said)


async def test_a_header_of_the_client_does_not_become_one_of_ours(http: httpx.AsyncClient) -> None:
    headers = {"Stripe-Version": b"2020-08-27", "Idempotency-Key": "k\u00e9y".encode("latin-1")}

    answer = await http.get("/v1/charges", headers=headers)

    assert answer.headers["stripe-version"] == "2020-08-27"
    assert answer.headers["idempotency-key"].encode("latin-1") == b"k\xe9y"


async def test_faults_are_asked_for_over_http(http: httpx.AsyncClient, app: StripeApp) -> None:
    made = await http.post("/_local/faults", data={"kind": "rate_limit", "times": "2", "path": "/v1/charges"})
    limited = [(await http.post("/v1/charges", data=PLAIN)).status_code for _ in range(3)]
    await http.post("/_local/faults", data={"kind": "error_before"})
    gone = await http.delete("/_local/faults")

    assert made.json()["faults"][0]["kind"] == "rate limit"
    assert limited == [429, 429, 200]
    assert (gone.json(), (await http.get("/_local/faults")).json()) == ({"faults": []}, {"faults": []})


@pytest.mark.parametrize("kind", ["connection_refused", "lose_reply"])
async def test_a_line_that_goes_dead_is_dead_for_the_app_too(
    http: httpx.AsyncClient, app: StripeApp, kind: str
) -> None:
    await http.post("/_local/faults", data={"kind": kind})

    with pytest.raises(ConnectionResetError):
        await http.post("/v1/charges", data=PLAIN)

    assert len(app.stripe.charges()) == (1 if kind == "lose_reply" else 0)


async def test_the_person_in_charge_does_what_stripe_has_no_address_for(
    http: httpx.AsyncClient, app: StripeApp
) -> None:
    await http.post("/v1/webhook_endpoints", data={"url": "http://shop.test/hook", "enabled_events[]": "*"})
    await http.post("/v1/charges", data=PLAIN)
    before = app.stripe.clock.now()

    overview = (await http.get("/_local")).json()
    resent = (await http.post("/_local/resend", data={"event": "evt_1"})).json()
    waiting = (await http.get("/_local/webhooks")).json()
    advanced = await http.post("/_local/advance", data={"seconds": "60"})

    assert overview["charges"] == 1
    assert "POST /_local/faults" in overview["calls"]
    assert [each["type"] for each in resent["deliveries"]] == ["charge.succeeded"]
    assert len(waiting["deliveries"]) == 2
    assert advanced.status_code == 200
    assert (app.stripe.clock.now() - before).total_seconds() == 60
    assert (await http.post("/_local/reset")).json() == {"charges": 0}
    assert app.stripe.charges() == []


@pytest.mark.parametrize(
    ("call", "form", "status"),
    [
        ("/_local/nothing", {}, 404),
        ("/_local/faults", {}, 400),
        ("/_local/faults", {"kind": "thunder"}, 400),
        ("/_local/faults", {"kind": "slow", "after": "-1"}, 400),
        ("/_local/faults", {"kind": "slow", "seconds": "-1"}, 400),
        ("/_local/authenticate", {"payment_intent": "pi_nobody"}, 400),
        ("/_local/resend", {"event": "evt_nobody"}, 400),
        ("/_local/advance", {"seconds": "soon"}, 400),
        ("/_local/advance", {"se[": "1"}, 400),
        ("/_local/keys", {"key": "sk_test_x", "to[]": "charges:read"}, 400),
    ],
)
async def test_a_wrong_order_of_the_person_in_charge_is_explained(
    http: httpx.AsyncClient, call: str, form: dict[str, str], status: int
) -> None:
    answer = await http.post(call, data=form)

    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_a_clock_that_stands_for_the_machines_cannot_be_moved() -> None:
    from payments_lab.ports import SystemClock

    app = StripeApp(LocalStripe(SystemClock()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://stripe.test") as http:  # pyright: ignore[reportArgumentType]
        answer = await http.post("/_local/advance", data={"seconds": "60"})

    assert (answer.status_code, "nobody can move" in answer.text) == (400, True)


@pytest.mark.parametrize(("outcome", "status"), [("succeed", "succeeded"), ("fail", "failed")])
async def test_a_buyer_goes_through_the_banks_page_and_back_to_the_shop(
    http: httpx.AsyncClient, app: StripeApp, outcome: str, status: str
) -> None:
    asked = {
        "amount": "2000",
        "currency": "usd",
        "payment_method": "pm_card_authenticationRequired",
        "confirm": "true",
        "return_url": "https://shop.test/back?order=7",
    }
    made = (await http.post("/v1/payment_intents", data=asked)).json()
    page = made["next_action"]["redirect_to_url"]["url"]
    assert page == f"http://stripe.test/3d-secure/{made['id']}"

    shown = await http.get(page)
    answered = await http.post(page, data={"outcome": outcome})

    assert "Complete authentication" in shown.text
    assert "<script" not in shown.text
    assert answered.status_code == 303
    assert answered.headers["location"].startswith("https://shop.test/back?order=7&payment_intent=pi_1&")
    assert answered.headers["location"].endswith(f"redirect_status={status}")
    assert (await http.get(page)).status_code == 404


async def test_without_a_return_url_the_banks_page_says_how_it_went(http: httpx.AsyncClient) -> None:
    asked = {
        "amount": "2000",
        "currency": "usd",
        "payment_method": "pm_card_authenticationRequired",
        "confirm": "true",
        "automatic_payment_methods[enabled]": "true",
        "automatic_payment_methods[allow_redirects]": "never",
    }
    made = (await http.post("/v1/payment_intents", data=asked)).json()
    page = made["next_action"]["use_stripe_sdk"]["stripe_js"]

    assert "succeeded" in (await http.post(page, data={"outcome": "succeed"})).text


async def test_a_buyer_can_be_played_over_http(http: httpx.AsyncClient) -> None:
    asked = {"amount": "2000", "currency": "usd", "payment_method": "pm_card_authenticationRequired"}
    more = {"confirm": "true", "return_url": "https://shop.test"}
    made = (await http.post("/v1/payment_intents", data={**asked, **more})).json()

    answer = await http.post("/_local/authenticate", data={"payment_intent": made["id"]})

    assert answer.json()["status"] == "succeeded"


async def test_the_app_speaks_no_websocket(app: StripeApp) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    await app({"type": "websocket"}, receive, send)

    assert sent == [{"type": "websocket.close", "code": 1000}]


async def test_a_client_that_leaves_before_it_has_asked_is_let_go(app: StripeApp) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError("there is nobody to answer")

    await app({"type": "http", "headers": [], "method": "POST", "path": "/v1/charges"}, receive, send)

    assert app.stripe.charges() == []


def test_the_library_works_over_a_socket(stripe_server: StripeServer) -> None:
    client = stripe_server.client()

    made = client.v1.charges.create({"amount": 2000, "currency": "usd", "source": "tok_visa"})
    with pytest.raises(stripe.CardError):
        client.v1.charges.create({"amount": 2000, "currency": "usd", "source": "tok_chargeDeclined"})

    assert client.v1.refunds.create({"charge": made.id}).status == "succeeded"


@pytest.mark.filterwarnings("ignore:Use 'content")
async def test_the_asynchronous_library_works_over_a_socket(stripe_server: StripeServer) -> None:
    made = await stripe_server.client().v1.charges.create_async(
        {"amount": 2000, "currency": "usd", "source": "tok_visa"}
    )

    assert made.paid is True


def test_a_line_goes_dead_where_httptools_is_not_installed_too() -> None:
    without = "import sys; sys.modules['httptools'] = None; from payments_lab.cli import main; main()"
    command = [sys.executable, "-c", without, "stripe", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        httpx.post(f"{url}/_local/faults", data={"kind": "lose_reply", "path": "/v1/charges"})
        with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
            httpx.post(f"{url}/v1/charges", data=PLAIN, headers=KEY)
        charges = httpx.get(f"{url}/v1/charges", headers=KEY).json()["data"]
        server.terminate()
        server.wait(PATIENCE)

    assert len(charges) == 1


@pytest.mark.parametrize("kind", ["connection_refused", "lose_reply"])
def test_a_dead_line_is_a_connection_error_that_the_library_retries(stripe_server: StripeServer, kind: str) -> None:
    key = f"line-{kind}"
    fault = {"kind": kind, "path": "/v1/charges", "method": "POST"}
    httpx.post(f"{stripe_server.url}/_local/faults", data=fault)
    asked: Any = {"amount": 2000, "currency": "usd", "source": "tok_visa", "metadata": {"line": kind}}

    with pytest.raises(stripe.APIConnectionError):
        stripe_server.client().v1.charges.create(asked, {"idempotency_key": key})
    httpx.post(f"{stripe_server.url}/_local/faults", data=fault)
    made = stripe_server.client(max_network_retries=2).v1.charges.create(asked, {"idempotency_key": key})

    found = stripe_server.client().v1.charges.search({"query": f'metadata["line"]:"{kind}"'})
    assert [each.id for each in found.data] == [made.id]


async def test_a_second_request_meets_409_while_the_first_is_slow(stripe_server: StripeServer) -> None:
    form = {**PLAIN, "description": "slow"}
    headers = {**KEY, "Idempotency-Key": "slow-one"}
    async with httpx.AsyncClient(base_url=stripe_server.url, headers=headers) as http:
        fault = {"kind": "slow", "seconds": "2", "path": "/v1/charges", "method": "POST"}
        await http.post("/_local/faults", data=fault)
        import anyio

        statuses: list[int] = []

        async def ask() -> None:
            statuses.append((await http.post("/v1/charges", data=form)).status_code)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            while not (await http.get("/v1/charges", params={"limit": 1})).json()["data"][:1]:
                pass
            tasks.start_soon(ask)
        replay = await http.post("/v1/charges", data=form)

    assert sorted(statuses) == [200, 409]
    assert replay.headers["idempotent-replayed"] == "true"


async def test_a_slow_reply_comes_at_once_when_the_faults_are_cleared(stripe_server: StripeServer) -> None:
    import anyio

    headers = {**KEY, "Idempotency-Key": "slow-two"}
    async with httpx.AsyncClient(base_url=stripe_server.url, headers=headers, timeout=60) as http:
        fault = {"kind": "slow", "seconds": "3600", "path": "/v1/charges", "method": "POST"}
        await http.post("/_local/faults", data=fault)

        statuses: list[int] = []

        async def ask() -> None:
            statuses.append((await http.post("/v1/charges", data=PLAIN)).status_code)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            while (await http.get("/_local/faults")).json()["faults"]:
                pass
            assert statuses == []
            await http.delete("/_local/faults")

    assert statuses == [200]


def test_webhooks_are_really_posted_and_verified(stripe_server: StripeServer) -> None:
    with listening() as (url, heard):
        client = stripe_server.client()
        endpoint = client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["charge.succeeded"]})
        made = client.v1.charges.create({"amount": 2000, "currency": "usd", "source": "tok_visa"})
        wait_until(lambda: bool(heard))
        client.v1.webhook_endpoints.delete(endpoint.id)

    body, signature = heard[0]
    event = stripe.Webhook.construct_event(body, signature, endpoint.secret)
    assert event.data.object["id"] == made.id


def test_a_garbled_request_is_no_traceback(stripe_server: StripeServer) -> None:
    host, port = stripe_server.url.removeprefix("http://").split(":")
    for garbage in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"POST /v1/charges HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as line:
            line.sendall(garbage)
            answer = line.recv(65536)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"Traceback" not in answer


async def test_a_mistake_of_our_own_is_a_500_without_a_traceback(
    http: httpx.AsyncClient, app: StripeApp, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(request: Any) -> None:
        raise ZeroDivisionError("a mistake")

    app.stripe.faults.choose = stumble

    answer = await http.post("/v1/charges", data=PLAIN)

    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "api_error"
    assert "mistake" not in answer.text
    assert "ZeroDivisionError: a mistake" in caplog.text


def test_a_moved_clock_is_ahead_and_never_goes_back() -> None:
    lab = LabClock()
    clock = MovedClock(lab)

    clock.advance(60)

    assert (clock.now() - lab.now()).total_seconds() == 60
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)


def test_two_servers_do_not_share_a_port() -> None:
    with open_socket("127.0.0.1", 0) as first, pytest.raises(OSError, match="in use"):
        open_socket("127.0.0.1", first.getsockname()[1])


def deliveries(server: StripeServer) -> list[dict[str, Any]]:
    return httpx.get(f"{server.url}/_local/webhooks").json()["deliveries"]


def test_what_the_server_says_is_json(stripe_server: StripeServer) -> None:
    said = json.loads(httpx.get(f"{stripe_server.url}/v1/charges", headers=KEY).text)

    assert said["object"] == "list"
