"""Claims, names, and how a job ends without a call, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.adapters.ledgers.memory.memory_role import MemoryRole, locked
from watchd.core.calls.retrying import PUBLISH_AGAIN_S
from watchd.interfaces.ledger.name_book import NameHolder
from watchd.model import AT_ONCE, ClaimLost, FailureKind, JobState, after

if TYPE_CHECKING:
    from collections.abc import Collection

    from watchd.adapters.ledgers.memory.memory_store import JobRow
    from watchd.model import Asked, Failure, Job, Steady


class MemoryJobs(MemoryRole):
    """Implements `interfaces.JobQueue` and `NameBook`."""

    @locked
    def claim(self, folders: Collection[str], calling: Collection[str]) -> Job | None:
        """Take one job of `folders` that can go on now; outside `calling` only what costs nothing."""
        row = self._next(folders, calling)
        if row is None:
            return None
        row.owner, row.lease_until = self.owner, after(self.clock.steady(), self.lease)
        row.change(claim=row.now.claim + 1)
        return row.now

    def _next(self, folders: Collection[str], calling: Collection[str]) -> JobRow | None:
        now = self.clock.steady()
        due = [
            row for row in self.store.jobs.values()
            if row.owner is None and row.not_before <= now and row.now.folder in folders
        ]  # fmt: skip
        originals = [row for row in due if row.now.due and row.now.state in {JobState.DONE, JobState.FAILED}]
        for row in (*(row for row in due if row.now.state is JobState.RECEIVED), *originals):
            return row
        able = [row for row in due if row.now.state is JobState.QUEUED and not self.store.is_held_up(row, calling)]
        free = [row for row in able if self.store.costs_nothing(row)]
        able = free or [row for row in able if row.now.folder in calling]
        return min(able, key=lambda row: (-row.priority, row.now.id), default=None)

    @locked
    def next_due(self, since: Steady) -> Steady | None:
        """Steady time, after `since`, at which a job that waits becomes claimable."""
        waiting = {JobState.QUEUED, JobState.RECEIVED}
        rows = (row for row in self.store.jobs.values() if row.owner is None and row.not_before > since)
        return min((row.not_before for row in rows if row.now.state in waiting or row.now.due), default=None)

    def job(self, job_id: int) -> Job | None:
        """One job as it stands."""
        row = self.store.jobs.get(job_id)
        return None if row is None else row.now

    @locked
    def release(self, job: Job, not_before: Steady = AT_ONCE) -> ClaimLost | None:
        """Give a claim back as it was."""
        row = self.store.held_by(job, self.owner)
        if row is None or row.now.state not in {JobState.QUEUED, JobState.SENDING, JobState.RECEIVED}:
            return ClaimLost(job.id)  # or it is armed, and then it is not given back but concluded
        if row.now.state is JobState.SENDING:
            row.change(state=JobState.QUEUED)
        row.free(not_before)
        self.store.end_open_attempts(job.id, "given back before it was sent", self.clock.wall())
        return None

    @locked
    def requalify(self, job: Job, asked: Asked, profile: str) -> ClaimLost | None:
        """Give a claim back under the folder's profile as it is now."""
        row = self.store.standing(job, self.owner, JobState.QUEUED)
        if isinstance(row, ClaimLost):
            return row
        row.change(
            parameters=asked.parameters, profile=profile, price=asked.price, width=asked.width, height=asked.height,
            behind=None, tiles=0,
        )  # fmt: skip
        row.free()
        self.store.drop_tiles(job.id)
        self.store.event(job.id, "queued", profile)
        return None

    @locked
    def finish(
        self, job: Job, output: str | None, sha256: str | None, *, reused_from: int | None, detail: str,
        written: str | None = None, keeps: bool = False, due: bool = False,
    ) -> ClaimLost | None:  # fmt: skip
        """Published and safe (or nothing to publish, where a collision is to be skipped)."""
        row = self.store.standing(job, self.owner)
        if isinstance(row, ClaimLost):
            return row
        row.ended = len(self.store.events)
        row.change(
            state=JobState.DONE, error=None, failure=None, result=None, finished_at=self.clock.wall(), output=output,
            output_sha256=sha256, reused_from=reused_from, written=written, keeps=keeps, due=due,
        )  # fmt: skip
        row.free(AT_ONCE)
        self.store.event(job.id, "done", detail)
        return None

    @locked
    def fail(self, job: Job, failure: Failure, *, due: bool = False) -> ClaimLost | None:
        """It ends here without a call; its original may be `due` to be moved away."""
        row = self.store.standing(job, self.owner)
        if isinstance(row, ClaimLost):
            return row
        self._end(row, JobState.FAILED, failure, due=due)
        row.free(AT_ONCE)
        place = job.folder, job.path
        seen = self.store.sightings.get(place)
        if failure.kind is FailureKind.GONE and seen is not None and seen.job == job.id:
            del self.store.sightings[place]
        self.store.event(job.id, "failed", failure.words)
        return None

    def _end(self, row: JobRow, state: JobState, failure: Failure, **more: object) -> None:
        at = self.clock.wall()
        row.change(state=state, error=failure.words, failure=failure.kind, finished_at=at, **more)

    @locked
    def abandon(self, job: Job, failure: Failure) -> ClaimLost | None:
        """Set a job aside after a fault of our own: failed, but unknown once armed, and kept once received."""
        row = self.store.standing(job, self.owner, JobState.QUEUED, JobState.SENDING, JobState.ARMED, JobState.RECEIVED)
        if isinstance(row, ClaimLost):
            return row
        match row.now.state:
            case JobState.RECEIVED:
                row.change(error=failure.words)
                row.free(after(self.clock.steady(), PUBLISH_AGAIN_S))
            case JobState.ARMED:
                self._end(row, JobState.UNKNOWN, failure, attempts=row.now.attempts + 1)
                row.free()
            case _:
                self._end(row, JobState.FAILED, failure)
                row.free()
        self.store.end_open_attempts(job.id, failure.words, self.clock.wall())
        self.store.event(job.id, "abandoned", failure.words)
        return None

    @locked
    def note(self, job: Job, step: str, detail: str) -> ClaimLost | None:
        """A step worth telling that changes no state."""
        if self.store.held_by(job, self.owner) is None:
            return ClaimLost(job.id)
        self.store.event(job.id, step, detail)
        return None

    # Names

    @locked
    def holder_of(self, key: str) -> NameHolder | None:
        """Who has the name of this key; None: nobody."""
        held = self.store.names.get(key)
        if held is None:
            return None
        ended = self.store.jobs[held[0]].now.state in {JobState.DONE, JobState.FAILED}
        return NameHolder(held[0], held[1], ended)

    @locked
    def take_name(
        self, job: Job, key: str, path: str, *, instead_of: int | None = None, share: bool = False
    ) -> bool | ClaimLost:
        """Reserve a name for a claimed job, and drop the one it had; False: somebody else has it by now."""
        row = self.store.standing(job, self.owner)
        if isinstance(row, ClaimLost):
            return row
        holder = self.holder_of(key)
        is_free = holder is None or holder.job == job.id or (holder.job == instead_of and holder.ended)
        if not (share or is_free):
            return False
        others = {name: held for name, held in self.store.names.items() if held[0] != job.id}
        self.store.names = others | {key: (job.id, path)}
        row.name = path
        return True

    def name_of(self, job: Job) -> str | None:
        """The path of the name reserved for this job."""
        return self.store.jobs[job.id].name
