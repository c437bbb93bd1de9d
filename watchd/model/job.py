"""Jobs and calls: where they stand and how they end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchd.model.failures import Failure, FailureKind
    from watchd.model.seen import Sample
    from watchd.model.times import Wall


class JobState(StrEnum):
    """Where a job stands. `SENDING` and `ARMED` are both `sending` to the outside; `ARMED` may cost money."""

    QUEUED = "queued"
    SENDING = "sending"
    ARMED = "armed"
    RECEIVED = "received"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


SHOWN_STATES = tuple(state for state in JobState if state is not JobState.ARMED)
"""What the outside knows: an armed job is shown as `sending`."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is sent with a picture, and what it comes to.

    `scale` is the one sent; `effective_scale` the one the service will apply; `width`, `height` the result in pixels;
    `identity` names these parameters in the payment identity: equal text, equal result.
    """

    scale: float
    effective_scale: float
    width: int
    height: int
    fields: tuple[tuple[str, str | float | bool], ...]
    identity: str
    price: int
    tiles: tuple[Tile, ...] = ()
    """The calls that a picture comes to which is cut into tiles; its `price` is that of all of them."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a picture that is a call of its own: pixels of the upright picture, and what is sent with them."""

    number: int
    left: int
    top: int
    width: int
    height: int
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Job:
    """One picture under one profile in one folder, as the ledger has it.

    `parameters`: the identity of what is asked (see `Parameters`). `behind`: the job of the same picture under way when
    this one was admitted.
    `failure`: what ended it, where it is failed or unknown; `error`: the same in words, or what its last call met.
    `forgiven`: attempts before the owner's last `retry`. `booked`: micro-dollars. `mtime_ns`: the original's. `result`:
    the spool file of the paid answer, while it is needed. `tiles`: how many of its tiles have come, where it is cut
    into some. `due`: something is still to be done with its original; `moved`: where that has gone since, `moving`:
    where it was about to. `note`: what was written beside it, with these bytes. `claim`: which claim of it this is: a
    fencing token, since whoever claims it later has a higher one. `picture`: what its payment is known by, a SHA-256
    (hex), where that is another than the file's. `besides`: what else its file holds, that its output will not have, in
    words. `written`: how its output is written (`output_formats.written`); `keeps`: its paid answer is kept beside it.
    """

    id: int
    folder: str
    path: str
    sha256: str
    mtime_ns: int
    parameters: str
    profile: str
    state: JobState
    attempts: int = 0
    forgiven: int = 0
    resends: int = 0
    upload_cuts: int = 0
    behind: int | None = None
    reused_from: int | None = None
    output: str | None = None
    output_sha256: str | None = None
    result: str | None = None
    booked: int = 0
    price: int = 0
    width: int = 0
    height: int = 0
    error: str | None = None
    failure: FailureKind | None = None
    finished_at: Wall | None = None
    tiles: int = 0
    due: bool = False
    moved: str | None = None
    moving: str | None = None
    note: str | None = None
    note_sha256: str | None = None
    claim: int = 0
    picture: str | None = None
    besides: str | None = None
    written: str | None = None
    keeps: bool = False

    @property
    def known_by(self) -> str:
        """What its payment is known by."""
        return self.picture or self.sha256

    @property
    def tries(self) -> int:
        """Calls that the file answers for since the owner last said `retry`."""
        return self.attempts - self.forgiven


@dataclass(frozen=True, slots=True)
class Published:
    """Where an output is (absolute), and its SHA-256 (hex). `instead_of`: why it does not bear the name it should."""

    output: str
    sha256: str
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a job asks of the service: the identity of its parameters, its price, the size of the answer in pixels.

    `words`: the same for people. `picture`: the SHA-256 (hex) of what is sent, where that is the file as it is, else of
    the file; empty: that is not known.
    """

    parameters: str
    price: int
    width: int
    height: int
    words: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Admission:
    """A settled file, read and measured, on its way into the ledger. `refusal`: why it ends as failed at once.

    `chain`: the folder takes pictures that watchd itself published. `due`: its refused original is to be moved away.
    `besides`: what else the file holds than its picture, in words.
    """

    folder: str
    path: str
    sample: Sample
    sha256: str
    profile: str
    priority: int
    chain: bool = False
    asked: Asked | None = None
    refusal: Failure | None = None
    due: bool = False
    besides: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come: files, bytes of their originals, and micro-dollars booked."""

    done: int
    failed: int
    unknown: int
    left: int
    bytes_done: int
    bytes_left: int
    booked: int


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What a path was when it was last looked at, and how its job stands; `state` None: it waits, or is our `own`."""

    sample: Sample
    state: JobState | None
    own: bool
