"""The ledger's one writer: each method is one transaction, and durable when it returns.

One connection behind one lock. Below SQLite 3.51.3 a rare corruption of the WAL needs two connections that write or
checkpoint, so nobody else ever does: commands reach a running daemon through its control socket.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from watchd.adapters.ledger import opening, statements
from watchd.adapters.ledger.rows import job_of, sample_of, text_of
from watchd.errors import LedgerError
from watchd.model import Gate, GateReason, JobState, Progress, Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from watchd.core.calls import Traffic
    from watchd.core.retrying import Conclusion
    from watchd.interfaces import Clock
    from watchd.model import Admission, Job

LONGEST_WAIT = 3600.0
"""Seconds: no job is ever told to wait longer, so a deadline further ahead comes from a clock that was wrong."""


class SqliteLedger:
    """Implements `interfaces.Ledger`. The caller holds the daemon's lock on `path`'s folder."""

    def __init__(self, path: Path, clock: Clock, *, owner: str, lease: float) -> None:
        """`owner` names this run in its claims; `lease`: seconds that a claim is good for."""
        self._db = opening.open_for_writing(path)
        self._sql = statements.load("queries.sql")
        self._clock = clock
        self._owner = owner
        self._lease = lease
        self._lock = threading.RLock()
        with self._transaction():
            self._run("settle_limit", latest=clock.steady() + LONGEST_WAIT)

    def close(self) -> None:
        """Checkpoint and close: nothing but ledger.db is left."""
        with self._lock:
            self._db.conn.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """BEGIN IMMEDIATE … COMMIT; a deferred BEGIN would fail where it could have waited."""
        with self._lock:
            try:
                self._db.conn.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._db.conn.execute("ROLLBACK")
                    raise
                self._db.conn.execute("COMMIT")
            except sqlite3.Error as error:
                raise LedgerError(f"the ledger cannot be written ({error}): nothing more is sent") from error

    def _run(self, name: str, **values: Any) -> sqlite3.Cursor:
        cursor = self._db.conn.execute(self._sql[name], values)
        assert isinstance(cursor, sqlite3.Cursor)  # noqa: S101 -- narrows an untyped library's answer
        return cursor

    def _rows(self, name: str, **values: Any) -> list[sqlite3.Row]:
        with self._lock:
            try:
                return self._run(name, **values).fetchall()
            except sqlite3.Error as error:
                raise LedgerError(f"the ledger cannot be read ({error}): nothing more is sent") from error

    def _event(self, job_id: int, step: str, detail: str) -> None:
        self._run("insert_event", at=self._clock.wall(), job_id=job_id, step=step, detail=detail)

    # Seen, settled, admitted

    def sightings(self, folder: str) -> dict[str, Sighting]:
        """All that is remembered of a folder's paths."""
        rows = self._rows("sightings", folder=folder)
        return {
            (path := os.fsdecode(row["path"])): Sighting(path, sample_of(row), row["job_id"], row["reason"])
            for row in rows
        }

    def note_waiting(self, folder: str, waiting: Iterable[Sighting], gone: Iterable[str]) -> None:
        """Files seen that are not yet jobs, and those of them that went again."""
        with self._transaction():
            for path in gone:
                self._run("forget_waiting", folder=folder, path=os.fsencode(path))
            for sighting in waiting:
                self._sight(folder, sighting)

    def _sight(self, folder: str, sighting: Sighting) -> None:
        sample = sighting.sample
        self._run(
            "sight", folder=folder, path=os.fsencode(sighting.path), size=sample.size, mtime_ns=sample.mtime_ns,
            ctime_ns=sample.ctime_ns, inode=sample.inode, job_id=sighting.job, reason=sighting.reason,
            at=self._clock.wall(),
        )  # fmt: skip

    def admit(self, admissions: Sequence[Admission]) -> list[int]:
        """Record settled files; answers each one's job, an earlier one where these bytes were known here."""
        with self._transaction():
            return [self._admit(admission) for admission in admissions]

    def _admit(self, admission: Admission) -> int:
        path = os.fsencode(admission.path)
        known = self._run("same_file", folder=admission.folder, path=path, sha256=admission.sha256).fetchone()
        job_id = int(known["id"]) if known else self._new_job(admission, path)
        self._sight(admission.folder, Sighting(admission.path, admission.sample, job_id))
        return job_id

    def _new_job(self, admission: Admission, path: bytes) -> int:
        same = {"sha256": admission.sha256, "parameters": admission.parameters, "folder": admission.folder}
        under_way = self._run("under_way", **same).fetchone()
        now = self._clock.wall()
        refused = admission.refusal is not None
        row = self._run(
            "insert_job", **same, path=path, path_text=text_of(admission.path), size=admission.sample.size,
            mtime_ns=admission.sample.mtime_ns, profile=admission.profile, priority=admission.priority,
            state=JobState.FAILED if refused else JobState.QUEUED, behind=under_way["id"],
            error=admission.refusal, at=now, finished_at=now if refused else None,
        ).fetchone()  # fmt: skip
        job_id = int(row["id"])
        self._event(job_id, "admitted", f"{admission.sample.size:,} bytes, SHA-256 {admission.sha256}")
        if admission.refusal is not None:
            self._event(job_id, "failed", admission.refusal)
        elif under_way["id"] is not None:
            self._event(job_id, "queued", f"the same picture is under way as job {under_way['id']}; waits behind it")
        return job_id

    # Claimed

    def claim(self, folders: Collection[str], *, calls: bool) -> Job | None:
        """Take one job that can go on now; with `calls` false only what costs nothing."""
        now = self._clock.steady()
        values = {"me": self._owner, "now": now, "lease_until": now + self._lease, "folders": json.dumps([*folders])}
        with self._transaction():
            row = (
                self._run("claim_received", **values).fetchone() or self._run("claim", calls=calls, **values).fetchone()
            )
        return job_of(row) if row else None

    def next_due(self) -> float | None:
        """Steady time at which a job that waits becomes claimable."""
        (row,) = self._rows("next_due", now=self._clock.steady())
        return None if row["at"] is None else float(row["at"])

    def job(self, job_id: int) -> Job | None:
        """One job as it stands."""
        rows = self._rows("job", id=job_id)
        return job_of(rows[0]) if rows else None

    def paid_results(self, job: Job) -> Sequence[Job]:
        """Finished jobs whose output can serve this one, the best first."""
        rows = self._rows("paid_result", id=job.id, sha256=job.sha256, folder=job.folder, parameters=job.parameters)
        return [job_of(row) for row in rows]

    def release(self, job: Job, not_before: float = 0.0) -> None:
        """Give a claim back as it was."""
        with self._transaction():
            self._run("release", id=job.id, me=self._owner, not_before=not_before)

    def requalify(self, job: Job, parameters: str, profile: str) -> None:
        """Give a claim back under the folder's profile as it is now."""
        with self._transaction():
            self._run("requalify", id=job.id, me=self._owner, parameters=parameters, profile=profile)
            self._event(job.id, "queued", f"its folder's profile changed; follows {profile} as it is now")

    def take_name(
        self, job: Job, candidates: Iterable[tuple[str, str]], free: Callable[[str], bool], *, share: bool
    ) -> str | None:
        """Reserve the first free (key, path) of `candidates` for this job and answer its path; None: all are taken."""
        with self._transaction():
            for key, path in candidates:
                if share or self._may_take(job, key, path, free):
                    self._run("take_name", key=key, job_id=job.id, path=os.fsencode(path))
                    self._run("drop_names", job_id=job.id, keep=key)
                    return path
        return None

    def _may_take(self, job: Job, key: str, path: str, free: Callable[[str], bool]) -> bool:
        holder = self._run("name_holder", key=key).fetchone()
        if holder is None:
            return free(path)
        if holder["job_id"] == job.id:
            return True
        return holder["state"] in {JobState.DONE, JobState.FAILED} and free(os.fsdecode(holder["path"])) and free(path)

    def name_of(self, job: Job) -> str | None:
        """The name reserved for this job."""
        rows = self._rows("names_of", job_id=job.id)
        return os.fsdecode(rows[0]["path"]) if rows else None

    # Sent

    def begin_sending(self, job: Job) -> int:
        """Durable before connecting; answers the attempt."""
        lease_until = self._clock.steady() + self._lease
        with self._transaction():
            self._owned(self._run("begin_sending", id=job.id, me=self._owner, lease_until=lease_until), job)
            row = self._run("insert_attempt", job_id=job.id, at=self._clock.wall()).fetchone()
            self._event(job.id, "sending", f"attempt {row['id']}")
            return int(row["id"])

    def arm(self, job: Job, attempt: int, price: int) -> None:
        """Durable before the last bytes leave: booked, and possibly charged from here on."""
        day = self._clock.local().date().isoformat()
        with self._transaction():
            self._owned(self._run("arm_job", id=job.id, me=self._owner, price=price), job)
            self._run("arm_attempt", attempt_id=attempt, at=self._clock.wall(), day=day, price=price)
            self._event(job.id, "armed", "all but the last bytes are sent; from here on the call may be charged")

    def _owned(self, cursor: sqlite3.Cursor, job: Job) -> None:
        if cursor.rowcount != 1:
            raise LedgerError(f"job {job.id} ({text_of(job.path)}) is no longer this daemon's: another ledger's owner?")

    def receive(self, job: Job, attempt: int, result: str, traffic: Traffic) -> None:
        """The answer is whole and durable in the spool."""
        with self._transaction():
            self._owned(self._run("receive", id=job.id, me=self._owner, result=result), job)
            self._end_attempt(attempt, "ok", None, 200, traffic, unbook=False)
            self._event(job.id, "received", f"{traffic.received_bytes:,} bytes, whole and safe in the spool")

    def _end_attempt(
        self, attempt: int, outcome: str, error: str | None, status: int | None, traffic: Traffic, *, unbook: bool
    ) -> None:
        self._run(
            "end_attempt", attempt_id=attempt, at=self._clock.wall(), outcome=outcome, error=error, status=status,
            unbook=unbook, sent_bytes=traffic.sent_bytes, received_bytes=traffic.received_bytes, cf_ray=traffic.cf_ray,
        )  # fmt: skip

    def conclude(self, job: Job, attempt: int, conclusion: Conclusion) -> None:
        """The call brought no picture."""
        with self._transaction():
            booked = self._run("booked_of_attempt", attempt_id=attempt).fetchone()["booked"]
            self._end_attempt(
                attempt, conclusion.outcome, conclusion.error, conclusion.status, conclusion.traffic,
                unbook=conclusion.unbook,
            )  # fmt: skip
            self._run(
                "conclude", id=job.id, me=self._owner, state=conclusion.state, not_before=conclusion.not_before,
                error=conclusion.error, counts=conclusion.counts, resend=conclusion.resend,
                upload_cut=conclusion.upload_cut, unbooked=booked if conclusion.unbook else 0, at=self._clock.wall(),
            )  # fmt: skip
            self._event(job.id, conclusion.state, conclusion.error)
            if conclusion.balance is not None and conclusion.outcome == "balance":
                self._run(
                    "insert_balance_failure", at=self._clock.wall(), job_id=job.id, message=conclusion.balance.message,
                    balance_usd=conclusion.balance.balance_usd, balance_diem=conclusion.balance.balance_diem,
                )  # fmt: skip
            if conclusion.gate is not None:
                self._close_gate(conclusion.gate)

    # Published, recorded

    def finish(self, job: Job, output: str | None, sha256: str | None, *, reused_from: int | None, detail: str) -> None:
        """Published and safe (or nothing to publish, where a collision is to be skipped)."""
        encoded = None if output is None else os.fsencode(output)
        shown = None if output is None else text_of(output)
        with self._transaction():
            cursor = self._run(
                "finish", id=job.id, me=self._owner, at=self._clock.wall(), output=encoded, output_text=shown,
                output_sha256=sha256, reused_from=reused_from,
            )  # fmt: skip
            self._owned(cursor, job)
            self._event(job.id, "done", detail)

    def fail(self, job: Job, error: str) -> None:
        """It ends here without a call."""
        with self._transaction():
            self._owned(self._run("fail", id=job.id, me=self._owner, error=error, at=self._clock.wall()), job)
            self._event(job.id, "failed", error)

    def abandon(self, job: Job, error: str) -> None:
        """Set a job aside after a fault of our own: failed, but unknown once armed, and kept once received."""
        with self._transaction():
            later = self._clock.steady() + LONGEST_WAIT
            self._run("abandon", id=job.id, me=self._owner, error=error, at=self._clock.wall(), later=later)
            self._event(job.id, "abandoned", error)

    def note(self, job: Job, step: str, detail: str) -> None:
        """A step worth telling in `explain` that changes no state."""
        with self._transaction():
            self._event(job.id, step, detail)

    # Gates

    def gates(self) -> dict[GateReason, Gate]:
        """What is closed."""
        rows = self._rows("gates")
        gates = [Gate(GateReason(row[0]), row[1], row[2], row[3], row[4], row[5]) for row in rows]
        return {gate.reason: gate for gate in gates}

    def close_gate(self, gate: Gate) -> None:
        """Close, or change the time or the words of what is closed."""
        with self._transaction():
            self._close_gate(gate)

    def _close_gate(self, gate: Gate) -> None:
        self._run(
            "close_gate", reason=gate.reason, since=gate.since, detail=gate.detail, retry_at=gate.retry_at,
            interval=gate.interval, mark=gate.mark,
        )  # fmt: skip

    def open_gate(self, reason: GateReason) -> None:
        """Open."""
        with self._transaction():
            self._run("open_gate", reason=reason)

    def recent_calls(self, seconds: float) -> Sequence[float]:
        """Ages in seconds of the calls that began in the last `seconds`, oldest first."""
        now = self._clock.wall()
        return [max(0.0, now - row["started_at"]) for row in self._rows("recent_calls", since=now - seconds)]

    # How it stands

    def is_claimed(self) -> bool:
        """Whether somebody works on a job now."""
        return bool(self._rows("claimed")[0]["yes"])

    def can_go_on(self, folders: Collection[str]) -> bool:
        """Whether a job of these folders can go on by itself, now or later, as far as the gate lets it."""
        return bool(self._rows("can_go_on", folders=json.dumps([*folders]))[0]["yes"])

    def last_attempt(self) -> int:
        """The last attempt so far, to count from."""
        return int(self._rows("last_attempt")[0]["id"])

    def progress(self, since: float, attempt: int) -> Progress:
        """How far a run has come that began at `since` (wall time), after `attempt`."""
        row = self._rows("progress", since=since)[0]
        booked = int(self._rows("booked_since", attempt=attempt)[0]["booked"])
        return Progress(
            done=row["done"], failed=row["failed"], unknown=row["unknown"], left=row["left_over"],
            bytes_done=row["bytes_done"], bytes_left=row["bytes_left"], booked=booked,
        )  # fmt: skip

    # Recovery

    def interrupted(self) -> Sequence[tuple[Job, int]]:
        """Jobs and attempts that a former owner had armed; they are this owner's now, to be concluded as lost."""
        with self._transaction():
            jobs = [job_of(row) for row in self._run("interrupted", me=self._owner).fetchall()]
            pairs = []
            for job in jobs:
                self._run("adopt", id=job.id, me=self._owner)
                pairs.append((job, int(self._run("open_attempt", job_id=job.id).fetchone()["id"])))
            return pairs

    def free_claims(self) -> None:
        """Take back what a former owner had claimed and not armed."""
        with self._transaction():
            self._run("free_claims", me=self._owner)
            self._run("drop_open_attempts", at=self._clock.wall())

    def needed(self) -> Collection[int]:
        """Jobs whose files in the spool are still needed."""
        return {int(row["id"]) for row in self._rows("spool_names")}
