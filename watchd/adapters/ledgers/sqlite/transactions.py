"""The writer's machinery: one connection, one lock, and a transaction around each method (grouping.py).

A full disk, or a quota, makes a commit wait, not fail: whatever was to be told to the ledger is told when there is
room, and until then nobody who would spend money gets past it. Everything else that keeps the ledger from being written
ends the run.
"""

from __future__ import annotations

import errno
import functools
import logging
import os
import sqlite3
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, assert_never, cast

from watchd.adapters.ledgers.sqlite import clean_end, opening, statements
from watchd.adapters.ledgers.sqlite.grouping import Groups, Turn
from watchd.adapters.ledgers.sqlite.proving import LedgerProof
from watchd.adapters.ledgers.sqlite.rows import text_of
from watchd.core import text
from watchd.core.calls.state import KeyWorked, Opened, Shut
from watchd.errors import LedgerError
from watchd.model import AT_ONCE, ClaimLost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from watchd.core.calls.state import GateChange
    from watchd.interfaces import Clock
    from watchd.model import Failure, Job

logger = logging.getLogger(__name__)

BALLAST_BYTES = 256 * 1024
"""Given up when the disk is full: enough for the commits that are under way."""
LOOK_FOR_ROOM_EVERY_S = 2.0
_PERHAPS_A_QUOTA = frozenset({
    sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_SHMSIZE,
})  # fmt: skip
"""What SQLite says of any failing write but ENOSPC, so of a quota as of a failing disk."""

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Self_ = TypeVar("Self_", bound="Transactions")


def transaction(
    method: Callable[Concatenate[Self_, Given], Answer],
) -> Callable[Concatenate[Self_, Given], Answer]:
    """Make a method one transaction, durable when it returns; begun anew when it had to wait for room."""
    return _as_transaction(method, durable=True)


def passing(
    method: Callable[Concatenate[Self_, Given], Answer],
) -> Callable[Concatenate[Self_, Given], Answer]:
    """The same for what a power cut may take back, as a start does so anyway: a claim, say."""
    return _as_transaction(method, durable=False)


def _as_transaction(
    method: Callable[Concatenate[Self_, Given], Answer], *, durable: bool
) -> Callable[Concatenate[Self_, Given], Answer]:
    @functools.wraps(method)
    def run(self: Self_, *given: Given.args, **named: Given.kwargs) -> Answer:
        return cast("Answer", self.transact(lambda: method(self, *given, **named), durable=durable))

    return cast("Callable[Concatenate[Self_, Given], Answer]", run)


