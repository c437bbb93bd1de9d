"""Whether the ledger lies as its last writer left it: then its whole check need not be waited for at a start.

The last writer leaves a mark in the ledger and sets the file's own time to what the mark says, a moment in whole even
seconds, which every file system can hold. Whoever has written the file since, an editor or a failing copy, has given it
another time; what a disk does to it by itself shows in no time, and is found by the check beside the work.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

EVEN_NS = 2_000_000_000


def is_as_left(path: Path) -> bool:
    """Whether the last writer came to a clean end, and nobody has written the file since. Changes nothing."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as connection:
            mark = connection.execute("SELECT mtime_ns FROM clean_end").fetchone()
        return mark is not None and path.stat().st_mtime_ns == mark[0]
    except (sqlite3.Error, OSError, UnicodeDecodeError):  # an older ledger has no such table, a damaged one anything
        return False


def take_away(connection: sqlite3.Connection) -> None:
    """From here on the ledger is being written. Nothing is where there is no mark: there may be no room to."""
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'clean_end'").fetchone()
    if there is not None and connection.execute("SELECT 1 FROM clean_end").fetchone() is not None:
        connection.execute("DELETE FROM clean_end")


def leave(connection: sqlite3.Connection, path: Path) -> None:
    """Close the one connection that wrote, and leave the mark where that can be done."""
    mark: int | None = None
    with suppress(sqlite3.Error, OSError):
        even = path.stat().st_mtime_ns // EVEN_NS * EVEN_NS
        connection.execute("INSERT INTO clean_end (mtime_ns) VALUES (?)", (even,))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        mark = even
    connection.close()
    if mark is not None:
        with suppress(OSError):  # of a file of another user's: the next start looks at all of it
            os.utime(path, ns=(mark, mark))
