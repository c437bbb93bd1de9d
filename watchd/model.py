"""The frozen nouns that every room speaks of. Values only: nothing here acts.

Units: durations are seconds (float), money is whole micro-dollars (int, 1 USD = 1,000,000), sizes are bytes, moments
named `*_at` are Unix time in seconds (float). File names are `str` as the file system gives them, undecodable bytes
carried as surrogates (PEP 383); a `path` of a picture is relative to its folder and uses `/`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MICROS_PER_USD = 1_000_000
READABLE = (
    "*.jpg", "*.jpeg", "*.png", "*.webp", "*.tif", "*.tiff", "*.bmp", "*.gif", "*.avif", "*.jp2", "*.j2k", "*.jpx",
    "*.heic", "*.heif",
)  # fmt: skip
"""Patterns of all pictures that can be read. HEIC needs an extra: without it such a file fails, and says so."""
GONE = "gone: "
"""How the error of a job begins whose file went, or was changed, before its call: its return is a new job."""


class JobState(StrEnum):
    """Where a job stands. `SENDING` and `ARMED` are both `sending` to the outside; `ARMED` may cost money."""

    QUEUED = "queued"
    SENDING = "sending"
    ARMED = "armed"
    RECEIVED = "received"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """How one call ended, as the ledger's `attempts.outcome` tells it."""

    OK = "ok"
    REFUSED = "refused"
    BALANCE = "balance"
    KEY = "key"
    RATE = "rate"
    SERVER = "server"
    NETWORK = "network"
    LOST = "lost"
    BAD_ANSWER = "bad_answer"


class GateReason(StrEnum):
    """Why no call is made at present, for all folders at once. Listed in the order in which they are told."""

    LEDGER = "ledger"
    PAUSED = "paused"
    KEY = "key"
    BALANCE = "balance"
    BUDGET = "budget"
    APPROVAL = "approval"
    DISK = "disk"
    SERVICE = "service"
    RATE = "rate"


class Writer(StrEnum):
    """Whether another process has a file open for writing. The kernel cannot tell everywhere, nor of other machines."""

    DONE = "done"
    AT_WORK = "at work"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Profile:
    """What is asked of the service for a picture; what is None is left to the service's own default.

    `creativity` belongs to the dialect of that name alone. `tile_enhance`: the enhancer may run on each tile of a
    picture that is cut; it is not sent.
    """

    name: str
    scale: float | None = None
    enhance: bool | None = None
    enhance_prompt: str | None = None
    enhance_creativity: float | None = None
    replication: float | None = None
    creativity: float | None = None
    tile_enhance: bool = False


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How an output is written; what is None is left to the format's own default.

    `quality`: 1 to 100, of jpeg, webp and avif. `lossless`: of webp. `compression`: a zlib level 0 to 9 of png; `none`,
    `lzw` or `deflate` of tiff. `bit_depth`: 8 or 16 bits a channel, of png and tiff.
    """

    type: Literal["png", "jpeg", "webp", "tiff", "avif"] = "png"
    quality: int | None = None
    lossless: bool | None = None
    compression: int | str | None = None
    bit_depth: int | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be booked in a local day and a local month, in micro-dollars; None: no limit."""

    day: int | None = None
    month: int | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """A daily window of local time in minutes since midnight; `start > end` runs over midnight."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-dollars for one call, by effective scale."""

    up_to_2x: int = 20_000
    above_2x: int = 80_000


@dataclass(frozen=True, slots=True)
class Approval:
    """A backlog above either figure waits for `watchd approve`; None: no limit."""

    cost: int | None = 20_000_000
    files: int | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """One hot folder with its profile. `path` and `output` are absolute."""

    name: str
    path: str
    profile: Profile
    output: str
    output_name: str = "{stem}.{ext}"
    recursive: bool = True
    watch: Literal["auto", "events", "poll"] = "auto"
    poll_every: float = 10.0
    rescan_every: float = 300.0
    settle: float = 2.0
    marker: str | None = None
    mount_marker: str | None = None
    include: tuple[str, ...] = READABLE
    exclude: tuple[str, ...] = ()
    originals: Literal["keep", "archive", "delete"] = "keep"
    archive: str | None = None
    failed: str | None = None
    on_collision: Literal["suffix", "overwrite", "skip"] = "suffix"
    format: OutputFormat = field(default_factory=OutputFormat)
    metadata: Literal["keep", "strip"] = "keep"
    send_metadata: bool = False
    chain: bool = False
    oversize: Literal["fit", "tile", "fail"] = "fit"
    hours: Hours | None = None
    priority: int = 0
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True)
class Api:
    """How the service is reached. `key_file` is None only where the configuration switches it off."""

    base_url: str = "https://api.venice.ai/api/v1"
    key_file: str | None = "/etc/watchd/venice.key"
    dialect: Literal["enhance", "creativity"] = "enhance"
    transfer: Literal["multipart", "json"] = "multipart"
    workers: int = 4
    requests_per_minute: int = 20
    connect_timeout: float = 10.0
    timeout: float = 300.0
    proxy: str | None = None
    max_attempts: int = 5
    resend_lost: int = 0
    price: Price = field(default_factory=Price)


