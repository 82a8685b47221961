"""One JSON object a line, whatever is logged."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from payments_lab.telemetry.logs import write_logs
from payments_lab.telemetry.trace import Trace, under

log = logging.getLogger("payments_lab.tests")


@pytest.fixture
def sink() -> Iterator[io.StringIO]:
    sink = io.StringIO()
    levels = [(logger, logger.level) for logger in (logging.getLogger(), logging.getLogger("payments_lab"))]
    handler = write_logs("payments", secrets=["open sesame"], sink=sink)
    yield sink
    logging.getLogger().removeHandler(handler)
    for logger, level in levels:
        logger.setLevel(level)


def lines(sink: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in sink.getvalue().splitlines()]


def test_a_line_says_when_who_what_and_in_which_trace(sink: io.StringIO) -> None:
    with under(Trace("a" * 32, "b" * 16, cause="msg_1")):
        log.info("handled %s", "order:created", extra={"attempt": 2})

    (line,) = lines(sink)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "service": "payments",
        "logger": "payments_lab.tests",
        "message": "handled order:created",
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
        "caused_by": "msg_1",
        "attempt": 2,
    }


@pytest.mark.parametrize(
    "name",
    [
        'ada\n{"level": "info", "message": "paid"}',
        'ada\r\n"}\u2028\u2029\u0085\x0b\x0c\x1c\x00{"forged": true}',
        '", "message": "paid", "x": "',
        "\x1b[2J\x1b[31mred\x1b[0m\x9b",
        "%s %d %(x)s {}",
        "\ud800",
    ],
)
def test_no_user_can_forge_a_line(sink: io.StringIO, name: str) -> None:
    log.info("%s signed in", name, extra={"user": name, name: name})

    assert len(sink.getvalue().splitlines()) == 1
    assert sink.getvalue().isascii()
    assert sink.getvalue().rstrip("\n").isprintable()
    (line,) = lines(sink)
    assert line["message"] == f"{name} signed in"
    assert line["level"] == "info"


def test_an_error_comes_with_its_story_and_without_its_secrets(sink: io.StringIO) -> None:
    try:
        raise RuntimeError("no entry for sk_test_x at mongodb://ada:pw@10.0.0.1 with open sesame")
    except RuntimeError:
        log.exception("failed")

    (line,) = lines(sink)
    assert line["error"].startswith("Traceback")
    assert not any(secret in sink.getvalue() for secret in ("sk_test_x", "ada:pw", "open sesame"))


def test_an_extra_field_cannot_take_the_place_of_a_fact(sink: io.StringIO) -> None:
    log.info("hello", extra={"level": "critical", "service": "orders", "time": "yesterday"})

    (line,) = lines(sink)
    assert (line["level"], line["service"]) == ("info", "payments")
    assert line["time"] != "yesterday"


def test_other_peoples_chatter_is_left_out(sink: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request")
    logging.getLogger("httpx").warning("trouble")

    assert [line["message"] for line in lines(sink)] == ["trouble"]
