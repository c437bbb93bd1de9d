"""The folders that results go to: a name appears only when the file behind it is whole and durable.

The order is what makes it so: write, sync the file, give the name without replacing, sync the folder. The folders on
the way are walked by descriptor and never through a link.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from watchd.adapters.filesystem import placing
from watchd.adapters.filesystem.presence import sha256_of
from watchd.adapters.filesystem.roots import DIRECTORY
from watchd.adapters.filesystem.target_folders import NOT_THERE, TargetFolders, require_room
from watchd.core.outgoing import naming
from watchd.core.text import on_one_line
from watchd.errors import LaterError, NameUnavailableError, TargetOfflineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

logger = logging.getLogger(__name__)

_INNER = DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
"""A FIFO of that name must not hold up a worker."""


class FileOutputs:
    """Implements `interfaces.Outputs`.

    Threads: every worker's; it holds nothing that changes but its folders.
    """

    def __init__(self, folders: TargetFolders | None = None) -> None:
        self.folders = folders or TargetFolders()

    def exists(self, root: str, path: str) -> bool:
        """Whether anything bears that name."""
        parent, _, name = path.rpartition("/")
        with self.folders.for_reading(root, parent) as inside:
            if inside is None:
                return False
            try:
                os.stat(name, dir_fd=inside.folder, follow_symlinks=False)
            except FileNotFoundError:
                return False
            except OSError as error:
                raise self.folders.trouble(error, inside, name) from error
            return True

    def make_ready(self, root: str, size: int) -> None:
        """Make sure, before anything is paid, that the root is there and has room for `size` bytes."""
        self.folders.make_ready(root, size)

    def prove(self, root: str, path: str, size: int, *, replace: bool) -> None:
        """Make sure, before anything is paid, that a file of `size` bytes can be made under this very name."""
        parent, _, name = path.rpartition("/")
        with self.folders.within(root, parent) as inside:
            try:
                require_room(inside.folder, size)  # a sub-folder may be a mount of its own
                if replace:
                    _refuse_folder(inside.folder, name)
                if not naming.is_portable(name):
                    _try_name(inside.folder, name)
            except OSError as error:
                raise self.folders.trouble(error, inside, name) from error

    def digest(self, root: str, path: str) -> str | None:
        """The SHA-256 (hex) of a regular file; None where there is none."""
        with self._opened(root, path) as file:
            return None if file is None else sha256_of(self._pieces(file, root, path))

    def fetch(self, root: str, path: str, sha256: str, target: BinaryIO) -> bool:
        """Copy a file out through one descriptor; False where there is none, or other bytes than these lie there."""
        self.folders.presence.require_answer(root)  # it may be another folder's, which alone is to wait for it
        with self._opened(root, path) as file:
            if file is None:
                return False
            digest = hashlib.sha256()
            for piece in self._pieces(file, root, path):
                digest.update(piece)
                target.write(piece)
        return digest.hexdigest() == sha256

    def _pieces(self, file: int, root: str, path: str) -> Iterator[bytes]:
        pieces = self.folders.presence.pieces(file)
        try:
            yield from pieces
        except OSError as error:
            raise LaterError(f"{root}/{on_one_line(path)} cannot be read: {error.strerror}") from error

    def publish(
        self, chunks: Iterable[bytes], root: str, path: str, *, replace: bool, mtime_ns: int, hidden: str
    ) -> str | None:
        """Write, sync, and only then give the name; None if it was taken and `replace` is false."""
        parent, _, name = path.rpartition("/")
        with _source_apart(), self.folders.within(root, parent) as inside, self.folders.explained(inside, name):
            self._free_of_placeholder(inside.folder, name, hidden)
            with placing.unnamed(inside.folder, hidden) as made:
                digest = hashlib.sha256()
                for chunk in _told_apart(chunks):
                    digest.update(chunk)
                    made.write(chunk)
                    self.folders.presence.goes_on()
                try:
                    os.utime(made.file, ns=(mtime_ns, mtime_ns))
                except OSError as error:
                    self.folders.tell_once(root, "dates of files cannot be set", error)
                os.fsync(made.file)
                if not self.folders.roots.is_still(root, inside.top):
                    raise TargetOfflineError(f"{root} is not the folder that it was a moment ago")
                if not made.give_name(name, replace=replace):
                    return None
            self.folders.sync_named(inside, name)
        return digest.hexdigest()

    def make_durable(self, root: str, path: str) -> None:
        """Sync an output that has its name already, with that name and every folder on the way."""
        parent, _, name = path.rpartition("/")
        with self.folders.within(root, parent) as inside, self.folders.explained(inside, name):
            file = os.open(name, _FILE, dir_fd=inside.folder)
            try:
                os.fsync(file)
            finally:
                os.close(file)
            self.folders.sync_named(inside, name)

    @contextmanager
    def _opened(self, root: str, path: str) -> Iterator[int | None]:
        """A regular file by its descriptor; None where there is none."""
        parent, _, name = path.rpartition("/")
        try:
            with self.folders.for_reading(root, parent) as inside:
                file = None if inside is None else os.open(name, _FILE, dir_fd=inside.folder)
        except NameUnavailableError:
            file = None  # a link, or a file, is where a folder was
        except TargetOfflineError as error:
            raise LaterError(str(error)) from error  # of what is read, and not of where anything is to go
        except OSError as error:
            if error.errno not in NOT_THERE:
                raise LaterError(f"{root}/{on_one_line(path)} cannot be read: {error.strerror}") from error
            file = None
        try:
            with self.folders.presence.at("reading a file of", root):
                yield file if file is not None and stat.S_ISREG(os.fstat(file).st_mode) else None
        finally:
            if file is not None:
                os.close(file)

    @staticmethod
    def _free_of_placeholder(folder: int, name: str, hidden: str) -> None:
        """Remove what a run that was killed left to hold this name for this very job."""
        expected = placing.placeholder(hidden)
        try:
            file = os.open(name, _FILE, dir_fd=folder)
        except OSError:
            return
        try:
            seen = os.fstat(file)
            is_ours = stat.S_ISREG(seen.st_mode) and seen.st_size == len(expected)
            if is_ours and os.read(file, len(expected) + 1) == expected:
                os.unlink(name, dir_fd=folder)
        finally:
            os.close(file)


class _SourceError(Exception):
    """Trouble of what is copied, carried past the place that explains the trouble of where it goes."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error


@contextmanager
def _source_apart() -> Iterator[None]:
    try:
        yield
    except _SourceError as carried:
        raise carried.error from None


def _told_apart(chunks: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from chunks
    except OSError as error:
        raise _SourceError(error) from error


def _try_name(folder: int, name: str) -> None:
    """Whether the file system takes such a name: one as long, of the same characters, is made and removed."""
    hidden = f".{name[1:]}"
    if hidden == name:
        hidden = f"_{name[1:]}"
    try:
        os.close(os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=folder))
    except FileExistsError:
        return  # so it does
    os.unlink(hidden, dir_fd=folder)


def _refuse_folder(folder: int, name: str) -> None:
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
