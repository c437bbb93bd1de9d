"""The configuration, checked and complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

READABLE = (
    "*.jpg", "*.jpeg", "*.jpe", "*.jfif", "*.jif", "*.mpo", "*.png", "*.apng", "*.webp", "*.tif", "*.tiff", "*.btf",
    "*.bmp", "*.dib", "*.gif", "*.avif", "*.avifs", "*.jp2", "*.j2k", "*.j2c", "*.jpc", "*.jpf", "*.jpx",
    "*.heic", "*.heics", "*.heif", "*.heifs", "*.hif",
)  # fmt: skip
"""Patterns of all pictures that can be read. HEIC needs an extra: without it such a file fails, and says so."""


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
    pages: Literal["first", "fail"] = "first"
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
    """Where health and metrics are asked after; `token_file` is needed beyond loopback.

    `hosts`: names beside this machine's, in small letters. `base_path`: "" or "/watchd". `trusted_proxies`: networks.
    """

    host: str = "127.0.0.1"
    port: int = 8787
    token_file: str | None = None
    hosts: tuple[str, ...] = ()
    base_path: str = ""
    trusted_proxies: tuple[str, ...] = ()


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

    def names(self) -> frozenset[str]:
        """What the folders are called."""
        return frozenset(folder.name for folder in self.folders)

    def folder(self, name: str) -> Folder | None:
        """The folder of that name, if the configuration still has it."""
        return next((folder for folder in self.folders if folder.name == name), None)
