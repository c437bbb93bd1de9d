"""The spool in `state_dir`: private snapshots on their way out, paid answers on their way in."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from watchd.errors import LaterError, LedgerError, NoSpaceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
CHUNK_BYTES = 1 << 20
BUFFER_BYTES = 1 << 16
"""Named, as Python asks each file whether it is a terminal where it is not."""
_NEW = os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_CLOEXEC
MOST_EVIDENCE = 100
MOST_EVIDENCE_BYTES = 512_000_000
"""Bad answers are kept up to here; then the oldest go, whose jobs have told of them long ago."""


class FileSpool:
    """Implements `interfaces.Spool` in one folder that only the daemon's user can read.

    Threads: any worker's, each with files of its own job; evidence, which is bounded, is kept one at a time.
    """

    def __init__(self, folder: Path) -> None:
        """Makes the folder; the one for evidence beside it is made when there is any.

        Raises:
            LedgerError: `state_dir` cannot hold it.
        """
        self._folder = folder
        self._path = str(folder)
        self._evidence = folder.with_name("evidence")
        self._one_at_a_time = threading.Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(f"{folder} cannot be made: {error.strerror}; see `state_dir`") from error

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file; not synced, as it can be made again."""
        try:
            descriptor = os.open(f"{self._path}/{name}", _NEW, 0o600)
            try:
                _write(descriptor, data)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _trouble(self._folder, error) from error

    @contextmanager
    def create(self, name: str, reserve: int) -> Iterator[SpoolWriter]:
        """A new empty file with room for `reserve` bytes set aside, so that a paid answer finds its place."""
        try:
            descriptor = os.open(f"{self._path}/{name}", _NEW, 0o600)
        except OSError as error:
            raise _trouble(self._folder, error) from error
        try:
            try:
                if reserve:
                    _reserve(descriptor, reserve)
            except OSError as error:
                self.remove(name)
                raise _trouble(self._folder, error) from error
            yield SpoolWriter(descriptor, self._folder)
        finally:
            os.close(descriptor)

    @contextmanager
    def draft(self, name: str) -> Iterator[BinaryIO]:
        """A new empty file to be written in any order; not synced, as it can be made again."""
        with _translated(self._folder), (self._folder / name).open("wb", BUFFER_BYTES) as file:
            yield file

    def make_ready(self, size: int) -> None:
        """Make sure, before anything is paid, that there is room for `size` bytes."""
        status = os.statvfs(self._folder)
        if status.f_bavail * status.f_frsize < size:
            raise NoSpaceError(f"no space left in {self._folder}")

    def open(self, name: str) -> BinaryIO:
        """Open for reading."""
        return open(f"{self._path}/{name}", "rb", BUFFER_BYTES)  # noqa: PTH123 -- asked several times for each job

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return os.stat(f"{self._path}/{name}").st_size  # noqa: PTH116 -- as above

    def cut(self, name: str, size: int) -> None:
        """Give back what lies behind the first `size` bytes, and make those durable."""
        with _translated(self._folder), (self._folder / name).open("r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())
            sync_folder(self._folder)

    def leave_out(self, name: str, spans: Sequence[tuple[int, int]]) -> None:
        """Take these spans out of a file: another without them takes its name."""
        clean = f"{name}.clean"
        with (
            _translated(self._folder),
            (self._folder / name).open("rb") as source,
            (self._folder / clean).open("wb") as target,
        ):
            for start, end in spans:
                _copy(source, target, start - source.tell())
                source.seek(end)
            _copy(source, target, None)
            target.flush()
            os.fsync(target.fileno())
            (self._folder / clean).replace(self._folder / name)
            sync_folder(self._folder)

    def keep_evidence(self, name: str, kept: str) -> str:
        """Move a bad answer aside under the name `kept`; answers where it is."""
        with _translated(self._folder):
            self._evidence.mkdir(mode=0o700, exist_ok=True)
            target = self._evidence / kept
            (self._folder / name).replace(target)
            self._bound_evidence(target)
        return str(target)

    def _bound_evidence(self, newest: Path) -> None:
        with self._one_at_a_time:
            files = [(path, path.stat()) for path in self._evidence.iterdir() if path != newest]
            kept, size = 1, newest.stat().st_size
            for path, found in sorted(files, key=lambda file: file[1].st_mtime_ns, reverse=True):
                kept, size = kept + 1, size + found.st_size
                if kept > MOST_EVIDENCE or size > MOST_EVIDENCE_BYTES:
                    path.unlink(missing_ok=True)

    def remove(self, *names: str) -> None:
        """Remove what is there of these. What a failing disk keeps is written over, or removed at the next start."""
        for name in names:
            with suppress(OSError):
                os.unlink(f"{self._path}/{name}")  # noqa: PTH108 -- as above

    def names(self) -> Sequence[str]:
        """Everything that lies in the spool."""
        return sorted(entry.name for entry in self._folder.iterdir())


class SpoolWriter:
    """Implements `interfaces.SpoolFile` on an open descriptor."""

    def __init__(self, descriptor: int, folder: Path) -> None:
        """Writes from the start; the room set aside beyond what was written is given back by `sync`."""
        self._descriptor = descriptor
        self._folder = folder
        self._written = 0

    def write(self, chunk: bytes) -> None:
        """Append. Raises NoSpaceError."""
        try:
            _write(self._descriptor, chunk)
        except OSError as error:
            raise _trouble(self._folder, error) from error
        self._written += len(chunk)

    def sync(self) -> None:
        """Make what was written durable, its name included."""
        with _translated(self._folder):
            os.ftruncate(self._descriptor, self._written)
            os.fsync(self._descriptor)
            sync_folder(self._folder)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _copy(source: BinaryIO, target: BinaryIO, size: int | None) -> None:
    """So many bytes; None: all that are left."""
    while size is None or size > 0:
        piece = source.read(CHUNK_BYTES if size is None else min(size, CHUNK_BYTES))
        if not piece:
            return
        target.write(piece)
        size = None if size is None else size - len(piece)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reserve(descriptor: int, size: int) -> None:
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}:
            raise
        status = os.fstatvfs(descriptor)
        if status.f_bavail * status.f_frsize < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _trouble(folder, error) from error


def _trouble(folder: Path, error: OSError) -> LaterError:
    if error.errno in NO_ROOM:
        return NoSpaceError(f"no space left in {folder}")
    return LaterError(f"{folder} cannot be written: {error.strerror}")
