"""The whole ledger in memory: its roles together, the owner's commands, and a start after others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.adapters.ledgers.memory.memory_arrivals import MemoryArrivals
from watchd.adapters.ledgers.memory.memory_calls import MemoryCalls
from watchd.adapters.ledgers.memory.memory_desk import MemoryDesk
from watchd.adapters.ledgers.memory.memory_jobs import MemoryJobs
from watchd.adapters.ledgers.memory.memory_originals import MemoryOriginals
from watchd.adapters.ledgers.memory.memory_results import MemoryResults
from watchd.adapters.ledgers.memory.memory_role import locked
from watchd.adapters.ledgers.memory.memory_store import UNDER_WAY, JobRow, keeps_tiles
from watchd.adapters.ledgers.memory.memory_tiles import MemoryTiles
from watchd.core.calls.retrying import LONGEST_JOB_WAIT_S
from watchd.core.outgoing import spool_names
from watchd.model import AT_ONCE, Call, Interrupted, Job, JobState, Outcome, Progress, after

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from watchd.adapters.ledgers.memory.memory_store import MemoryStore
    from watchd.interfaces import Clock
    from watchd.model import Wall

IN_SPOOL = frozenset({JobState.QUEUED, JobState.SENDING, JobState.ARMED, JobState.RECEIVED})


class MemoryLedger(
    MemoryArrivals, MemoryJobs, MemoryResults, MemoryOriginals, MemoryCalls, MemoryTiles, MemoryDesk
):  # fmt: skip
    """Implements `interfaces.Ledger`. There is always room, and nothing to close."""

    trouble: str | None = None
    trouble_since = AT_ONCE

    def __init__(self, store: MemoryStore, clock: Clock, *, owner: str, lease: float) -> None:
        """`owner` names this run in its claims; `lease`: seconds that a claim is good for."""
        super().__init__(store, clock, owner=owner, lease=lease)
        latest = after(clock.steady(), LONGEST_JOB_WAIT_S)
        for row in store.jobs.values():
            row.not_before = min(row.not_before, latest)

    @property
    def commits(self) -> int:
        """Changes so far."""
        return self.store.commits

    def give_up(self) -> None:
        """There is always room."""

    def close(self) -> None:
        """What is known stays with the store."""

    def prove(self) -> None:
        """There is nothing that could be damaged."""

    def break_off(self) -> None:
        """There is nothing to break off."""

    def shrink_log(self) -> str | None:
        """There is no log."""

    @locked
    def fold(self, before: Wall, most: int) -> int:
        """Make one step of all those of up to `most` jobs that were done `before`; answers how many jobs."""
        done = [
            row for row in self.store.jobs.values()
            if row.now.state is JobState.DONE and not (row.folded or row.now.due or row.owner)
        ]  # fmt: skip
        old = [row for row in done if row.now.finished_at is not None and row.now.finished_at < before][:most]
        for row in old:
            row.folded = True
            self.store.fold(row.now.id)
        return len(old)

    # A start after others

    @locked
    def free_claims(self, *, alone: bool) -> None:
        """Take back what others had claimed and not armed."""
        for row in self.store.jobs.values():
            if alone and row.now.due:
                row.not_before = AT_ONCE
            if row.owner in {None, self.owner}:
                continue
            early = row.now.state in {JobState.QUEUED, JobState.SENDING}
            over = alone and (row.now.state is not JobState.ARMED or row.now.due)
            if over or (early and row.lease_until < self.clock.steady()):
                row.free()
                if row.now.state is JobState.SENDING:
                    row.change(state=JobState.QUEUED)
        for one in self.store.attempts.values():
            if one.finished_at is None and not one.armed and self.store.jobs[one.job].owner is None:
                one.end(Outcome.NETWORK, "watchd stopped before the request was complete", self.clock.wall())

    @locked
    def interrupted(self, *, alone: bool) -> Sequence[Interrupted]:
        """Calls that others had armed; their jobs are this owner's now."""
        now, found = self.clock.steady(), []
        for row in self.store.jobs.values():
            if row.now.state is not JobState.ARMED or row.owner in {None, self.owner}:
                continue
            if alone or row.lease_until < now:
                row.owner, row.lease_until = self.owner, after(now, self.lease)
                row.change(claim=row.now.claim + 1)
                found.append(self._interrupted(row.now))
        return found

    def _interrupted(self, job: Job) -> Interrupted:
        one = next(one for one in self.store.attempts.values() if one.job == job.id and one.finished_at is None)
        call = Call(job, one.id, one.booked, spool_names.answer(job, one.tile), one.tile)
        return Interrupted(call, *one.expects)

    @locked
    def needed(self) -> Collection[int]:
        """Jobs whose files in the spool are still needed."""
        return {row.now.id for row in self.store.jobs.values() if _is_needed(row.now)}

    # How far a run has come

    @locked
    def is_claimed(self, silent: Collection[str] = ()) -> bool:
        """Whether somebody works on a job now, of another folder than those that are `silent`."""
        return any(row.owner is not None and row.now.folder not in silent for row in self.store.jobs.values())

    @locked
    def is_busy(self, folders: Collection[str], calling: Collection[str], silent: Collection[str] = ()) -> bool:
        """Whether somebody works on a job, or one can go on by itself: published in `folders`, called in `calling`."""
        free = (row for row in self.store.jobs.values() if row.owner is None)
        return self.is_claimed(silent) or any(self._goes_on(row, folders, calling) for row in free)

    def _goes_on(self, row: JobRow, folders: Collection[str], calling: Collection[str]) -> bool:
        job = row.now
        if job.due and not row.not_before and job.folder in folders:
            return True
        places = {JobState.QUEUED: calling, JobState.RECEIVED: folders}.get(job.state, ())
        return job.folder in places and not any(self._holds_for_long(other, folders) for other in self.store.twins(job))

    @staticmethod
    def _holds_for_long(row: JobRow, folders: Collection[str]) -> bool:
        """Whether only the owner, or a folder that returns, lets go on what waits for this job."""
        away = row.now.state is JobState.RECEIVED and row.owner is None and row.now.folder not in folders
        return away or row.now.state is JobState.UNKNOWN

    def last_attempt(self) -> int:
        """The last attempt so far, to count from."""
        return len(self.store.attempts)

    @locked
    def progress(self, since: Wall, attempt: int) -> Progress:
        """How far a run has come that began at `since` (wall time), after `attempt`."""
        ended = {JobState.DONE, JobState.FAILED, JobState.UNKNOWN}
        rows = [
            row for row in self.store.jobs.values()
            if row.now.state in UNDER_WAY or (row.now.finished_at or 0.0) >= since
        ]  # fmt: skip
        counts = {state: sum(row.now.state is state for row in rows) for state in ended}
        left = [row.size for row in rows if row.now.state not in ended]
        return Progress(
            done=counts[JobState.DONE], failed=counts[JobState.FAILED], unknown=counts[JobState.UNKNOWN],
            left=len(left), bytes_left=sum(left),
            bytes_done=sum(row.size for row in rows if row.now.state is JobState.DONE),
            booked=sum(one.booked for one in self.store.attempts.values() if one.id > attempt),
        )  # fmt: skip


def _is_needed(job: Job) -> bool:
    """Whether the job's files in the spool are."""
    return job.state in IN_SPOOL or keeps_tiles(job) or job.keeps
