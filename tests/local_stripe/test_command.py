"""`payments-lab stripe`, as a person or a program starts it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import httpx
import pytest

from payments_lab.cli import main
from payments_lab.local_stripe.serving import open_socket

COMMAND = [sys.executable, "-m", "payments_lab", "stripe"]


def test_a_port_in_use_is_told_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    with open_socket("127.0.0.1", 0) as taken:
        status = main(["stripe", "--port", str(taken.getsockname()[1])])

    said = capsys.readouterr().err
    assert status == 2
    assert "Address already in use" in said
    assert "Try another --port" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--port", "70000"], "70000 is no port"),
        (["--webhook", "nowhere", "--port", "0"], "--webhook nowhere: Invalid URL"),
        (["--host", "192.0.2.1", "--port", "0"], "can't listen on 192.0.2.1:0"),
    ],
)
def test_a_wrong_use_says_what_to_do(capsys: pytest.CaptureFixture[str], arguments: list[str], told: str) -> None:
    assert main(["stripe", "--json", *arguments]) == 2
    assert told in json.loads(capsys.readouterr().out)["error"]


def test_it_says_where_it_answers_and_stops_when_told() -> None:
    command = [*COMMAND, "--port", "0", "--json", "--webhook", "http://127.0.0.1:9/hook"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        facts = json.loads(server.stdout.readline())
        answer = httpx.get(f"{facts['url']}/v1/balance", auth=(facts["api_key"], ""))
        server.terminate()
        server.wait(30)

    assert answer.status_code == 200
    assert facts["webhook_secret"].startswith("whsec_")
    assert server.returncode in (0, -signal.SIGTERM)


def test_people_get_examples_that_work() -> None:
    with subprocess.Popen([*COMMAND, "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(5)]
        server.terminate()
        server.wait(30)

    assert "The local Stripe answers at http://127.0.0.1:" in lines[0]
    assert "curl http://127.0.0.1:" in lines[3]
