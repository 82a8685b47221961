"""Whatever ends the tests, the processes that they started end too."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers import listens

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
TESTS = """
import signal, sys, threading
from pathlib import Path
from tests.distributed.shop_processes import ServiceProcess
from tests.servers import listens, redis_server

# A process in the background is started with this signal ignored; a terminal sends it to one that heeds it.
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
with redis_server(folder) as server:
    service = ServiceProcess("expiration", ["--redis", server.url], folder)
    service.start()
    while not listens(service.port):
        pass
    print(server.port, service.port, flush=True)
    threading.Event().wait()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_server_and_no_service_outlives_the_tests(number: signal.Signals, tmp_path: Path) -> None:
    tests = subprocess.Popen([sys.executable, "-c", TESTS, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert tests.stdout is not None
    ports = [int(word) for word in tests.stdout.readline().split()]
    served = [listens(port) for port in ports]
    tests.send_signal(number)
    tests.wait(PATIENCE)
    tests.stdout.close()

    assert served == [True, True]
    deadline = time.monotonic() + PATIENCE
    while any(listens(port) for port in ports):
        assert time.monotonic() < deadline, "somebody still listens"
