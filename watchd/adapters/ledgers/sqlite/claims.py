"""The ledger's side of stage 4: who works on what, what serves it, and what becomes of a former owner's claims."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.rows import job_of
from watchd.adapters.ledgers.sqlite.transactions import Transactions, transaction
from watchd.model import Interrupted, JobState, Progress, Rect

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from watchd.model import Asked, Job


class Claims(Transactions):
    """Claims are single atomic statements with an owner and a lease."""

    @transaction
    def claim(self, folders: Collection[str], calling: Collection[str]) -> Job | None:
        """Take one job of `folders` that can go on now; outside `calling` only what costs nothing."""
        now = self.clock.steady()
        values = {"me": self.owner, "now": now, "lease_until": now + self.lease, "folders": json.dumps([*folders])}
        may_call = json.dumps([*calling])
        row = (
            self.run("claim_received", **values).fetchone()
            or self.run("claim_original", **values).fetchone()
            or self.run("claim_free", calling=may_call, **values).fetchone()
            or (self.run("claim", calling=may_call, **values).fetchone() if calling else None)
        )
        return job_of(row) if row else None

    def next_due(self, since: float) -> float | None:
        """Steady time, after `since`, at which a job that waits becomes claimable; it may have passed by now."""
        (row,) = self.rows("next_due", since=since)
        return None if row["at"] is None else float(row["at"])

    def job(self, job_id: int) -> Job | None:
        """One job as it stands."""
        rows = self.rows("job", id=job_id)
        return job_of(rows[0]) if rows else None

    def paid_results(self, job: Job) -> Sequence[Job]:
        """Finished jobs whose output can serve this one, the best first."""
        rows = self.rows("paid_result", id=job.id, sha256=job.sha256, folder=job.folder, parameters=job.parameters)
        return [job_of(row) for row in rows]

    @transaction
    def release(self, job: Job, not_before: float = 0.0) -> None:
        """Give a claim back as it was."""
        if self.run("release", id=job.id, me=self.owner, not_before=not_before).rowcount:
            self.run("end_open_attempts", job_id=job.id, at=self.clock.wall(), error="given back before it was sent")

    @transaction
    def requalify(self, job: Job, asked: Asked, profile: str) -> None:
        """Give a claim back under the folder's profile as it is now."""
        self.run(
            "requalify", id=job.id, me=self.owner, parameters=asked.parameters, profile=profile, price=asked.price,
            width=asked.width, height=asked.height,
        )  # fmt: skip
        self.run("drop_tiles", job_id=job.id)
        self.event(job.id, "queued", f"follows its folder's profile {profile} as it is now")

    @transaction
    def take_name(
        self, job: Job, candidates: Callable[[], Iterable[tuple[str, str]]], free: Callable[[str], bool], *, share: bool
    ) -> str | None:
        """Reserve the first free (key, path) of `candidates` for this job and answer its path; None: all are taken."""
        for key, path in candidates():
            if share or self._may_take(job, key, path, free):
                self.run("take_name", key=key, job_id=job.id, path=os.fsencode(path))
                self.run("keep_name", job_id=job.id, path=os.fsencode(path))
                self.run("drop_names", job_id=job.id, keep=key)
                return path
        return None

    def _may_take(self, job: Job, key: str, path: str, free: Callable[[str], bool]) -> bool:
        holder = self.run("name_holder", key=key).fetchone()
        if holder is None or holder["job_id"] == job.id:
            return free(path)  # one's own name, too: somebody else's file may bear it by now
        return holder["state"] in {JobState.DONE, JobState.FAILED} and free(os.fsdecode(holder["path"])) and free(path)

    def name_of(self, job: Job) -> str | None:
        """The name reserved for this job."""
        rows = self.rows("name_of", job_id=job.id)
        return os.fsdecode(rows[0]["name"]) if rows else None

    @transaction
    def interrupted(self) -> Sequence[Interrupted]:
        """Calls that a former owner had armed; their jobs are this owner's now, to be concluded as lost."""
        found = []
        for job in [job_of(row) for row in self.run("interrupted", me=self.owner).fetchall()]:
            self.run("adopt", id=job.id, me=self.owner)
            row = self.run("open_attempt", job_id=job.id).fetchone()
            found.append(Interrupted(job, row["id"], row["tile"], row["width"], row["height"]))
        return found

    def tiles(self, job: Job) -> Mapping[int, Rect]:
        """The tiles of a job that are safe in the spool, by number."""
        return {
            int(row["number"]): Rect(row["left"], row["top"], row["width"], row["height"])
            for row in self.rows("tiles", job_id=job.id)
        }

    @transaction
    def free_claims(self) -> None:
        """Take back what a former owner had claimed and not armed."""
        self.run("free_claims", me=self.owner)
        self.run("hurry_originals")
        self.run("drop_open_attempts", at=self.clock.wall())

    def needed(self) -> Collection[int]:
        """Jobs whose files in the spool are still needed."""
        return {int(row["id"]) for row in self.rows("spool_names")}

    def is_claimed(self) -> bool:
        """Whether somebody works on a job now."""
        return bool(self.rows("claimed")[0]["yes"])

    def is_busy(self, folders: Collection[str], calling: Collection[str]) -> bool:
        """Whether somebody works on a job, or one can go on by itself: published in `folders`, called in `calling`."""
        given = {"folders": json.dumps([*folders]), "calling": json.dumps([*calling])}
        return bool(self.rows("busy", **given)[0]["yes"])

    def last_attempt(self) -> int:
        """The last attempt so far, to count from."""
        return int(self.rows("last_attempt")[0]["id"])

    def progress(self, since: float, attempt: int) -> Progress:
        """How far a run has come that began at `since` (wall time), after `attempt`."""
        row = self.rows("progress", since=since)[0]
        booked = int(self.rows("booked_since", attempt=attempt)[0]["booked"])
        return Progress(
            done=row["done"], failed=row["failed"], unknown=row["unknown"], left=row["left_over"],
            bytes_done=row["bytes_done"], bytes_left=row["bytes_left"], booked=booked,
        )  # fmt: skip
