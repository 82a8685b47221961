"""``payments-lab doctor``: what is there, what is missing, and what to do about it."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import pytest
import stripe

from payments_lab import cli
from payments_lab.commands import doctor
from payments_lab.local_stripe import LocalStripe
from tests.servers import free_port, nats_server, program, redis_server, running

ENGINES = ("STRIPE_KEY", "MONGO_URL", "MONGO_URI", "REDIS_URL", "BUS_URL", "JWT_KEY")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ENGINES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]):
    def examined() -> tuple[int, dict[str, dict[str, str]]]:
        status = cli.main(["doctor", "--json"])
        told = json.loads(capsys.readouterr().out)
        assert told["ok"] == (status == 0)
        return status, {finding["name"]: finding for finding in told["findings"]}

    return examined


def test_a_complete_environment_with_embedded_engines_is_good(ask) -> None:
    status, findings = ask()

    assert status == 0
    assert findings["stripe"]["found"] == metadata.version("stripe")
    assert findings["documents"]["found"] == "mongomock, in this process; MONGO_URL names another"
    assert findings["delayed jobs"]["found"].startswith("fakeredis")
    assert findings["bus"]["found"].startswith("the simulator")
    assert findings["Stripe"]["found"].startswith("the local Stripe")


def test_for_people_it_is_a_page_that_ends_with_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0

    page = capsys.readouterr().out
    assert f"ok  stripe             {metadata.version('stripe')}\n" in page
    assert page.endswith("\n\nAll that is required is here.\n")


def test_a_missing_program_is_told_with_its_cure_and_is_not_required(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    status, findings = ask()

    assert status == 0
    assert findings["chromium"]["state"] == "absent"
    assert "apt-get install chromium" in findings["chromium"]["advice"]


def test_a_missing_extra_is_told_with_its_cure_and_is_not_required(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "EXTRAS", {"no-such-package": "lab"})

    status, findings = ask()

    assert status == 0
    assert findings["no-such-package"]["advice"] == "try: pip install 'payments-lab[lab]'"


def test_a_missing_dependency_is_bad(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "CORE", ("no-such-package",))

    assert cli.main(["doctor"]) == 1

    page = capsys.readouterr().out
    assert "!!  no-such-package  not installed; try: pip install 'payments-lab'" in page
    assert page.endswith("To mend: no-such-package.\n")


def test_a_python_that_is_too_old_is_bad(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))

    status, findings = ask()

    assert status == 1
    assert findings["Python"]["advice"] == "install Python 3.11 or newer"


def test_settings_that_cannot_be_used_are_bad_and_show_no_secret(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_KEY", "sk_" + "live_abcdef")

    status, findings = ask()

    assert status == 1
    assert "live Stripe key" in findings["settings"]["found"]
    assert "abcdef" not in json.dumps(findings)


@pytest.mark.parametrize(
    ("variable", "url", "engine", "cure"),
    [
        ("MONGO_URL", "mongodb://ada:secret@127.0.0.1:{port}", "documents", "mongod --port 27017"),
        ("REDIS_URL", "redis://ada:secret@127.0.0.1:{port}", "delayed jobs", "redis-server --port 6379"),
        ("BUS_URL", "nats://ada:secret@127.0.0.1:{port}", "bus", "nats-server -js --port 4222"),
        ("BUS_URL", "redis://ada:secret@127.0.0.1:{port}", "bus", "redis-server --port 6379"),
    ],
)
def test_an_engine_that_is_named_and_does_not_answer_is_bad(
    variable: str, url: str, engine: str, cure: str, ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments_lab.stores.connect.PATIENCE", 0.1)
    monkeypatch.setenv(variable, url.format(port=free_port()))

    status, findings = ask()

    assert status == 1
    assert "does not answer at" in findings[engine]["found"]
    assert findings[engine]["advice"].startswith(f"start it ({cure}), or unset {variable} to use")
    assert "secret" not in json.dumps(findings)


def test_a_bus_whose_client_is_not_installed_is_bad(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUS_URL", "nats://127.0.0.1:4222")
    monkeypatch.setitem(sys.modules, "nats", None)

    status, findings = ask()

    assert status == 1
    assert "pip install 'payments-lab[nats]'" in findings["bus"]["found"]


def test_nats_with_jetstream_answers(ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        monkeypatch.setenv("BUS_URL", server.url)
        status, findings = ask()

    assert status == 0
    assert findings["bus"]["found"].startswith("answers, version 2.")


def test_nats_without_jetstream_is_bad(ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    port = free_port()
    monkeypatch.setenv("BUS_URL", f"nats://127.0.0.1:{port}")

    with running([program("nats-server"), "-p", str(port)], port, tmp_path / "log"):
        status, findings = ask()

    assert status == 1
    assert findings["bus"]["found"] == f"NATS at 127.0.0.1:{port} has no JetStream"
    assert "nats-server -js" in findings["bus"]["advice"]


def test_a_redis_answers_for_jobs_and_for_the_bus(ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        monkeypatch.setenv("BUS_URL", server.url)
        status, findings = ask()

    assert status == 0
    assert findings["delayed jobs"]["found"].startswith("answers, version ")
    assert findings["bus"]["found"] == findings["delayed jobs"]["found"]


def test_a_mongodb_answers(ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    port = free_port()
    monkeypatch.setenv("MONGO_URL", f"mongodb://127.0.0.1:{port}/?directConnection=true")
    server = [program("secantusd-py"), "--port", str(port), "--storage-path", str(tmp_path / "data")]

    with running(server, port, tmp_path / "log"):
        status, findings = ask()

    assert status == 0
    assert findings["documents"]["found"].startswith("answers, version ")


@pytest.mark.anyio
async def test_a_stripe_that_takes_the_key_answers() -> None:
    finding = await doctor.ask_stripe(LocalStripe().client())

    assert (finding.state, finding.found) == ("ok", "answers in test mode")


@pytest.mark.anyio
async def test_a_stripe_that_refuses_the_key_is_bad() -> None:
    finding = await doctor.ask_stripe(LocalStripe().client("no key of Stripe's"))

    assert (finding.state, finding.found) == ("broken", "refuses: Invalid API Key provided: no k********")
    assert finding.advice.startswith("correct STRIPE_KEY, or unset")


def test_a_stripe_that_is_named_and_does_not_answer_is_bad(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_KEY", "sk_test_someone")
    nobody = f"http://127.0.0.1:{free_port()}"
    client = stripe.StripeClient("sk_test_someone", base_addresses={"api": nobody}, max_network_retries=0)
    monkeypatch.setattr(stripe, "StripeClient", lambda *arguments, **options: client)

    status, findings = ask()

    assert status == 1
    assert findings["Stripe"]["found"] == "does not answer"
    assert "someone" not in json.dumps(findings)
