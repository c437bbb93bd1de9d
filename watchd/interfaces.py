"""What the stages of the journey speak to. Behind each stand two implementations: the real one and one of the tests.

Time: `Clock.steady` for every interval and deadline, `Clock.wall` for what is told to people and for days of money.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from watchd.core.calls import Answered, Lost, NotSent, Traffic
    from watchd.core.matching import Matcher
    from watchd.core.metadata import Metadata
    from watchd.core.picture import Broken, Format, Picture
    from watchd.core.rendering import Answer
    from watchd.core.retrying import Conclusion
    from watchd.core.tiling import Rect
    from watchd.model import (
        Admission,
        Asked,
        Backlog,
        BudgetReached,
        Call,
        Gate,
        GateReason,
        Interrupted,
        Job,
        Limit,
        Listing,
        OutputFormat,
        Parameters,
        Place,
        Progress,
        Sample,
        Sighting,
        Tile,
        Writer,
    )


class Clock(Protocol):
    """Two clocks in one."""

    def wall(self) -> float:
        """Unix seconds as the host believes them now; may jump."""
        ...

    def steady(self) -> float:
        """Unix seconds as believed at the start plus the time that passed since, sleep included; never jumps."""
        ...

    def work(self) -> float:
        """CPU seconds that the calling thread has used so far."""
        ...

    def local(self) -> datetime:
        """The host's local time, with its zone, for days, hours and dates."""
        ...

    def day_of(self, moment: float) -> str:
        """The host's own day (ISO) that a moment in Unix seconds fell on."""
        ...


class Tree(Protocol):
    """A hot folder on its file system, reached without following a link anywhere below its root."""

    def locate(self, path: str, mount_marker: str | None) -> Place:
        """Where a hot folder really is. Raises FolderOfflineError: gone, no folder, or its mount marker is missing."""
        ...

    def scan(
        self, root: str, below: str, matcher: Matcher, known: Callable[[str], Mapping[str, int]]
    ) -> Iterator[Listing]:
        """`below` and, where the matcher enters, each folder under it. Raises FolderOfflineError.

        `known` answers a sub-folder's fingerprints by name (see `core.known`); what has the same is `unchanged`.
        """
        ...

    def look(self, root: str, path: str) -> Sample | None:
        """One file; None where it is gone or no regular file. Raises OSError where that cannot be told."""
        ...

    def read(self, root: str, path: str, limit: int) -> tuple[bytes, Sample]:
        """All bytes through one descriptor, with what it showed. At most `limit` + 1 bytes are read.

        Raises:
            SourceLostError: it is gone, no regular file, or changed while it was read.
            OSError: it cannot be read (permission, I/O).
        """
        ...

    def digest(self, root: str, path: str) -> str:
        """The SHA-256 (hex) of a file too large to be read whole. Raises as `read` does."""
        ...

    def writer(self, root: str, path: str) -> Writer:
        """Whether another process of this machine has the file open for writing, as far as the kernel tells."""
        ...


class SpoolFile(Protocol):
    """A file of the spool being written."""

    def write(self, chunk: bytes) -> None:
        """Append. Raises NoSpaceError."""
        ...

    def sync(self) -> None:
        """Make what was written durable, the name included. Raises LaterError."""
        ...


