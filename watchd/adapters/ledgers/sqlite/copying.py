"""The ledger as a file of its own: copied whole beside whoever writes it, and written anew without its gaps."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from watchd.adapters.filesystem.placing import rename_no_replace
from watchd.adapters.ledgers.sqlite import clean_end, opening
from watchd.errors import LedgerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGES_AT_A_TIME = 2560
"""Ten megabytes: after so much whoever waits is told how far it has come."""
COPIES_NEEDED = 2
"""VACUUM writes the ledger into a temporary file, and then into the write-ahead log."""


def back_up(path: Path, target: Path, tell: Callable[[int, int], None] = lambda _left, _all: None) -> int:
    """Copy the ledger as it is at this moment, whoever writes it; durable on return. Answers the bytes of the copy.

    `tell`: pages left and in all. The daemon works on meanwhile; its log grows by what it writes.

    Raises:
        UsageError: `target` is there already, or cannot be written.
        LedgerError: the ledger cannot be read.
    """
    making = target.with_name(f".{target.name}.{os.getpid()}.making")
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already, and nothing is replaced: choose another name")
    try:
        os.close(os.open(making, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        try:
            _copy(path, making, tell)
            size = making.stat().st_size
            _give_name(making, target)
        finally:
            for left in (making, making.with_name(f"{making.name}-journal")):
                left.unlink(missing_ok=True)
    except FileExistsError:
        raise UsageError(f"{target} is there already, and nothing is replaced: choose another name") from None
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error
    return size


def _copy(path: Path, making: Path, tell: Callable[[int, int], None]) -> None:
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with (
            closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=5.0)) as source,
            closing(sqlite3.connect(making, isolation_level=None)) as copy,
        ):
            # One moment of the ledger: without a reader's hold on it each write of the daemon's would begin it anew.
            source.execute("BEGIN")
            source.execute("SELECT 1 FROM job LIMIT 1").fetchone()
            source.backup(copy, pages=PAGES_AT_A_TIME, progress=lambda _status, left, of: tell(left, of))
            source.execute("COMMIT")
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise LedgerError(f"{path} cannot be copied ({error}); `watchd ledger check` looks at all of it") from error


def _give_name(making: Path, target: Path) -> None:
    """Make the copy durable under its name, unless somebody has taken that meanwhile."""
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with making.open("rb") as file:
            os.fsync(file.fileno())
        if not rename_no_replace(folder, making.name, folder, target.name):
            raise FileExistsError(target)
        os.fsync(folder)
    finally:
        os.close(folder)


def compact(path: Path) -> tuple[int, int]:
    """Write the ledger anew without its gaps; the caller holds the lock. Answers its bytes before and after.

    Raises:
        LedgerError: it cannot be trusted, or there is no room for it; it is as it was then.
    """
    connection = opening.open_for_writing(path)
    before = path.stat().st_size
    try:
        _make_sure_of_room(path, before)
        with suppress(sqlite3.Error):  # deprecated, and the one way to keep it from a small /tmp
            connection.execute(f"PRAGMA temp_store_directory = '{str(path.parent).replace(chr(39), chr(39) * 2)}'")
        connection.execute("VACUUM")
    except sqlite3.Error as error:
        connection.close()
        raise LedgerError(f"{path} cannot be written anew ({error}); it is as it was") from error
    except BaseException:
        connection.close()
        raise
    clean_end.leave(connection, path)
    return before, path.stat().st_size


def _make_sure_of_room(path: Path, size: int) -> None:
    free, needed = shutil.disk_usage(path.parent).free, COPIES_NEEDED * size
    if free < needed:
        raise LedgerError(
            f"{path.parent} has {free / 1e6:,.0f} MB left, and {needed / 1e6:,.0f} MB are needed to write {path.name}"
            " anew; it is as it was"
        )
