"""The owner's commands, in memory."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.memory.memory_role import MemoryRole, locked
from watchd.adapters.ledgers.memory.memory_store import UNDER_WAY, JobRow
from watchd.model import AT_ONCE, FailureKind, Job, JobState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


class MemoryDesk(MemoryRole):
    """Implements `interfaces.OwnerDesk`."""

    @locked
    def chosen(self, ids: Collection[int] | None, state: str | None, folder: str | None) -> Sequence[Job]:
        """Jobs by id, or all of a state, or those of one folder; oldest first."""
        jobs = [row.now for row in self.store.jobs.values() if ids is None or row.now.id in ids]
        return [job for job in jobs if state in {None, job.state} and folder in {None, job.folder}]

    @locked
    def retry(self, jobs: Sequence[Job]) -> None:
        """Failed and unknown jobs go back into the queue."""
        for row in (self.store.jobs[job.id] for job in jobs):
            if row.now.state not in {JobState.FAILED, JobState.UNKNOWN}:
                continue
            if row.now.failure is FailureKind.RESULT_GONE:
                row.fresh_after = len(self.store.events)
            row.change(
                state=JobState.QUEUED, error=None, failure=None, finished_at=None, behind=None,
                forgiven=row.now.attempts, upload_cuts=0, due=False,
            )  # fmt: skip
            row.approved = True
            row.free(AT_ONCE)
            self.store.event(row.now.id, "queued", "the owner said `retry`")

    @locked
    def dismiss(self, jobs: Sequence[Job]) -> None:
        """Unknown jobs end as failed."""
        for row in (self.store.jobs[job.id] for job in jobs):
            if row.now.state is JobState.UNKNOWN:
                words = f"dismissed by the owner; before: {row.now.error}"
                told = {"error": words, "failure": FailureKind.DISMISSED, "finished_at": self.clock.wall()}
                row.change(state=JobState.FAILED, **told)
                self.store.event(row.now.id, "failed", "the owner said `dismiss`")

    @locked
    def reprocess(self, jobs: Sequence[Job]) -> list[int]:
        """Finished files once more; answers the new jobs. One that is on its way already is left to it."""
        rows = [self.store.jobs[job.id] for job in jobs]
        return [
            self._again(row)  # one after the other: what one makes is under way for the next
            for row in rows
            if row.now.state is JobState.DONE and not self._is_under_way_again(row.now)
        ]

    def _is_under_way_again(self, job: Job) -> bool:
        return any(
            (row.now.folder, row.now.path, row.now.sha256) == (job.folder, job.path, job.sha256)
            and row.now.state in UNDER_WAY
            for row in self.store.jobs.values()
        )

    def _again(self, row: JobRow) -> int:
        number, old = len(self.store.jobs) + 1, row.now
        job = Job(
            number, old.folder, old.path, old.sha256, old.mtime_ns, old.parameters, old.profile, JobState.QUEUED,
            price=old.price, width=old.width, height=old.height, moved=old.moved,
            picture=old.picture, besides=old.besides,
        )  # fmt: skip
        if row.owner is None:
            row.change(due=False)
        fresh = JobRow(
            job, row.size, row.priority, self.clock.wall(), fresh_after=len(self.store.events), approved=True
        )
        self.store.jobs[number] = fresh
        self.store.event(number, "queued", f"the owner said `reprocess`; finished before as job {old.id}")
        return number

    @locked
    def approve(self) -> int:
        """Let everything that is queued now go, whatever it costs; answers how many jobs that are."""
        held = [row for row in self.store.jobs.values() if row.now.state is JobState.QUEUED and not row.approved]
        for row in held:
            row.approved = True
        return len(held)

    @locked
    def clear_delays(self) -> None:
        """Nothing waits for its time any more."""
        for row in self.store.jobs.values():
            if row.now.state in {JobState.QUEUED, JobState.RECEIVED} or row.now.due:
                row.not_before = AT_ONCE

    @locked
    def rename_folder(self, old: str, new: str) -> int | None:
        """All that a folder had is another's; None: somebody works on one of its jobs."""
        mine = [row for row in self.store.jobs.values() if row.now.folder == old]
        if any(row.owner == self.owner for row in mine):
            return None
        for row in mine:
            row.change(folder=new)
        for one in self.store.attempts.values():
            one.folder = new if one.folder == old else one.folder
        for folder, path in [key for key in self.store.sightings if key[0] == old]:
            self.store.sightings.setdefault((new, path), self.store.sightings.pop((folder, path)))
        if old in self.store.places:
            self.store.places.setdefault(new, self.store.places.pop(old))
        return len(mine)

    @locked
    def open_by_folder(self) -> Mapping[str, int]:
        """How many jobs have not ended, by folder; only those that have any."""
        return Counter(row.now.folder for row in self.store.jobs.values() if row.now.state in UNDER_WAY)