class Transactions:
    """The one connection that writes. The caller holds the daemon's lock on `path`'s folder.

    Threads: any; the connection is used within `lock` alone, which is held for one transaction.
    """

    def __init__(self, path: Path, clock: Clock, *, owner: str, lease: float) -> None:
        """`owner` names this run in its claims; `lease`: seconds that a claim is good for."""
        self._ballast = path.with_name("ballast")
        trusted = clean_end.is_as_left(path)
        self.connection = opening.open_for_writing(path, trusted=trusted)
        self.proof = LedgerProof(path) if trusted else None
        """The check of all that is in it, where the opening has put it off."""
        self.is_sound = True
        """Whether nothing was met that would make the next start look at all of it."""
        self.clock = clock
        self.owner = owner
        self.lease = lease
        self.lock = threading.RLock()
        self.trouble: str | None = None
        """Why the ledger cannot be written at present; everybody who wants to waits. Read without the lock."""
        self.trouble_since = AT_ONCE
        self.commits = 0
        """Transactions so far, for those who look often whether anything has changed. Read without the lock."""
        self._path = path
        self._sql = statements.load("queries.sql")
        self._given_up = False
        self._groups = Groups(self.connection, self.lock, self.attempt, self._alone)
        self._syncs = True
        self._load_ballast()

    def close(self) -> None:
        """Checkpoint and close: nothing but ledger.db is left, with a mark that this was a clean end, if it was one."""
        with self.lock:
            if self.is_sound and self.trouble is None:
                clean_end.leave(self.connection, self._path)
            else:
                self.connection.close()

    def give_up(self) -> None:
        """Wait for room no longer: the process ends, and what could not be written is found again at the next start."""
        self._given_up = True  # no more than that: a signal handler may be the one who says so

    def transact(self, body: Callable[[], Any], *, durable: bool = True) -> Any:
        """Carry out one transaction, with those of others who wait meanwhile; what it answers, or raises."""
        return self._groups.carry_out(Turn(body, durable=durable))

    def _alone(self, turn: Turn) -> None:
        """One by itself, as often as it has to wait for room."""
        while not turn.is_over:
            try:
                turn.end(self.attempt(turn.body, durable=turn.durable))
            except sqlite3.Error as error:
                try:
                    self.make_room(error)
                except LedgerError as refused:
                    turn.end(error=refused)
            except Exception as error:
                turn.end(error=error)

    def attempt(self, body: Callable[[], Answer], *, durable: bool = True) -> Answer:
        """BEGIN IMMEDIATE … COMMIT; a deferred BEGIN would fail where it could have waited."""
        if durable != self._syncs:
            # What is not synced comes before what is, in one log: it is durable with the next that is.
            self.connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._syncs = durable
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            answer = body()
            self.connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk may have rolled back by itself
                self.connection.execute("ROLLBACK")
            raise
        self.commits += 1
        if self.trouble is not None:
            self.trouble = None
            self._load_ballast()
            logger.info("The ledger can be written again; everything goes on", extra={"action": "ledger_room"})
        return answer

    def make_room(self, error: sqlite3.Error) -> None:
        """Give up the ballast, then wait for room; raises LedgerError for any other trouble, and when told to end."""
        if not isinstance(error, sqlite3.OperationalError) or not self._is_for_want_of_room(error):
            self.is_sound = False
            raise LedgerError(f"the ledger cannot be written ({error}): nothing more is sent") from error
        with suppress(OSError):  # none is left, or the quota is such that not even this can be done
            self._ballast.unlink()
            return
        if self.trouble is None:
            self.trouble_since = self.clock.steady()
            self.trouble = f"no space left for {self._path}: nothing is sent until there is room; nothing is lost"
            logger.critical(self.trouble, extra={"action": "ledger_full"})
        if not self._given_up:
            time.sleep(LOOK_FOR_ROOM_EVERY_S)  # no event tells that a disk has room again
        if self._given_up:
            raise LedgerError(self.trouble) from error

    def _is_for_want_of_room(self, error: sqlite3.OperationalError) -> bool:
        """Whether a write failed for want of room: as SQLite says, or told by writing as much as the ballast has."""
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            return True
        if error.sqlite_errorcode not in _PERHAPS_A_QUOTA:
            return False
        trial = self._path.with_name("trial")
        try:
            descriptor = os.open(trial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                written = os.write(descriptor, bytes(BALLAST_BYTES))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
                trial.unlink()
        except OSError as reason:
            return reason.errno in {errno.ENOSPC, errno.EDQUOT}
        return written < BALLAST_BYTES

    def _load_ballast(self) -> None:
        """Set the ballast aside again, where there is room for it."""
        if self._ballast.exists():
            return
        with suppress(OSError):
            descriptor = os.open(self._ballast, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
            except OSError:
                self._ballast.unlink()
            finally:
                os.close(descriptor)

    def run(self, name: str, **values: Any) -> sqlite3.Cursor:
        """One named statement, inside the transaction at hand. Text is text: of a name, what can be read of it."""
        told = {key: text.display(value) if isinstance(value, str) else value for key, value in values.items()}
        cursor = self.connection.execute(self._sql[name], told)
        assert isinstance(cursor, sqlite3.Cursor)  # noqa: S101 -- narrows an untyped library's answer
        return cursor

    def rows(self, name: str, **values: Any) -> list[sqlite3.Row]:
        """All rows of one named query."""
        with self.lock:
            try:
                return self.run(name, **values).fetchall()
            except sqlite3.Error as error:
                self.is_sound = False
                raise LedgerError(f"the ledger cannot be read ({error}): nothing more is sent") from error

    def event(self, job_id: int, step: str, detail: str) -> None:
        """A step in a job's life, for `explain`."""
        self.run("insert_event", at=self.clock.wall(), job_id=job_id, step=step, detail=detail)

    def claimed(self, job: Job) -> dict[str, Any]:
        """What a write names that only whoever holds this very claim may make."""
        return {"id": job.id, "me": self.owner, "claim": job.claim}

    def holds(self, job: Job) -> bool:
        """Whether a claim still holds, inside the transaction at hand."""
        return bool(self.run("is_claimed_by", **self.claimed(job)).fetchone()["yes"])

    def write(self, job: Job, name: str, **values: Any) -> ClaimLost | None:
        """Change the row of a claimed job.

        Raises:
            LedgerError: the claim holds, and yet the job does not stand where this step begins: a fault of our own.
        """
        if self.run(name, **self.claimed(job), **values).rowcount == 1:
            return None
        if self.holds(job):
            raise LedgerError(f"job {job.id} ({text_of(job.path)}) does not stand where `{name}` begins: our fault")
        return ClaimLost(job.id)

    def end(self, job: Job, name: str, failure: Failure, **values: Any) -> ClaimLost | None:
        """The same where the job ends badly."""
        told = {"error": failure.words, "failure": failure.kind, "at": self.clock.wall()}
        return self.write(job, name, **told, **values)

    def change_gates(self, changes: Sequence[GateChange]) -> None:
        """Write what was closed or opened, inside the transaction at hand."""
        for change in changes:
            match change:
                case Shut(gate):
                    self.run(
                        "close_gate", reason=gate.reason, since=gate.since, detail=gate.detail, retry_at=gate.retry_at,
                        interval=gate.interval, mark=gate.mark,
                    )  # fmt: skip
                case Opened(reason):
                    self.run("open_gate", reason=reason)
                case KeyWorked(fingerprint):
                    self.run("note_key_that_worked", fingerprint=fingerprint)
                case unexpected:
                    assert_never(unexpected)
