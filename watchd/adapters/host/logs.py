"""The log: text for a person, JSON for a collector, journald's priorities with JSON fields under systemd."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.model import Log

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
_LOUD = ("httpx", "httpcore", "watchdog", "asyncio")
_NEVER_LEFT_OUT = frozenset({"unknown", "gate_closed", "fatal", "ledger_full", "offline"})
"""Money, and what is told once: each of these lines is wanted."""
IN_FULL = 20
"""Lines of one kind of trouble that are written before the rest of their minute is summed up."""
WINDOW_S = 60.0
MOST_KINDS = 200
"""Kinds of lines without an action that are told apart at one time: their words may come from anybody."""
_SHOWN_CHARACTERS = 60
_CHANGING = re.compile(r"0x[0-9a-fA-F]+|[0-9]+")
"""What differs between two lines that say the same: numbers, addresses of objects and of connections."""


def set_up(log: Log, handler: logging.Handler | None = None) -> None:
    """Send the log of this process to stderr, or through `handler`, in the shape that `log.format` asks for."""
    handler = handler or logging.StreamHandler()
    shape = log.format
    if shape == "auto":
        shape = "journal" if os.environ.get("JOURNAL_STREAM") and not sys.stderr.isatty() else "text"
    handler.setFormatter({"text": _Text, "json": _Json, "journal": _Journal}[shape]())
    root = logging.getLogger()
    if log.level != "debug":
        handler.addFilter(_summary)
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())
    for name in _LOUD:
        # Their debug lines would show headers, the key among them.
        logging.getLogger(name).setLevel(logging.WARNING)
    # Its complaints name the address, which may hold a password; ours name its number.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    # watchdog prints one of these, 100 KB long, for each folder in a storm of new ones.
    warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)


@dataclass(slots=True)
class _Minute:
    """Lines of one kind since `began`; how many were left out."""

    began: float
    written: int = 0
    left_out: int = 0


class Summary(logging.Filter):
    """Of a trouble that repeats itself the first lines are written, and then, once a minute, how many more there were.

    Ten thousand broken files must not push what else happened out of a journal; the ledger has each of them. Lines of
    ours are counted by their action, and only those of trouble; those of libraries, which have none, by who wrote them
    and by their words, whatever their level: a socket that nobody can accept from is told thousands of times a second.

    Threads: any that logs; its counts are behind its lock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._minutes: dict[tuple[str | None, str], _Minute] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is written."""
        action = record.__dict__.get("action")
        trouble = action is None or record.levelno >= logging.WARNING or action in {"queued", "later"}
        if not trouble or action in _NEVER_LEFT_OUT or record.__dict__.get("left_out"):
            return True
        kind = (None, _gist(record)) if action is None else (action, action)
        with self._lock:
            if action is None and kind not in self._minutes and len(self._minutes) >= MOST_KINDS:
                kind = (None, record.name)
            minute = self._minutes.setdefault(kind, _Minute(self._clock()))
            if minute.written < IN_FULL:
                minute.written += 1
                return True
            minute.left_out += 1
            return False

    def tell(self, *, at_once: bool = False) -> None:
        """Write how much was left out in the minutes that are over, or in all."""
        now = self._clock()
        with self._lock:
            over = {kind: minute for kind, minute in self._minutes.items() if at_once or now - minute.began >= WINDOW_S}
            for kind in over:
                del self._minutes[kind]
        for (action, words), minute in over.items():
            if minute.left_out:
                told = {"left_out": minute.left_out} | ({} if action is None else {"action": action})
                where = "`watchd jobs` has every file, and " if action is not None else ""
                logging.getLogger(__name__).warning(
                    "%d more lines like the last %r ones within %.0f s were left out;"
                    " %s`log: {level: debug}` every line",
                    minute.left_out, words, now - minute.began, where, extra=told,
                )  # fmt: skip


def _gist(record: logging.LogRecord) -> str:
    """Who wrote a line, and the words that it has in common with others of its kind."""
    first, *_ = str(record.msg).splitlines() or [""]
    return f"{record.name}: {_CHANGING.sub('#', first)[:_SHOWN_CHARACTERS]}"


_summary = Summary()


def sum_up(*, at_once: bool = False) -> None:
    """Write what was left out of a trouble that repeats itself, once its minute is over; to be called now and then."""
    _summary.tell(at_once=at_once)


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
