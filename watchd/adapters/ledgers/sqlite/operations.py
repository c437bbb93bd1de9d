"""The ledger's side of the owner's commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.rows import job_of
from watchd.adapters.ledgers.sqlite.transactions import Transactions, transaction

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from watchd.model import Job


class Operations(Transactions):
    """Implements `interfaces.OwnerDesk`. What a person decides; each is told in the history of the jobs it concerns."""

    def chosen(self, ids: Collection[int] | None, state: str | None, folder: str | None) -> Sequence[Job]:
        """Jobs by id, or all of a state, or those of one folder; oldest first."""
        if ids is not None:
            rows = self.rows("chosen", ids=json.dumps([*ids]), state=state, folder=folder)
        elif state is not None:
            rows = self.rows("chosen_by_state", state=state, folder=folder)
        else:
            rows = self.rows("chosen_by_folder", folder=folder)
        return [job_of(row) for row in rows]

    @transaction
    def retry(self, jobs: Sequence[Job]) -> None:
        """Failed and unknown jobs go back into the queue."""
        for job in jobs:
            if self.run("retry", id=job.id).rowcount:
                self.event(job.id, "queued", "the owner said `retry`")

    @transaction
    def dismiss(self, jobs: Sequence[Job]) -> None:
        """Unknown jobs end as failed."""
        for job in jobs:
            words = f"dismissed by the owner; before: {job.error}"
            if self.run("dismiss", id=job.id, error=words, at=self.clock.wall()).rowcount:
                self.event(job.id, "failed", "the owner said `dismiss`")

    @transaction
    def reprocess(self, jobs: Sequence[Job]) -> list[int]:
        """Finished files once more; answers the new jobs. One that is on its way already is left to it."""
        made = []
        for job in jobs:
            if self.run("under_way_again", id=job.id).fetchone()["yes"]:
                continue
            row = self.run("reprocess", id=job.id, at=self.clock.wall()).fetchone()
            if row is not None:
                made.append(int(row["id"]))
                self.run("leave_original", id=job.id)
                self.event(made[-1], "queued", f"the owner said `reprocess`; finished before as job {job.id}")
        return made

    @transaction
    def rename_folder(self, old: str, new: str) -> int | None:
        """All that a folder had is another's; answers how many jobs that are, None: somebody works on one of them."""
        if self.run("is_worked_on", folder=old, me=self.owner).fetchone()["yes"]:
            return None
        renamed = self.run("rename_jobs", old=old, new=new).rowcount
        self.run("rename_unidentified", old=old, new=new)
        for what in ("sightings", "place"):
            self.run(f"rename_{what}", old=old, new=new)
            self.run(f"drop_{what}", old=old)
        return renamed

    def open_by_folder(self) -> Mapping[str, int]:
        """How many jobs have not ended, by folder; only those that have any."""
        return {str(row["folder"]): int(row["jobs"]) for row in self.rows("open_by_folder")}

    @transaction
    def approve(self) -> int:
        """Let everything that is queued now go, whatever it costs; answers how many jobs that are."""
        return self.run("approve").rowcount

    @transaction
    def clear_delays(self) -> None:
        """Nothing waits for its time any more."""
        self.run("clear_delays")
        self.run("hurry_originals")
