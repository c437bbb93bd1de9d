"""Opens the ledger for its one writer: checked, durable, migrated, or not at all.

WAL with synchronous=FULL: with anything less, acknowledged commits were lost at power cuts. A file that fails its
check, is newer than this program or lies on a network file system is refused and left exactly as it is. The check of
all that is in it may be put off where it lies as it was left (`clean_end`), and is made up for beside the work.
"""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite import clean_end, statements
from watchd.adapters.ledgers.sqlite.log_size import KEPT_BYTES
from watchd.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import sqlite_utils

APPLICATION_ID = 0x77617463  # "watc"


def open_for_writing(path: Path, *, trusted: bool = False) -> sqlite3.Connection:
    """The writer's connection; a ledger that is not there is made. `trusted`: its whole check is made up for later.

    Raises:
        LedgerError: it cannot be trusted, or not be opened. Nothing was changed then.
    """
    known = statements.migrations()
    try:
        if not path.exists():
            _make(path, known)
        _sync(path.parent)
        _take_back(path)
        # Read-only first: closing a connection that may write would fold the log into a ledger that is refused.
        flaw = look(path, whole=not trusted)
        if flaw is not None:
            raise LedgerError(f"{path}: {flaw} Nothing is sent and nothing is replaced.")
        connection = _connect(path)
        try:
            return _prepare(connection, path, known)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise LedgerError(
            f"{path}: the ledger cannot be opened ({error}). Nothing is sent and nothing is replaced."
            " `watchd check` says how to get out."
        ) from error


def look(path: Path, *, whole: bool = True) -> str | None:
    """Why the file at `path` is no ledger to work on, with the way out; None if it is sound. Changes nothing.

    `whole`: all of it is checked, which takes its time; one of an older schema always is.

    Raises:
        sqlite3.Error: it cannot even be opened.
    """
    newest = len(statements.migrations())
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
    try:
        return _flaw_of(connection, path, newest, whole=whole)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        return _damaged(path, str(error), newest)
    except UnicodeDecodeError as error:  # SQLite's own words quote damaged bytes
        return _damaged(path, repr(error.object), newest)
    finally:
        connection.close()


def _take_back(path: Path) -> None:
    """Let SQLite take back what was broken off before there was a log: a reader may not, and is refused for ever.

    Only a ledger that has just been made, and one in whose first change of mode the power went, has such a journal.
    """
    if path.with_name(f"{path.name}-journal").exists():
        connection = _connect(path)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        finally:
            connection.close()


def _sync(folder: Path) -> None:
    """Make the ledger's name durable: at every start, as the one that made it may not have come so far."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)


def _make(path: Path, known: list[tuple[str, list[str]]]) -> None:
    """Make a ledger beside its name and give it that when it is whole: an empty file is never taken for a ledger."""
    making = path.with_name(f"{path.name}.new")
    for leftover in (making, *(making.with_name(making.name + ending) for ending in ("-journal", "-wal", "-shm"))):
        leftover.unlink(missing_ok=True)
    connection = _connect(making)
    try:
        # Without a write-ahead log: what a close cannot bring from one into the file, it loses without a word.
        connection.execute("PRAGMA synchronous = FULL")
        _migrate(connection, making, known)
    finally:
        connection.close()
    making.rename(path)


def _flaw_of(connection: sqlite3.Connection, path: Path, newest: int, *, whole: bool) -> str | None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if int(connection.execute("PRAGMA application_id").fetchone()[0]) != APPLICATION_ID or version == 0:
        return (
            "it is no ledger, or an empty one: with it everything would be bought again. Put the ledger back from a"
            " backup; only if there never was one, remove the file."
        )
    if version > newest:
        return (
            f"it was written by a newer watchd (its schema is {version}, this program knows {newest});"
            " install the newer watchd again."
        )
    if not whole and version == newest:
        return None
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if verdict != "ok":
        return _damaged(path, verdict, version)
    return None


def _damaged(path: Path, verdict: str, version: int) -> str:
    name = path.name
    return (
        f"it is damaged ({verdict}). Put it back from a backup, or save what can be read with no daemon running:"
        f" sqlite3 {name} .dump | sed 's/^ROLLBACK;.*/COMMIT;/' | sqlite3 mended.db, then in mended.db"
        f" PRAGMA user_version = {version}; PRAGMA application_id = {APPLICATION_ID}; remove {name}-wal and {name}-shm,"
        f" and put mended.db in the place of {name}."
    )


def _prepare(connection: sqlite3.Connection, path: Path, known: list[tuple[str, list[str]]]) -> sqlite3.Connection:
    mode = str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
    if mode != "wal":
        raise LedgerError(f"{path}: this file system cannot hold a write-ahead log; put `state_dir` on a local disk.")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA journal_size_limit = {KEPT_BYTES}")
    _migrate(connection, path, known)
    clean_end.take_away(connection)
    connection.row_factory = sqlite3.Row
    return connection


def _migrate(connection: sqlite3.Connection, path: Path, known: list[tuple[str, list[str]]]) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version == len(known):
        return
    if version:
        _back_up(connection, path.with_name(f"{path.name}.before-{version + 1}"))
    # Where nothing is to be migrated a start does not pay for these imports, with NumPy where that is installed.
    from sqlite_utils import Database  # noqa: PLC0415 -- as said
    from sqlite_utils.migrations import Migrations  # noqa: PLC0415 -- as said

    plan = Migrations("watchd")
    for number, (name, script) in enumerate(known, 1):
        plan(name=name)(_step(number, script))
    plan.apply(Database(connection, execute_plugins=False))


def _back_up(connection: sqlite3.Connection, target: Path) -> None:
    copy = sqlite3.connect(target)
    try:
        connection.backup(copy)
    finally:
        copy.close()


def _step(number: int, script: list[str]) -> Callable[[sqlite_utils.Database], None]:
    def apply(db: sqlite_utils.Database) -> None:
        for statement in script:
            db.conn.execute(statement)
        db.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.conn.execute(f"PRAGMA user_version = {number}")

    apply.__name__ = f"migration_{number}"
    return apply
