"""The ledger's side of stage 9: what is still to be done with originals, and where they have gone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.rows import text_of
from watchd.adapters.ledgers.sqlite.transactions import Transactions, transaction
from watchd.model import ClaimLost

if TYPE_CHECKING:
    from watchd.model import Job, Steady


class OriginalRows(Transactions):
    """Implements `interfaces.OriginalBook`."""

    @transaction
    def end_original(self, job: Job, moved: str | None, detail: str) -> ClaimLost | None:
        """What was to be done with a claimed job's original has been done, or cannot be; `moved`: where it is now."""
        encoded = None if moved is None else os.fsencode(moved)
        lost = self.write(job, "end_original", moved=encoded)
        if lost is None:
            if encoded is not None:
                self.run("moved_too", id=job.id, moved=encoded)
            self.event(job.id, "original", detail)
        return lost

    @transaction
    def plan_move(self, job: Job, moving: str) -> ClaimLost | None:
        """Say where a claimed job's original is about to be moved, before it is."""
        return self.write(job, "plan_move", moving=os.fsencode(moving))

    @transaction
    def note_written(self, job: Job, note: str, sha256: str) -> None:
        """A note about a job lies beside its original, with these bytes."""
        self.run("note_written", id=job.id, note=os.fsencode(note), sha256=sha256)

    @transaction
    def put_off_original(self, job: Job, not_before: Steady) -> ClaimLost | None:
        """Give the claim back; it is tried again at `not_before` (steady)."""
        return self.write(job, "put_off_original", not_before=not_before)

    @transaction
    def bring_back(self, job: Job, moved: str) -> ClaimLost | None:
        """The original that had gone to `moved` lies where it was again, for every job that knew of it."""
        if not self.holds(job):
            return ClaimLost(job.id)
        self.run("brought_back", moved=os.fsencode(moved), sha256=job.sha256)
        self.event(job.id, "original", f"brought back from {text_of(moved)}")
        return None
