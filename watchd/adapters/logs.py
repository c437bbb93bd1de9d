"""The log: text for a person, JSON for a collector, journald's priorities with JSON fields under systemd."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchd.model import Log

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
_LOUD = ("httpx", "httpcore", "watchdog", "asyncio")


def set_up(log: Log, handler: logging.Handler | None = None) -> None:
    """Send the log of this process to stderr, or through `handler`, in the shape that `log.format` asks for."""
    handler = handler or logging.StreamHandler()
    shape = log.format
    if shape == "auto":
        shape = "journal" if os.environ.get("JOURNAL_STREAM") and not sys.stderr.isatty() else "text"
    handler.setFormatter({"text": _Text, "json": _Json, "journal": _Journal}[shape]())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())
    for name in _LOUD:
        # Their debug lines would show headers, the key among them.
        logging.getLogger(name).setLevel(logging.WARNING)
    # watchdog prints one of these, 100 KB long, for each folder in a storm of new ones.
    warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)


_hidden: set[str] = set()


def hide(secret: str) -> None:
    """Let this text show in no line from now on, whatever brings it: an exception's words, a library's."""
    _hidden.add(secret)


class _Masking(logging.Formatter):
    """Writes a line without what is to be hidden."""

    def format(self, record: logging.LogRecord) -> str:
        line = self.line(record)
        for secret in tuple(_hidden):
            line = line.replace(secret, "[key]")
        return line

    def line(self, record: logging.LogRecord) -> str:
        """The line as it would be."""
        return super().format(record)


class _Text(_Masking):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")


class _Json(_Masking):
    """One object a line: what a person reads in `message`, what a machine looks for in `action` and its fellows."""

    def line(self, record: logging.LogRecord) -> str:
        return json.dumps({"at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"), **self._fields(record)})

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        extra = {name: value for name, value in record.__dict__.items() if name not in _OWN}
        fields = {"level": record.levelname.lower(), "message": record.getMessage(), **extra}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return fields


class _Journal(_Json):
    """The priority as sd-daemon(3) reads it, then the message with its fields; the journal has the time itself."""

    def line(self, record: logging.LogRecord) -> str:
        priority = next(number for level, number in _PRIORITIES if record.levelno >= level)
        return f"<{priority}>{json.dumps(self._fields(record))}"
