"""What is seen in hot folders, before anything of it is a job."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Writer(StrEnum):
    """Whether another process has a file open for writing. The kernel cannot tell everywhere, nor of other machines."""

    DONE = "done"
    AT_WORK = "at work"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sample:
    """What one look at a file saw: enough to tell that it changed, never enough to tell that it did not."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hot folder really is, past any link, which folder it is (device, inode), and where that is mounted."""

    root: str
    device: int
    inode: int
    mount: str


@dataclass(frozen=True, slots=True)
class Stay:
    """A thread (its ident) that has come no further for so many seconds with what it does below these roots."""

    thread: int
    roots: tuple[str, ...]
    doing: str
    seconds: float


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
    unread: Mapping[str, int] = field(default_factory=dict)
    """How many files look like pictures and are not read, by kind."""


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