class Spool(Protocol):
    """The private folder for what is on its way: snapshots to send, answers received. Names have no slash."""

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file; not synced, as it can be made again."""
        ...

    def create(self, name: str, reserve: int) -> AbstractContextManager[SpoolFile]:
        """A new empty file with room for `reserve` bytes set aside. Raises NoSpaceError."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open for reading. Raises FileNotFoundError."""
        ...

    def size(self, name: str) -> int:
        """Bytes of a file."""
        ...

    def cut(self, name: str, size: int) -> None:
        """Give back what lies behind the first `size` bytes, and make those durable."""
        ...

    def draft(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A new empty file to be written in any order; not synced, as it can be made again. Raises LaterError."""
        ...

    def make_ready(self, size: int) -> None:
        """Make sure, before anything is paid, that there is room for `size` bytes. Raises NoSpaceError."""
        ...

    def keep_evidence(self, name: str, kept: str) -> str:
        """Move a bad answer aside under the name `kept`; answers where it is."""
        ...

    def remove(self, *names: str) -> None:
        """Remove what is there of these."""
        ...

    def names(self) -> Sequence[str]:
        """Everything that lies in the spool."""
        ...


class Outputs(Protocol):
    """The folders that results go to."""

    def exists(self, root: str, path: str) -> bool:
        """Whether anything bears that name."""
        ...

    def make_ready(self, root: str, size: int) -> None:
        """Make sure, before anything is paid, that the folder is there or can be made and has room for `size` bytes.

        Raises:
            LaterError: it has not, at present.
        """
        ...

    def digest(self, root: str, path: str) -> str | None:
        """The SHA-256 (hex) of a regular file; None where there is none."""
        ...

    def open(self, root: str, path: str) -> BinaryIO:
        """Open an earlier output for reading. Raises FileNotFoundError."""
        ...

    def make_durable(self, root: str, path: str) -> None:
        """Sync an output that has its name already, with that name and every folder on the way. Raises LaterError."""
        ...

    def publish(self, chunks: Iterable[bytes], root: str, path: str, *, replace: bool, mtime_ns: int) -> str | None:
        """Write, sync, and only then give the name; the folder is synced too. Folders on the way are made.

        Returns:
            The SHA-256 (hex) of what was published; None if the name was taken and `replace` is false.

        Raises:
            LaterError: no space, or the output's folder cannot be written at present.
        """
        ...


class Raster(Protocol):
    """The pixels of an original as they are to be sent: upright, eight bits a channel, sRGB."""

    @property
    def converted(self) -> bool:
        """Whether its colours were others than sRGB, and were converted."""
        ...

    def upload(self, rect: Rect | None, most: int) -> tuple[Format, bytes] | None:
        """All of it or a part, as a file of at most `most` bytes that the service takes; None: there is none."""
        ...

    def alpha(self) -> bytes | None:
        """How opaque each pixel is, as a grey PNG; None where all are."""
        ...


class Studio(Protocol):
    """Works on pixels."""

    @property
    def reads(self) -> Collection[Format]:
        """What can be decoded here."""
        ...

    def is_other_than_srgb(self, icc: bytes) -> bool:
        """Whether a profile means visibly other colours than sRGB."""
        ...

    def srgb(self) -> bytes:
        """The profile of converted pixels."""
        ...

    def decode(self, data: bytes, picture: Picture, metadata: Metadata) -> Raster | Broken:
        """The first picture in a file whose container is whole."""
        ...

    def render(self, answer: Answer, form: OutputFormat, dressed: Metadata, target: BinaryIO) -> None:
        """Write the output: the answer's parts joined, its alpha joined again, in the format that the folder wants."""
        ...


class Upload(Protocol):
    """What one call sends."""

    @property
    def parameters(self) -> Parameters:
        """The fields beside the picture."""
        ...

    @property
    def picture_format(self) -> str:
        """`png`, `jpeg` or `webp`."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the picture."""
        ...

    def open(self) -> BinaryIO:
        """The picture's bytes, from the private snapshot."""
        ...


class Streamed(Protocol):
    """A 200 whose body went into the sink."""

    @property
    def content_type(self) -> str:
        """As the service named it."""
        ...

    @property
    def encoding(self) -> str:
        """The content encoding that it named; empty as a rule, since none is accepted."""
        ...

    @property
    def traffic(self) -> Traffic:
        """What went over the wire."""
        ...


class Endpoint(Protocol):
    """The paid service."""

    def call(
        self, upload: Upload, arm: Callable[[], None], sink: Callable[[bytes], bool]
    ) -> Streamed | Answered | NotSent | Lost:
        """Make one call within its deadline.

        `arm` is called once, after everything but the last bytes has left and before those do; what it raises ends the
        call unsent and is raised on. `sink` gets the body of a 200 as it comes and answers whether to go on.
        """
        ...

    def permits(self) -> bool | None:
        """Whether the balance query, free of charge, says that calls are permitted; None where it does not answer."""
        ...

    def abort(self) -> None:
        """End every call in flight at once: the second signal to stop."""
        ...


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

    def last_call(self, job_id: int) -> Call | None:
        """How the last call of a job ended; None: there was none."""
        ...

    def fail(self, job: Job, error: str, *, due: bool = False) -> None:
        """It ends here without a call; its original may be `due` to be moved away."""
        ...

    def abandon(self, job: Job, error: str) -> None:
        """Set a job aside after a fault of our own: failed, but unknown once armed, and kept once received."""
        ...

    def lose_answer(self, job: Job, error: str) -> None:
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


class Originals(Protocol):
    """The files of hot folders once their jobs have ended; each is touched only while it has the bytes of its job.

    Raises:
        SourceLostError: it is gone, or another file by now; nothing was done.
        LaterError, OSError: it cannot be done at present; nothing was done.
    """

    def move(self, root: str, path: str, sha256: str, target: str) -> str:
        """Move it to the same path below `target`, durable and replacing nothing; where it is now, absolute."""
        ...

    def delete(self, root: str, path: str, sha256: str) -> None:
        """Delete it."""
        ...

    def bring_back(self, moved: str, root: str, path: str) -> bool:
        """Give a file that was moved its old place again; False where something else lies there, or it is gone."""
        ...


class Notes(Protocol):
    """The notes beside failed files: NAME.error.json, for people and scripts that do not read the ledger."""

    def write(self, folder: str, path: str, facts: Mapping[str, object]) -> None:
        """Write or replace a note. A note that cannot be written is logged, never raised: the ledger has it all."""
        ...

    def remove(self, folder: str, path: str) -> None:
        """Remove a note that is true no longer."""
        ...

    def write_beside(self, moved: str, facts: Mapping[str, object]) -> None:
        """The same beside a file that was moved away."""
        ...

    def remove_beside(self, moved: str) -> None:
        """Remove the note beside a file that is there no longer."""
        ...
