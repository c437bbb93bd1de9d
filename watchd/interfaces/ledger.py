"""Everything that must outlive the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from watchd.core.calls.outcomes import Traffic
    from watchd.core.calls.retrying import Conclusion
    from watchd.model import (
        Admission,
        Asked,
        Backlog,
        BudgetReached,
        EndedCall,
        Failure,
        Gate,
        GateReason,
        Interrupted,
        Job,
        Limit,
        Place,
        Progress,
        Rect,
        Sighting,
        Tile,
    )


class Ledger(Protocol):
    """The conscience: what was seen, asked, paid and published. Every method is one transaction, durable on return.

    Raises LedgerError where it cannot be written; nothing may be spent after that.
    """

    def sightings(self, folder: str) -> Iterator[Sighting]:
        """All that is remembered of a folder's paths, a page at a time: there may be a million."""
        ...

    def place(self, folder: str) -> Place | None:
        """Which folder a hot folder was when it was last noted; None: never."""
        ...

    def note_place(self, folder: str, place: Place) -> None:
        """Remember which folder a hot folder is."""
        ...

    def has_work(self, folder: str) -> bool:
        """Whether jobs of a folder are under way, or files of it were seen and are no jobs yet."""
        ...

    def note_waiting(self, folder: str, waiting: Iterable[Sighting], gone: Iterable[str]) -> None:
        """Files seen that are not yet jobs, and those of them that went again."""
        ...

    def admit(self, admissions: Sequence[Admission]) -> list[int | None]:
        """Record settled files; answers each one's job, an earlier one where these bytes were known here.

        None: the bytes are an output of ours and the folder takes none, so it is no input.
        """
        ...

    def claim(self, folders: Collection[str], calling: Collection[str]) -> Job | None:
        """Take one job of `folders` that can go on now; outside `calling` only what costs nothing."""
        ...

    def next_due(self, since: float) -> float | None:
        """Steady time, after `since`, at which a job that waits becomes claimable; it may have passed by now."""
        ...

    def job(self, job_id: int) -> Job | None:
        """One job as it stands."""
        ...

    def paid_results(self, job: Job) -> Sequence[Job]:
        """Finished jobs whose output can serve this one, the best first."""
        ...

    def release(self, job: Job, not_before: float = 0.0) -> None:
        """Give a claim back as it was."""
        ...

    def requalify(self, job: Job, asked: Asked, profile: str) -> None:
        """Give a claim back under the folder's profile as it is now."""
        ...

    def take_name(
        self, job: Job, candidates: Callable[[], Iterable[tuple[str, str]]], free: Callable[[str], bool], *, share: bool
    ) -> str | None:
        """Reserve the first free (key, path) of `candidates` for this job and answer its path; None: all are taken.

        `free` tells whether nothing on disk bears a path; a name of an ended job is free once its file is gone. With
        `share` a name may be another's too: the folder is told to overwrite.
        """
        ...

    def name_of(self, job: Job) -> str | None:
        """The name reserved for this job."""
        ...

    def begin_sending(
        self, job: Job, price: int, limits: Sequence[Limit], expects: tuple[int, int] = (0, 0), tile: Tile | None = None
    ) -> int | BudgetReached:
        """Durable before connecting, and its price held against every budget; answers the attempt.

        `expects`: the size in pixels of the answer. `tile`: the part of the picture that is sent; None: all of it.
        Nothing is begun where the price would pass a limit; no number of workers passes it together.
        """
        ...

    def arm(self, job: Job, attempt: int, price: int) -> None:
        """Durable before the last bytes leave: booked, and possibly charged from here on."""
        ...

    def receive(self, job: Job, attempt: int, result: str, traffic: Traffic, scale: float) -> None:
        """The answer is whole and durable in the spool; `scale` is the one applied, as its size proves."""
        ...

    def conclude(self, job: Job, attempt: int, conclusion: Conclusion, *, due: bool = False) -> None:
        """The call brought no picture; if the job has failed by it, its original may be `due` to be moved away."""
        ...

    def finish(
        self, job: Job, output: str | None, sha256: str | None, *, reused_from: int | None, detail: str,
        due: bool = False,
    ) -> None:  # fmt: skip
        """Published and safe (or nothing to publish, where a collision is to be skipped).

        `due`: something is to be done with the original now.
        """
        ...

    def receive_tile(self, job: Job, attempt: int, traffic: Traffic, scale: float, *, whole: bool) -> None:
        """A tile is whole and durable in the spool; unless it makes the picture `whole`, the claim is given back."""
        ...

    def complete_tiles(self, job: Job) -> None:
        """All tiles of a claimed job are safe: it is received."""
        ...

    def end_original(self, job: Job, moved: str | None, detail: str) -> None:
        """What was to be done with a claimed job's original has been done, or cannot be; `moved`: where it is now."""
        ...

    def put_off_original(self, job: Job, not_before: float) -> None:
        """Give the claim back; it is tried again at `not_before` (steady)."""
        ...

    def bring_back(self, job: Job, moved: str) -> None:
        """The original that had gone to `moved` lies where it was again."""
        ...

    def last_call(self, job_id: int) -> EndedCall | None:
        """How the last call of a job ended; None: there was none."""
        ...

    def fail(self, job: Job, failure: Failure, *, due: bool = False) -> None:
        """It ends here without a call; its original may be `due` to be moved away."""
        ...

    def abandon(self, job: Job, failure: Failure) -> None:
        """Set a job aside after a fault of our own: failed, but unknown once armed, and kept once received."""
        ...

    def lose_answer(self, job: Job, failure: Failure) -> None:
        """A received answer is nowhere: the job is unknown, since its money was spent."""
        ...

    def note(self, job: Job, step: str, detail: str) -> None:
        """A step worth telling in `explain` that changes no state."""
        ...

    def gates(self) -> dict[GateReason, Gate]:
        """What is closed."""
        ...

    def close_gate(self, gate: Gate) -> None:
        """Close, or change the time or the words of what is closed."""
        ...

    def open_gate(self, reason: GateReason) -> None:
        """Open."""
        ...

    def backlog(self) -> Backlog:
        """Calls that are queued and not let go by the owner yet."""
        ...

    def recent_calls(self, seconds: float) -> Sequence[float]:
        """Ages in seconds of the calls that began in the last `seconds`, oldest first."""
        ...

    def is_claimed(self) -> bool:
        """Whether somebody works on a job now."""
        ...

    def is_busy(self, folders: Collection[str], calling: Collection[str]) -> bool:
        """Whether somebody works on a job, or one can go on by itself: published in `folders`, called in `calling`."""
        ...

    def last_attempt(self) -> int:
        """The last attempt so far, to count from."""
        ...

    def progress(self, since: float, attempt: int) -> Progress:
        """How far a run has come that began at `since` (wall time), after `attempt`."""
        ...

    def interrupted(self) -> Sequence[Interrupted]:
        """Calls that a former owner had armed; their jobs are this owner's now, to be concluded as lost."""
        ...

    def tiles(self, job: Job) -> Mapping[int, Rect]:
        """The tiles of a job that are safe in the spool: number → where it lies in the upright original."""
        ...

    def free_claims(self) -> None:
        """Take back what a former owner had claimed and not armed."""
        ...

    def needed(self) -> Collection[int]:
        """Jobs whose files in the spool are still needed."""
        ...

    def chosen(self, ids: Collection[int] | None, state: str | None, folder: str | None) -> Sequence[Job]:
        """Jobs by id, or all of a state, or those of one folder; oldest first."""
        ...

    def retry(self, jobs: Sequence[Job]) -> None:
        """Failed and unknown jobs go back into the queue."""
        ...

    def dismiss(self, jobs: Sequence[Job]) -> None:
        """Unknown jobs end as failed."""
        ...

    def reprocess(self, jobs: Sequence[Job]) -> list[int]:
        """Finished files once more; answers the new jobs. One that is on its way already is left to it."""
        ...

    def approve(self) -> int:
        """Let everything that is queued now go, whatever it costs; answers how many jobs that are."""
        ...

    def hurry(self) -> None:
        """Nothing waits for its time any more."""
        ...
