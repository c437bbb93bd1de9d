"""The folders: hot ones, the spool, outputs, originals, notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from watchd.core.incoming.matching import Matcher
    from watchd.model import Listing, Place, Sample, Writer


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

    def copy(self, root: str, path: str, limit: int, take: Callable[[bytes], object]) -> Sample:
        """As `read`, with the bytes handed on piece by piece: none of them is kept."""
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

    def leave_out(self, name: str, spans: Sequence[tuple[int, int]]) -> None:
        """Take these spans (start, end; in order, apart) out of a file, durably, all at once. Raises LaterError."""
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
    """The folders that results go to. Nothing in them is reached through a link.

    Raises:
        TargetOfflineError: the root cannot be used at present: not mounted, full, not to be written.
        NameUnavailableError: this name, or the sub-folder that it lies in, cannot be had.
        LaterError: it fails for another reason of this file's own, at present.
    """

    def exists(self, root: str, path: str) -> bool:
        """Whether anything bears that name."""
        ...

    def make_ready(self, root: str, size: int) -> None:
        """Make sure, before anything is paid, that the root is there or can be made and has room for `size` bytes."""
        ...

    def prove(self, root: str, path: str, size: int, *, replace: bool) -> None:
        """Make sure, before anything is paid, that a file of `size` bytes can be made under this very name."""
        ...

    def digest(self, root: str, path: str) -> str | None:
        """The SHA-256 (hex) of a regular file; None where there is none."""
        ...

    def fetch(self, root: str, path: str, sha256: str, target: BinaryIO) -> bool:
        """Copy a file out through one descriptor; False where there is none, or other bytes than these lie there."""
        ...

    def make_durable(self, root: str, path: str) -> None:
        """Sync an output that has its name already, with that name and every folder on the way."""
        ...

    def publish(
        self, chunks: Iterable[bytes], root: str, path: str, *, replace: bool, mtime_ns: int, hidden: str
    ) -> str | None:
        """Write, sync, and only then give the name; the folder is synced too. Folders on the way are made.

        `hidden`: what it is called until then, where it has to have a name; what was left under that is removed.

        Returns:
            The SHA-256 (hex) of what was published; None if the name was taken and `replace` is false.
        """
        ...


class Originals(Protocol):
    """The files of hot folders once their jobs have ended; each is touched only while it has the bytes of its job.

    Raises:
        SourceLostError: it is gone, or another file by now; nothing was done.
        LaterError, TargetOfflineError: it cannot be done at present; nothing was done.
    """

    def make_ready(self, target: str) -> None:
        """Make sure that originals can be put into a folder, before any is read for it."""
        ...

    def is_free(self, target: str, path: str) -> bool:
        """Whether nothing bears that name below a folder for originals."""
        ...

    def move(self, root: str, path: str, sha256: str, target: str, wanted: str) -> bool:
        """Move it to the path `wanted` below `target`, durable and replacing nothing; False: something has that name.

        One that was moved there before, by a run that was killed, is found there.
        """
        ...

    def delete(self, root: str, path: str, sha256: str) -> None:
        """Delete it."""
        ...

    def bring_back(self, moved: str, root: str, path: str, sha256: str) -> bool:
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

    def write_beside(self, moved: str, facts: Mapping[str, object]) -> tuple[str, str] | None:
        """The same beside a file that was moved away: where, and its SHA-256 (hex); None: it could not be written."""
        ...

    def remove_beside(self, note: str, sha256: str) -> None:
        """Remove a note beside a file that is there no longer, if it is what was written."""
        ...
