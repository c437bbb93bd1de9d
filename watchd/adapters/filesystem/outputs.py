"""The folders that results go to: a name appears only when the file behind it is whole and durable.

The order is what makes it so: write, sync the file, give the name without replacing, sync the folder. The folders on
the way are walked by descriptor and never through a link.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from watchd.adapters.filesystem.spool import NO_ROOM
from watchd.errors import LaterError, NoSpaceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})
_NO_TMPFILE = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL, errno.ENOSYS})
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})
_RENAME_NOREPLACE = 1
_libc = ctypes.CDLL(None, use_errno=True)


class FileOutputs:
    """Implements `interfaces.Outputs`.

    Threads: every worker's; `_durable` only grows, and a folder that two meet at once is synced twice.
    """

    def __init__(self) -> None:
        """Remembers which folders' names are durable, so that each is synced once and not for every output."""
        self._durable: set[str] = set()

    def exists(self, root: str, path: str) -> bool:
        """Whether anything bears that name."""
        return os.path.lexists(Path(root, path))

    def make_ready(self, root: str, size: int) -> None:
        """Make sure, before anything is paid, that the folder is there and has room for `size` bytes."""
        with translated(root), self.made(root, "") as folder:
            room = os.fstatvfs(folder)
            if room.f_bavail * room.f_frsize < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if not os.access(f"/proc/self/fd/{folder}", os.W_OK | os.X_OK):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    def digest(self, root: str, path: str) -> str | None:
        """The SHA-256 (hex) of a regular file; None where there is none."""
        try:
            # A FIFO of that name must not hold up a worker.
            descriptor = os.open(Path(root, path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    return None
                with os.fdopen(descriptor, "rb", closefd=False) as file:
                    return hashlib.file_digest(file, "sha256").hexdigest()
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno in _NOT_THERE:
                return None
            raise LaterError(f"{root}/{path} cannot be read: {error.strerror}") from error

    def open(self, root: str, path: str) -> BinaryIO:
        """Open an earlier output for reading."""
        return Path(root, path).open("rb")

    def publish(self, chunks: Iterable[bytes], root: str, path: str, *, replace: bool, mtime_ns: int) -> str | None:
        """Write, sync, and only then give the name; None if it was taken and `replace` is false."""
        parent, _, name = path.rpartition("/")
        with translated(root), self.made(root, parent) as folder, _unnamed(folder) as (file, temporary):
            digest = hashlib.sha256()
            for chunk in chunks:
                digest.update(chunk)
                _write(file, chunk)
            os.utime(file, ns=(mtime_ns, mtime_ns))
            os.fsync(file)
            if not _give_name(folder, file, temporary, name, replace=replace):
                return None
            os.fsync(folder)
        return digest.hexdigest()

    def make_durable(self, root: str, path: str) -> None:
        """Sync an output that has its name already, with that name and every folder on the way."""
        parent, _, name = path.rpartition("/")
        with translated(root), self.made(root, parent) as folder:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            try:
                os.fsync(file)
            finally:
                os.close(file)
            os.fsync(folder)

    @contextmanager
    def made(self, root: str, parent: str) -> Iterator[int]:
        """The descriptor of the folder below `root`, made where it was not there, its name durable either way.

        The root itself is made too, but never the mount point above it: its parent has to be there.
        """
        Path(root).mkdir(exist_ok=True)
        self._sync_once(root, None)
        descriptor = os.open(root, _DIRECTORY)
        try:
            way = root
            for part in filter(None, parent.split("/")):
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
                way = f"{way}/{part}"
                self._sync_once(way, descriptor)
                inner = os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    def _sync_once(self, folder: str, parent: int | None) -> None:
        """Make a folder's name durable, by syncing its parent; a sync that failed is made again the next time."""
        if folder in self._durable:
            return
        descriptor = os.open(Path(folder).parent, _DIRECTORY) if parent is None else os.dup(parent)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._durable.add(folder)


@contextmanager
def _unnamed(folder: int) -> Iterator[tuple[int, str | None]]:
    """A new file with no name yet; where the file system has no such thing, with a hidden temporary one."""
    temporary = None
    try:
        file = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666, dir_fd=folder)
    except OSError as error:
        if error.errno not in _NO_TMPFILE:
            raise
        temporary = f".watchd-{secrets.token_hex(8)}.part"
        file = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666, dir_fd=folder)
    try:
        yield file, temporary
    finally:
        os.close(file)
        if temporary is not None:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)


def _write(file: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(file, view) :]


def _give_name(folder: int, file: int, temporary: str | None, name: str, *, replace: bool) -> bool:
    """Give the file its name; False if something has it and may not be replaced."""
    if replace:
        _replace(folder, file, temporary, name)
        return True
    try:
        _link(folder, file, temporary, name)
    except FileExistsError:
        return False
    except OSError as error:
        if temporary is None or error.errno not in _NO_HARD_LINKS:
            raise
        return rename_no_replace(folder, temporary, folder, name)
    return True


def _link(folder: int, file: int, temporary: str | None, name: str) -> None:
    if temporary is None:
        # src_dir_fd makes CPython use linkat(2) with AT_SYMLINK_FOLLOW; plain link(2) would fail with EXDEV.
        os.link(f"/proc/self/fd/{file}", name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
    else:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def _replace(folder: int, file: int, temporary: str | None, name: str) -> None:
    """Rename over what is there; a file without a name gets a hidden one first, since linkat cannot replace."""
    passing = temporary or f".watchd-{secrets.token_hex(8)}.part"
    if temporary is None:
        _link(folder, file, None, passing)
    try:
        os.rename(passing, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(FileNotFoundError):
            os.unlink(passing, dir_fd=folder)
        raise


def rename_no_replace(here: int, source: str, there: int, name: str) -> bool:
    """Rename from one open folder into another unless the name is taken; False if it is. Raises OSError."""
    if _libc.renameat2(here, os.fsencode(source), there, os.fsencode(name), _RENAME_NOREPLACE) == 0:
        return True
    code = ctypes.get_errno()
    if code == errno.EEXIST:
        return False
    if code not in {errno.EINVAL, errno.ENOSYS}:
        raise OSError(code, os.strerror(code), name)
    # Neither hard links nor renameat2 (some FUSE and SMB mounts): the name is taken by an empty file first, which is
    # the one way left to lose no race; a reader may see it empty for the moment until the rename.
    try:
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=there))
    except FileExistsError:
        return False
    os.rename(source, name, src_dir_fd=here, dst_dir_fd=there)
    return True


@contextmanager
def translated(root: str) -> Iterator[None]:
    """Errors of a folder that cannot be written at present, in the house's terms."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise NoSpaceError(f"no space left for {root}") from error
        raise LaterError(f"{root} cannot be written: {error.strerror}") from error
