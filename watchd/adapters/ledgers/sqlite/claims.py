"""The ledger's side of stage 4: who works on what, what serves it, and how a job ends without a call."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.rows import job_of, text_of
from watchd.adapters.ledgers.sqlite.transactions import Transactions, passing, transaction
from watchd.core.calls.retrying import PUBLISH_AGAIN_S
from watchd.model import AT_ONCE, ClaimLost, FailureKind, Steady, after

if TYPE_CHECKING:
    from collections.abc import Collection

    from watchd.model import Asked, Failure, Job


class Claims(Transactions):
    """Implements `interfaces.JobQueue`. Claims are single atomic statements with an owner, a lease and a token."""

    @passing
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

    def next_due(self, since: Steady) -> Steady | None:
        """Steady time, after `since`, at which a job that waits becomes claimable; it may have passed by now."""
        (row,) = self.rows("next_due", since=since)
        return None if row["at"] is None else Steady(row["at"])

    def job(self, job_id: int) -> Job | None:
        """One job as it stands."""
        rows = self.rows("job", id=job_id)
        return job_of(rows[0]) if rows else None

    @passing
    def release(self, job: Job, not_before: Steady = AT_ONCE) -> ClaimLost | None:
        """Give a claim back as it was."""
        if not self.run("release", **self.claimed(job), not_before=not_before).rowcount:
            return ClaimLost(job.id)  # or it is armed, and then it is not given back but concluded
        self.run("end_open_attempts", job_id=job.id, at=self.clock.wall(), error="given back before it was sent")
        return None

    @transaction
    def requalify(self, job: Job, asked: Asked, profile: str) -> ClaimLost | None:
        """Give a claim back under the folder's profile as it is now."""
        lost = self.write(
            job, "requalify", parameters=asked.parameters, profile=profile, price=asked.price, width=asked.width,
            height=asked.height,
        )  # fmt: skip
        if lost is None:
            self.run("drop_tiles", job_id=job.id)
            self.event(job.id, "queued", f"follows its folder's profile {profile} as it is now")
        return lost

    @transaction
    def finish(
        self, job: Job, output: str | None, sha256: str | None, *, reused_from: int | None, detail: str,
        written: str | None = None, keeps: bool = False, due: bool = False,
    ) -> ClaimLost | None:  # fmt: skip
        """Published and safe (or nothing to publish, where a collision is to be skipped)."""
        encoded = None if output is None else os.fsencode(output)
        shown = None if output is None else text_of(output)
        lost = self.write(
            job, "finish", at=self.clock.wall(), output=encoded, output_text=shown, output_sha256=sha256,
            reused_from=reused_from, written=written, keeps=keeps, due=due,
        )  # fmt: skip
        if lost is None:
            self.event(job.id, "done", detail)
        return lost

    @transaction
    def fail(self, job: Job, failure: Failure, *, due: bool = False) -> ClaimLost | None:
        """It ends here without a call; its original may be `due` to be moved away."""
        lost = self.end(job, "fail", failure, due=due)
        if lost is not None:
            return lost
        if failure.kind is FailureKind.GONE:
            self.run("forget_sighting", job_id=job.id, folder=job.folder, path=os.fsencode(job.path))
        self.event(job.id, "failed", failure.words)
        return None

    @transaction
    def abandon(self, job: Job, failure: Failure) -> ClaimLost | None:
        """Set a job aside after a fault of our own: failed, but unknown once armed, and kept once received."""
        lost = self.end(job, "abandon", failure, later=after(self.clock.steady(), PUBLISH_AGAIN_S))
        if lost is None:
            self.run("end_open_attempts", job_id=job.id, at=self.clock.wall(), error=failure.words)
            self.event(job.id, "abandoned", failure.words)
        return lost

    @passing
    def note(self, job: Job, step: str, detail: str) -> ClaimLost | None:
        """A step worth telling in `explain` that changes no state."""
        if not self.holds(job):
            return ClaimLost(job.id)
        self.event(job.id, step, detail)
        return None
