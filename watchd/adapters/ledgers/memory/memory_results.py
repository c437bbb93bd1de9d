"""Pictures that are paid for, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.adapters.ledgers.memory.memory_role import MemoryRole, locked
from watchd.model import ClaimLost, JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchd.model import Job


class MemoryResults(MemoryRole):
    """Implements `interfaces.ResultBook`."""

    @locked
    def paid_results(self, job: Job) -> Sequence[Job]:
        """Finished jobs whose result can serve this one: its own folder's first, then the latest."""
        return [row.now for row in self.store.paid(self.store.jobs[job.id])]

    @locked
    def demand_new(self, job: Job, words: str) -> ClaimLost | None:
        """None of them is good enough: give the claim back, for a call of its own."""
        row = self.store.standing(job, self.owner, JobState.QUEUED)
        if isinstance(row, ClaimLost):
            return row
        row.fresh_after = len(self.store.events)
        row.change(behind=None)
        row.free()
        self.store.event(job.id, "queued", words)
        return None

    @locked
    def kept_answers(self) -> Sequence[Job]:
        """Finished jobs whose paid answers are kept in the spool, what ended long ago first."""
        kept = [row.now for row in self.store.jobs.values() if row.now.keeps]
        return sorted(kept, key=lambda job: (job.finished_at or 0.0, job.id))

    @locked
    def give_up_answer(self, job_id: int) -> None:
        """The paid answer of a finished job is kept no longer."""
        self.store.jobs[job_id].change(keeps=False)
