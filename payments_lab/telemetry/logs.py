"""One JSON object a line: whatever a user sends stays inside its string, so no line can be forged."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import IO, Any

from payments_lab.telemetry.redaction import Redactor
from payments_lab.telemetry.trace import current

_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """A record as one line: time, level, logger, service, trace, message, and the record's ``extra`` fields.

    Texts are ASCII with escapes, so that neither a line break nor a terminal's control code survives; secrets are
    taken out.
    """

    def __init__(self, service: str, redactor: Redactor | None = None) -> None:
        super().__init__()
        self._service = service
        self._redactor = redactor or Redactor()

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": self._redactor.text(record.getMessage()),
        }
        trace = current()
        if trace is not None:
            line |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
            if trace.cause is not None:
                line["caused_by"] = self._redactor.text(trace.cause)
        extra = {name: value for name, value in vars(record).items() if name not in _ORDINARY and name not in line}
        line |= self._redactor.value(extra)
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = self._redactor.text(self.formatException(record.exc_info))
        return json.dumps(line)


def write_logs(service: str, *, secrets: Iterable[str] = (), sink: IO[str] | None = None) -> logging.Handler:
    """From now on this process logs JSON lines to ``sink`` (standard error): ours from INFO on, others' from WARNING.

    ``secrets`` are taken out wherever they stand. Returns the handler, for whoever wants to take it away again.
    """
    handler = logging.StreamHandler(sink or sys.stderr)
    handler.setFormatter(JsonLines(service, Redactor(secrets)))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("payments_lab").setLevel(logging.INFO)
    return handler
