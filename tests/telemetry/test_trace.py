"""Traces and spans: what a header says, what a document keeps, and who makes the ids."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry import trace as otel
from opentelemetry.context import Context

from payments_lab.telemetry import spans
from payments_lab.telemetry.spans import span
from payments_lab.telemetry.trace import Trace, current, kept, under

PARENT = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


def test_a_traceparent_is_read_and_written_as_w3c_has_it() -> None:
    text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    assert Trace.parse(text) == PARENT
    assert PARENT.traceparent == text


def test_a_later_version_may_say_more() -> None:
    assert Trace.parse(f"cc{PARENT.traceparent[2:]}-what-the-future-will-be-like") == PARENT


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "request 7",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-" + "x" * 500,
    ],
)
def test_a_malformed_traceparent_says_nothing(text: str | None) -> None:
    assert Trace.parse(text) is None


def test_what_runs_inside_belongs_to_the_trace_and_what_comes_after_does_not() -> None:
    with under(PARENT):
        with under(None):
            inside = current()
        document = {"trace": PARENT.to_document()}

    assert (inside, current()) == (PARENT, None)
    assert (kept(document), kept({})) == (PARENT, None)


def test_without_an_sdk_a_span_goes_on_with_its_parents_trace_or_begins_one() -> None:
    with span("GET", PARENT) as first, span("order:created", first) as second:
        assert current() == second
    with span("GET") as other:
        assert current() == other

    assert first.trace_id == second.trace_id == PARENT.trace_id
    assert len({PARENT.span_id, first.span_id, second.span_id}) == 3
    assert other.trace_id != PARENT.trace_id


class _Sdk(otel.TracerProvider):
    """What an SDK does, as far as ids go: a new span id, its parent's trace or a new one."""

    def __init__(self, *, samples: bool = True) -> None:
        self.started: list[tuple[str, int]] = []
        self._samples = samples

    def get_tracer(self, *_: object, **__: object) -> otel.Tracer:
        return _SdkTracer(self)

    def span(self, name: str, context: Context | None) -> otel.Span:
        if not self._samples:
            return otel.INVALID_SPAN
        parent = otel.get_current_span(context).get_span_context()
        trace_id = parent.trace_id if parent.is_valid else 0xFEED
        self.started.append((name, parent.span_id))
        return otel.NonRecordingSpan(otel.SpanContext(trace_id, 0xBEEF, False, otel.TraceFlags(1)))


class _SdkTracer(otel.NoOpTracer):
    def __init__(self, sdk: _Sdk) -> None:
        self._sdk = sdk

    def start_span(self, name: str, context: Context | None = None, *_: object, **__: object) -> otel.Span:
        return self._sdk.span(name, context)

    def start_as_current_span(self, name: str, context: Context | None = None, **_: object):  # type: ignore[override]
        return otel.use_span(self._sdk.span(name, context))


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> _Sdk:
    provider = _Sdk()
    monkeypatch.setattr(otel, "get_tracer_provider", lambda: provider)
    return provider


def test_with_an_sdk_its_spans_give_the_ids(sdk: _Sdk) -> None:
    with span("POST") as first, span("order:created", Trace.parse(first.traceparent, cause="msg_1")) as second:
        assert otel.get_current_span().get_span_context().span_id == 0xBEEF

    assert first == Trace(f"{0xFEED:032x}", f"{0xBEEF:016x}")
    assert (second.trace_id, second.cause) == (first.trace_id, "msg_1")
    assert sdk.started == [("POST", 0), ("order:created", 0xBEEF)]


def test_an_sdk_that_makes_no_spans_breaks_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otel, "get_tracer_provider", lambda: _Sdk(samples=False))
    with span("POST", PARENT) as here, span("GET") as other:
        pass

    assert here.trace_id == PARENT.trace_id
    assert len(other.trace_id) == 32


@pytest.fixture
def no_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    spans._api.cache_clear()  # pyright: ignore[reportPrivateUsage]
    yield
    spans._api.cache_clear()  # pyright: ignore[reportPrivateUsage]


@pytest.mark.usefixtures("no_opentelemetry")
def test_without_opentelemetry_the_trace_runs_on() -> None:
    with span("GET", PARENT) as here:
        assert here.trace_id == PARENT.trace_id


def test_a_shop_that_traces_nothing_loads_no_opentelemetry() -> None:
    program = "import payments_lab.lab, sys; sys.exit('opentelemetry' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