@dataclass(frozen=True, slots=True)
class BalanceProbe:
    """After a 402: seconds before the first probe, doubling up to the longest."""

    first: float = 60.0
    longest: float = 1800.0


@dataclass(frozen=True, slots=True)
class Web:
    """Where health and metrics are asked after; `token_file` is needed beyond loopback."""

    host: str = "127.0.0.1"
    port: int = 8787
    token_file: str | None = None


@dataclass(frozen=True, slots=True)
class Notify:
    """Who is told of what. `urls` may hold secrets; `urls_file` has more of them, one a line."""

    urls: tuple[str, ...] = field(default=(), repr=False)
    urls_file: str | None = None
    on: frozenset[str] = frozenset({"paused", "resumed", "failed", "budget"})


@dataclass(frozen=True, slots=True)
class Log:
    """What is logged and in which shape."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json", "journal"] = "auto"


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration, checked and complete. `source` is the file it was read from."""

    source: str
    state_dir: str
    folders: tuple[Folder, ...]
    api: Api = field(default_factory=Api)
    budget: Budget = field(default_factory=Budget)
    approval: Approval = field(default_factory=Approval)
    balance_probe: BalanceProbe = field(default_factory=BalanceProbe)
    log: Log = field(default_factory=Log)
    web: Web | None = None
    notify: Notify | None = None

    def folder(self, name: str) -> Folder | None:
        """The folder of that name, if the configuration still has it."""
        return next((folder for folder in self.folders if folder.name == name), None)


@dataclass(frozen=True, slots=True)
class Sample:
    """What one look at a file saw: enough to tell that it changed, never enough to tell that it did not."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


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
    `forgiven`: attempts before the owner's last `retry`. `booked`: micro-dollars. `mtime_ns`: the
    original's. `result`: the spool file of the paid answer, while it is needed. `tiles`: how many of its tiles have
    come, where it is cut into some. `due`: something is still to be done with its original; `moved`: where that has
    gone since.
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
    finished_at: float | None = None
    tiles: int = 0
    due: bool = False
    moved: str | None = None

    @property
    def tries(self) -> int:
        """Calls that the file answers for since the owner last said `retry`."""
        return self.attempts - self.forgiven


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A call that a former run had armed: its job, its attempt, what it was for, and the answer that was to come.

    `tile`: the number of the tile; None: the whole picture. `width`, `height`: of the answer in pixels.
    """

    job: Job
    attempt: int
    tile: int | None
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hot folder really is, past any link, which folder it is (device, inode), and where that is mounted."""

    root: str
    device: int
    inode: int
    mount: str


@dataclass(frozen=True, slots=True)
class Found:
    """A file met by a scan: its path below the folder, and what the look saw."""

    path: str
    sample: Sample


@dataclass(frozen=True, slots=True)
class Listing:
    """One sub-folder met by a scan: how many files of ours it holds as known, by name, and what is new or other."""

    folder: str
    unchanged: Mapping[str, int]
    fresh: Sequence[Found]
    empty: bool
    """Nothing at all lies in it, junk and folders included."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the ledger remembers of a path: the last sample, and the job it became.

    `job` None: still waiting, or with `own` an output of ours, which is no input.
    """

    path: str
    sample: Sample
    job: int | None
    reason: str | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a job asks of the service: the identity of its parameters, its price, the size of the answer in pixels.

    `words`: the same for people.
    """

    parameters: str
    price: int
    width: int
    height: int
    words: str = ""


@dataclass(frozen=True, slots=True)
class Admission:
    """A settled file, read and measured, on its way into the ledger. `refusal`: why it ends as failed at once.

    `chain`: the folder takes pictures that watchd itself published. `due`: its refused original is to be moved away.
    """

    folder: str
    path: str
    sample: Sample
    sha256: str
    profile: str
    priority: int
    chain: bool = False
    asked: Asked | None = None
    refusal: str | None = None
    due: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """How a call ended: `outcome` as in the ledger's `attempts`, the status that was answered, the service's words."""

    outcome: str
    status: int | None
    error: str | None
    cf_ray: str | None


@dataclass(frozen=True, slots=True)
class Gate:
    """One closed gate. `retry_at` None: only the operator (or what the detail names) opens it."""

    reason: GateReason
    since: float
    detail: str
    retry_at: float | None = None
    interval: float = 0.0
    mark: str = ""
    """What must change for the gate to open by itself: for `key`, a fingerprint of the key that was refused."""


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
class Limit:
    """A budget at work: at most `most` micro-dollars in a period that begins like `period` (a day or month in ISO).

    `folder` None: over all folders. `until`: Unix seconds at which the period ends.
    """

    folder: str | None
    period: str
    most: int
    until: float


@dataclass(frozen=True, slots=True)
class BudgetReached:
    """A call was not begun: with its price it would have passed `limit`; `held` micro-dollars count against that."""

    limit: Limit
    held: int
    price: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """Calls that are queued and not let go by the owner yet, and what they would cost (micro-dollars)."""

    files: int
    cost: int
