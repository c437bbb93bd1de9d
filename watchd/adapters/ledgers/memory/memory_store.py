"""What a ledger in memory holds, and what follows from it: which jobs are of one picture, and what holds one up."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from watchd.errors import LedgerError
from watchd.model import AT_ONCE, ClaimLost, FailureKind, Job, JobState, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from watchd.core.request.endpoint import Answer
    from watchd.model import Gate, GateReason, Place, Rect, Sighting, Steady, Wall

UNDER_WAY = frozenset(JobState) - {JobState.DONE, JobState.FAILED}
HELD = frozenset({JobState.SENDING, JobState.ARMED, JobState.RECEIVED, JobState.UNKNOWN})


@dataclass(slots=True)
class JobRow:
    """A job as everybody sees it, and what the ledger alone knows of it. `now` is the value that is handed out."""

    now: Job
    size: int
    priority: int
    created_at: Wall
    owner: str | None = None
    lease_until: Steady = AT_ONCE
    not_before: Steady = AT_ONCE
    ended: int = 0
    fresh_after: int = 0
    approved: bool = False
    folded: bool = False
    name: str | None = None

    def change(self, **values: object) -> None:
        """Replace the value that is handed out."""
        self.now = replace(self.now, **values)  # type: ignore[arg-type]  # the fields of Job, by name

    def free(self, not_before: Steady | None = None) -> None:
        """Nobody works on it any more."""
        self.owner = None
        if not_before is not None:
            self.not_before = not_before


@dataclass(slots=True)
class AttemptRow:
    """A call. `day`: the host's own day on which it was armed; money in micro-dollars."""

    id: int
    job: int
    folder: str
    started_at: Wall
    reserved: int
    tile: int | None
    expects: tuple[int, int]
    booked: int = 0
    day: str | None = None
    armed: bool = False
    finished_at: Wall | None = None
    outcome: Outcome | None = None
    status: int | None = None
    error: str | None = None
    cf_ray: str | None = None

    def end(self, outcome: Outcome, error: str | None, at: Wall) -> None:
        """It has ended, and holds nothing any more."""
        self.outcome, self.error, self.finished_at, self.reserved = outcome, error, at, 0


@dataclass(slots=True)
class TileRow:
    """A part of a picture: where it lies, its last call, and whether its answer is safe."""

    rect: Rect
    attempt: int
    safe: bool = False


def same_picture(one: Job, other: Job) -> bool:
    """Two jobs of one picture: what is sent of them is equal, and either what is asked for or the folder is."""
    is_same_request = one.parameters == other.parameters or one.folder == other.folder
    return one.known_by == other.known_by and one.id != other.id and is_same_request


@dataclass(slots=True)
class MemoryStore:
    """All rows. `events` are numbered: what came before what, whatever the clocks say; None: folded into a later one.

    Threads: any, each method of a role within `lock`.
    """

    lock: threading.RLock = field(default_factory=threading.RLock)
    jobs: dict[int, JobRow] = field(default_factory=dict)
    attempts: dict[int, AttemptRow] = field(default_factory=dict)
    tiles: dict[tuple[int, int], TileRow] = field(default_factory=dict)
    sightings: dict[tuple[str, str], Sighting] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    names: dict[str, tuple[int, str]] = field(default_factory=dict)
    gates: dict[GateReason, Gate] = field(default_factory=dict)
    keys_that_worked: set[str] = field(default_factory=set)
    balance_failures: list[tuple[int, Answer]] = field(default_factory=list)
    events: list[tuple[int, str, str] | None] = field(default_factory=list)
    commits: int = 0

    def event(self, job: int, step: str, detail: str) -> None:
        """A step in a job's life."""
        self.events.append((job, step, detail))

    def fold(self, job: int) -> None:
        """Make one step of all those of a job."""
        told = [number for number, event in enumerate(self.events) if event is not None and event[0] == job]
        for number in told[:-1]:
            self.events[number] = None
        if told:
            self.events[told[-1]] = (job, "done", f"{len(told)} steps, told as one")

    def held_by(self, job: Job, owner: str) -> JobRow | None:
        """The row of a claimed job, if that very claim still holds."""
        row = self.jobs.get(job.id)
        return row if row is not None and row.owner == owner and row.now.claim == job.claim else None

    def standing(
        self, job: Job, owner: str, *states: JobState, where: Callable[[Job], bool] = lambda _: True
    ) -> JobRow | ClaimLost:
        """The row of a claimed job, which has to be in one of these states (none: in any) and as `where` asks.

        Raises:
            LedgerError: the claim holds, and yet it is not: a fault of our own.
        """
        row = self.held_by(job, owner)
        if row is None:
            return ClaimLost(job.id)
        if (states and row.now.state not in states) or not where(row.now):
            raise LedgerError(f"job {job.id} is {row.now.state}: it does not stand where this step begins: our fault")
        return row

    def twins(self, job: Job) -> Iterator[JobRow]:
        """Other jobs of the same picture."""
        return (row for row in self.jobs.values() if same_picture(row.now, job))

    def is_held_up(self, row: JobRow, calling: Collection[str]) -> bool:
        """A job of the same picture is under way or in doubt, or waits before this one in a folder that may call."""
        job = row.now
        for other in self.twins(job):
            it = other.now
            if it.state in HELD or (it.state is JobState.QUEUED and other.owner is not None):
                return True
            if it.state is JobState.QUEUED and it.tiles and (not job.tiles or it.id < job.id):
                return True
            if it.state is JobState.QUEUED and it.id < job.id and not job.tiles and it.folder in calling:
                return True
        return False

    def paid(self, row: JobRow) -> Sequence[JobRow]:
        """Finished jobs with an output that can serve this one: its own folder's first, then the latest."""
        found = [
            other for other in self.twins(row.now)
            if other.now.state is JobState.DONE and other.now.output_sha256 and other.ended >= row.fresh_after
        ]  # fmt: skip
        return sorted(found, key=lambda other: (other.now.folder != row.now.folder, -other.now.id))

    def costs_nothing(self, row: JobRow) -> bool:
        """A picture already paid for, or one that shares its end with the job it waited behind."""
        first = None if row.now.behind is None else self.jobs[row.now.behind]
        shares = (
            first is not None
            and first.now.state is JobState.FAILED
            and first.now.failure is not FailureKind.GONE
            and same_picture(first.now, row.now)
        )
        return shares or bool(self.paid(row))

    def end_open_attempts(self, job: int, error: str, at: Wall) -> None:
        """A job leaves its owner with a call begun and not ended: in doubt if it was armed, else nothing was sent."""
        for attempt in self.attempts.values():
            if attempt.job == job and attempt.finished_at is None:
                attempt.end(Outcome.LOST if attempt.armed else Outcome.NETWORK, error, at)

    def drop_tiles(self, job: int) -> None:
        """Forget the tiles of a job."""
        self.tiles = {key: tile for key, tile in self.tiles.items() if key[0] != job}


def keeps_tiles(job: Job) -> bool:
    """Whether a job has ended without all of its tiles, and those that are paid for stay until it is tried again."""
    is_open = job.state is JobState.UNKNOWN or (job.state is JobState.FAILED and job.failure is not FailureKind.GONE)
    return job.tiles > 0 and is_open
