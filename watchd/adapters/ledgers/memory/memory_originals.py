"""Originals, in memory: which of them something is still to be done with, and where they have gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.adapters.ledgers.memory.memory_role import MemoryRole, locked
from watchd.model import AT_ONCE, ClaimLost, JobState

if TYPE_CHECKING:
    from watchd.adapters.ledgers.memory.memory_store import JobRow
    from watchd.model import Job, Steady


class MemoryOriginals(MemoryRole):
    """Implements `interfaces.OriginalBook`."""

    @locked
    def end_original(self, job: Job, moved: str | None, detail: str) -> ClaimLost | None:
        """What was to be done with a claimed job's original has been done, or cannot be."""
        row = self.store.standing(job, self.owner)
        if isinstance(row, ClaimLost):
            return row
        row.change(due=False, moved=moved, moving=None)
        row.free(AT_ONCE)
        if moved is not None:
            for other in self._of_the_same_file(row.now):
                other.change(moved=moved)
        self.store.event(job.id, "original", detail)
        return None

    def _of_the_same_file(self, job: Job) -> list[JobRow]:
        """Others that wait to read this very file."""
        return [
            row for row in self.store.jobs.values()
            if (row.now.folder, row.now.path, row.now.sha256) == (job.folder, job.path, job.sha256)
            and row.now.id != job.id and row.now.moved is None and row.now.state is not JobState.DONE
        ]  # fmt: skip

    @locked
    def plan_move(self, job: Job, moving: str) -> ClaimLost | None:
        """Say where a claimed job's original is about to be moved, before it is."""
        row = self.store.standing(job, self.owner, where=lambda now: now.due)
        if isinstance(row, ClaimLost):
            return row
        row.change(moving=moving)
        return None

    @locked
    def note_written(self, job: Job, note: str, sha256: str) -> None:
        """A note about a job lies beside its original, with these bytes."""
        self.store.jobs[job.id].change(note=note, note_sha256=sha256)

    @locked
    def put_off_original(self, job: Job, not_before: Steady) -> ClaimLost | None:
        """Give the claim back; it is tried again at `not_before` (steady)."""
        row = self.store.standing(job, self.owner, where=lambda now: now.due)
        if isinstance(row, ClaimLost):
            return row
        row.free(not_before)
        return None

    @locked
    def bring_back(self, job: Job, moved: str) -> ClaimLost | None:
        """The original that had gone to `moved` lies where it was again, for every job that knew of it."""
        if self.store.held_by(job, self.owner) is None:
            return ClaimLost(job.id)
        for row in self.store.jobs.values():
            if row.now.moved == moved:
                row.change(moved=None)
        self.store.event(job.id, "original", "brought back")
        return None
