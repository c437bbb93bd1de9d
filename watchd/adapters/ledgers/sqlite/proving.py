"""Is all of the ledger sound? Asked beside whoever writes it, table by table, and broken off when that one ends.

Each table is a read of its own, so that the write-ahead log can be folded back between two of them.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite import statements
from watchd.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
MOST_FLAWS = 20
"""Sentences about damage; the first tells enough."""


class LedgerProof:
    """One look through the whole file.

    Threads: `run` belongs to one; any may call `break_off`. The connection and `_over` are behind the lock.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is opened before `run`."""
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._over = False

    def run(self) -> None:
        """Look. Raises LedgerError where it is damaged, or cannot be read; silent where it was broken off."""
        try:
            with closing(_reading(self._path)) as connection:
                with self._lock:
                    self._connection = connection
                try:
                    flaw = next(self._flaws(connection), None)
                finally:
                    with self._lock:
                        self._connection = None
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return
            flaw = str(error)
        if flaw is not None:
            raise LedgerError(
                f"{self._path}: it is damaged ({flaw}). Nothing more is sent. `watchd check` says how to get out."
            )

    def _flaws(self, connection: sqlite3.Connection) -> Iterator[str]:
        for (table,) in connection.execute(TABLES).fetchall():
            with self._lock:
                if self._over:
                    return
            verdict = str(connection.execute(f"PRAGMA quick_check('{table}')").fetchone()[0])
            if verdict != "ok":
                yield verdict

    def break_off(self) -> None:
        """End it at once. A step that begins at this very moment may not hear of it: say it until it has ended."""
        with self._lock:
            self._over = True
            if self._connection is not None:
                self._connection.interrupt()


def flaws(path: Path) -> list[str]:
    """What is wrong with the ledger at `path`, sentence by sentence, its indexes and its totals included.

    Raises:
        sqlite3.Error: it cannot be read at all.
    """
    with closing(_reading(path)) as connection:
        found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({MOST_FLAWS})")]
        if found != ["ok"]:
            return found
        lost = connection.execute("SELECT count(*) FROM pragma_foreign_key_check").fetchone()[0]
        totals = connection.execute(statements.load("readings.sql")["totals_that_differ"]).fetchall()
    told = [f"{lost} rows name a row that is not there"] if lost else []
    return told + [f"{name} is not what counting gives" for (name,) in totals]


def _reading(path: Path) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None, timeout=5.0)
