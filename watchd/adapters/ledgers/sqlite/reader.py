"""Reads the ledger beside the daemon that writes it: `mode=ro`, never a lock, never a checkpoint.

Plain sqlite3, since `watchd status` is to answer at once and the library that the writer uses takes its time to load.
A reader that stays keeps the write-ahead log from being folded back: whoever asks for the page is given a time limit.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from heapq import merge
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from watchd.adapters.ledgers.sqlite import statements
from watchd.errors import LedgerError, LedgerSlowError
from watchd.model import MICROS_PER_USD, Gate, GateReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from watchd.interfaces.ledger.views import HistoryPage
    from watchd.model import Job, KnownFile

STEPS = 10_000
"""Steps of SQLite's machine between two looks at the clock: about a millisecond."""
PIECE = 20_000
"""Jobs that are looked through at a time where no index finds what is asked for."""
COUNTS = ("waiting", "queued", "sending", "received", "done", "failed", "unknown")


class LedgerReader:
    """Open for one command. A ledger that is not there yet reads as empty."""

    def __init__(self, path: Path, patience: float | None = None) -> None:
        """`patience`: seconds after which whatever is being read is broken off with LedgerSlowError.

        Raises:
            LedgerError: there is a file, and it cannot be read.
        """
        self._sql = statements.load("readings.sql")
        self._connection = _connect(path) if path.exists() else None
        self._patience = patience
        if self._connection is not None and patience is not None:
            until = time.monotonic() + patience
            self._connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)

    def close(self) -> None:
        """Close."""
        if self._connection is not None:
            self._connection.close()

    def _rows(self, name: str, **values: Any) -> Iterator[dict[str, Any]]:
        if self._connection is None:
            return
        try:
            for row in self._connection.execute(self._sql[name], values):
                yield dict(row)
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise LedgerSlowError(f"the ledger took longer than {self._patience:g} s to answer") from error
            raise LedgerError(f"the ledger cannot be read ({error}); `watchd check` says how to get out") from error

    def kept_tiles(self) -> list[tuple[int, int]]:
        """Job and number of each paid tile of pictures that ended without the others."""
        return [(int(row["job_id"]), int(row["number"])) for row in self._rows("kept_tiles")]

    def counts(self) -> dict[str, int]:
        """The seven counts; every file seen is in exactly one."""
        counts = dict.fromkeys(COUNTS, 0)
        counts.update({row["state"]: row["number"] for row in self._rows("counts")})
        counts["waiting"] = sum(row["number"] for row in self._rows("waiting"))
        return counts

    def newest(self) -> float | None:
        """Unix seconds of the latest thing that was written down."""
        return next((row["moment"] for row in self._rows("newest")), None)

    def spent(self, now: datetime) -> dict[str, float]:
        """USD booked on the host's own day, in its month, and in all; with what of it is in doubt."""
        today = now.date().isoformat()
        for row in self._rows("spent", today=today, month=today[:7]):
            return {name: micros / MICROS_PER_USD for name, micros in row.items()}
        return {"today": 0.0, "month": 0.0, "total": 0.0, "in_doubt": 0.0}

    def gates(self) -> list[Gate]:
        """What is closed."""
        return [Gate(**{**row, "reason": GateReason(row["reason"])}) for row in self._rows("gates")]

    def jobs(self, state: str | None, folder: str | None, limit: int | None) -> Iterator[dict[str, Any]]:
        """Rows of the view `jobs`, newest first."""
        most = -1 if limit is None else limit
        if state is None:
            yield from self._rows("jobs", folder=folder, limit=most)
            return
        found = (self._rows("jobs_of_state", state=one, folder=folder, limit=most) for one in _kept_as(state))
        for number, row in enumerate(merge(*found, key=_by_id, reverse=True)):
            if number == limit:
                return
            yield row

    def sighting(self, folder: str, path: str) -> dict[str, Any] | None:
        """What is remembered of a path."""
        return next(self._rows("sighting", folder=folder, path=os.fsencode(path)), None)

    def known(self, folder: str) -> dict[str, KnownFile]:
        """Every path that was ever seen in a folder."""
        from watchd.adapters.ledgers.sqlite.rows import known_of  # noqa: PLC0415 -- nouns that `status` does not need

        return {os.fsdecode(row["path"]): known_of(row) for row in self._rows("known", folder=folder)}

    def job(self, number: int) -> Job | None:
        """One job as it stands."""
        return self._job("job", id=number)

    def job_of_output(self, output: str) -> Job | None:
        """The last job whose output (absolute) was published there."""
        return self._job("job_of_output", output=os.fsencode(output))

    def last_job(self, folder: str, path: str) -> Job | None:
        """The last job of a path."""
        return self._job("last_job", folder=folder, path=os.fsencode(path))

    def _job(self, name: str, **values: Any) -> Job | None:
        row = next(self._rows(name, **values), None)
        from watchd.adapters.ledgers.sqlite.rows import job_of  # noqa: PLC0415 -- as above

        return None if row is None else job_of(row)

    def calls(self, job: int) -> list[dict[str, Any]]:
        """Rows of the view `attempts` of one job, oldest first."""
        return list(self._rows("attempts_of", job_id=job))

    def calls_by_outcome(self) -> dict[str, int]:
        """How many calls ended how."""
        return {row["outcome"]: row["number"] for row in self._rows("calls_by_outcome")}

    def calls_by_status(self) -> dict[int, int]:
        """How many answers had which HTTP status."""
        return {row["status"]: row["number"] for row in self._rows("calls_by_status")}

    def seconds_of_calls(self, bounds: Sequence[float]) -> tuple[list[int], float]:
        """How many calls that brought a picture took up to each bound, and how many more; the sum of their seconds."""
        return self._buckets("call", bounds)

    def seconds_in_queue(self, bounds: Sequence[float]) -> tuple[list[int], float]:
        """The same of the time that jobs waited for their first call."""
        return self._buckets("queue", bounds)

    def _buckets(self, of: str, bounds: Sequence[float]) -> tuple[list[int], float]:
        counts, total = [0] * (len(bounds) + 1), 0.0
        for row in self._rows("durations", of=of, bounds=json.dumps([*bounds])):
            counts[row["bucket"]] = row["number"]
            total += row["total"]
        return counts, total

    def oldest_waiting(self) -> float | None:
        """When the oldest file was seen that is not done with, in Unix seconds; None: there is none."""
        row = next(self._rows("oldest_waiting"), None)
        return None if row is None else row["at"]

    def history_page(
        self, words: str | None, state: str | None, folder: str | None, *, before: int | None, limit: int,
        seconds: float,
    ) -> HistoryPage:  # fmt: skip
        """Jobs newest first; `words`: a part of the path; `before`: older than this one. Ends after `seconds`."""
        from watchd.interfaces.ledger.views import HistoryPage  # noqa: PLC0415 -- as above

        until = time.monotonic() + seconds
        like = None if words is None else "%" + re.sub(r"([%_!])", r"!\1", words) + "%"
        asked = {"like": like, "folder": folder}
        newest = next((row["id"] for row in self._rows("newest_job")), 0)
        above = newest + 1 if before is None else min(before, newest + 1)
        piece = PIECE if words is not None or folder is not None else above
        rows: list[dict[str, Any]] = []
        while above > 1:
            since = max(1, above - piece)
            rows += self._piece(state, {**asked, "before": above, "since": since, "limit": limit - len(rows)})
            if len(rows) == limit:
                return HistoryPage(rows, rows[-1]["id"])
            above = since
            if time.monotonic() > until and above > 1:
                return HistoryPage(rows, above)
        return HistoryPage(rows, None)

    def _piece(self, state: str | None, asked: dict[str, Any]) -> list[dict[str, Any]]:
        if state is None:
            return list(self._rows("history_page", **asked))
        found = [row for one in _kept_as(state) for row in self._rows("history_page_of_state", state=one, **asked)]
        return sorted(found, key=_by_id, reverse=True)[: asked["limit"]]

    def ended_badly(self, limit: int) -> list[dict[str, Any]]:
        """Rows of the view `jobs` that are failed or unknown, newest first."""
        return list(self._rows("ended_badly", limit=limit))

    def told(self, number: int) -> dict[str, Any] | None:
        """A row of the view `jobs` with its `calls` and its `steps`."""
        job = next(self._rows("job_told", id=number), None)
        if job is not None:
            job["calls"] = self.calls(number)
            job["steps"] = list(self._rows("events_of", job_id=number))
        return job

    def version(self) -> int:
        """Another number whenever the daemon has written since the last question of this very reader."""
        return next((int(row["data_version"]) for row in self._rows("version")), 0)

    def moved(self, job: int) -> str | None:
        """Where the original of a job has been moved; None: it lies where it was, as far as we know."""
        row = next(self._rows("moved", id=job), None)
        return None if row is None or row["moved"] is None else os.fsdecode(row["moved"])

    def is_ended(self, folder: str, path: str, sha256: str) -> bool:
        """Whether these bytes under this name have come to an end in this folder."""
        return any(True for _ in self._rows("ended", folder=folder, path=os.fsencode(path), sha256=sha256))

    def is_paid(self, folder: str, sha256: str, picture: str, parameters: str) -> bool:
        """Whether a call for this picture was made, or is under way, that serves this folder too."""
        given = {"folder": folder, "sha256": sha256, "picture": picture, "parameters": parameters}
        return any(True for _ in self._rows("paid", **given))

    def finished(self, folder: str, path: str | None) -> list[tuple[int, str]]:
        """(job, path) of the last finished job of a path, or of every path of the folder."""
        encoded = None if path is None else os.fsencode(path)
        return [(row["id"], os.fsdecode(row["path"])) for row in self._rows("finished", folder=folder, path=encoded)]

    def history(self, folder: str, path: str) -> list[dict[str, Any]]:
        """Every job of a path, oldest first, each with its `calls` and its `steps`."""
        jobs = list(self._rows("jobs_of_path", folder=folder, path=os.fsencode(path)))
        for job in jobs:
            job["calls"] = list(self._rows("attempts_of", job_id=job["id"]))
            job["steps"] = list(self._rows("events_of", job_id=job["id"]))
        return jobs


def _kept_as(state: str) -> tuple[str, ...]:
    """The table's own states for one as the views tell it."""
    return ("sending", "armed") if state == "sending" else (state,)


def _by_id(row: dict[str, Any]) -> int:
    return int(row["id"])


def _connect(path: Path) -> sqlite3.Connection:
    """Read-only; where neither a daemon's shared memory is there nor can be made, the file as it lies."""
    name = quote(os.fsencode(path))
    for options in ("mode=ro", "mode=ro&immutable=1"):
        try:
            connection = sqlite3.connect(f"file:{name}?{options}", uri=True, isolation_level=None, timeout=5.0)
            connection.row_factory = sqlite3.Row
            connection.execute("SELECT 1 FROM job LIMIT 1")
        except sqlite3.OperationalError as error:
            if options == "mode=ro" and not path.with_name(f"{path.name}-wal").exists():
                continue
            raise LedgerError(f"{path} cannot be read: {error}") from error
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"{path} is damaged: {error}; `watchd check` says how to get out") from error
        else:
            return connection
    raise LedgerError(f"{path} cannot be read")
