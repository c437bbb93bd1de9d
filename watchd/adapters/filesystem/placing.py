"""How a file gets its name: complete, durable, and in the place of nothing, whatever the file system can do.

Everything happens within a folder that is open, by names in it: nothing is reached through a link.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_HARD_LINKS = frozenset({
    errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL, errno.EACCES, errno.EXDEV,
})  # fmt: skip
_NO_TMPFILE = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL, errno.ENOSYS})
_NO_SYNC = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})
_RENAME_NOREPLACE = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Unnamed:
    """A file being made in an open folder. `passing`: the hidden name that it bears meanwhile; None: it has none."""

    def __init__(self, folder: int, file: int, hidden: str, passing: str | None) -> None:
        self.file = file
        self._folder = folder
        self._hidden = hidden
        self._passing = passing

    def write(self, chunk: bytes) -> None:
        """Append. Raises OSError."""
        view = memoryview(chunk)
        while view:
            view = view[os.write(self.file, view) :]

    def give_name(self, name: str, *, replace: bool) -> bool:
        """Give it its name; False if something has it and may not be replaced. Raises OSError."""
        if replace:
            self._replace(name)
            return True
        try:
            self._link(name)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            if self._passing is None:
                self._be_seen()
            return rename_no_replace(self._folder, self._hidden, self._folder, name)
        return True

    def _link(self, name: str) -> None:
        if self._passing is None:
            # src_dir_fd makes CPython use linkat(2) with AT_SYMLINK_FOLLOW; plain link(2) would fail with EXDEV.
            source = f"/proc/self/fd/{self.file}"
            os.link(source, name, src_dir_fd=self._folder, dst_dir_fd=self._folder, follow_symlinks=True)
        else:
            os.link(self._passing, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def _be_seen(self) -> None:
        """Bear the hidden name where the file could be made without one, but cannot be given one by a link."""
        copy = os.open(self._hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666, dir_fd=self._folder)
        self._passing = self._hidden
        os.lseek(self.file, 0, os.SEEK_SET)
        while chunk := os.read(self.file, 1 << 20):
            Unnamed(self._folder, copy, self._hidden, self._hidden).write(chunk)
        seen = os.fstat(self.file)
        with suppress(OSError):
            os.utime(copy, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        os.fsync(copy)
        os.dup2(copy, self.file, inheritable=False)
        os.close(copy)

    def _replace(self, name: str) -> None:
        """Rename over what is there; a file without a name gets the hidden one first, since linkat cannot replace."""
        if self._passing is None:
            clear(self._folder, self._hidden)
            self._link(self._hidden)
            self._passing = self._hidden
        os.rename(self._passing, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def close(self) -> None:
        """Let it go, and its hidden name with it."""
        os.close(self.file)
        if self._passing is not None:
            with suppress(OSError):
                os.unlink(self._passing, dir_fd=self._folder)


@contextmanager
def unnamed(folder: int, hidden: str) -> Iterator[Unnamed]:
    """A new file with no name yet; where the file system has no such thing, under a hidden one.

    `hidden` belongs to one job: what a run that was killed left under it is removed.
    """
    passing = None
    try:
        file = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666, dir_fd=folder)
    except OSError as error:
        if error.errno not in _NO_TMPFILE:
            raise
        clear(folder, hidden)
        passing = hidden
        file = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666, dir_fd=folder)
    made = Unnamed(folder, file, hidden, passing)
    try:
        yield made
    finally:
        made.close()


def clear(folder: int, hidden: str) -> None:
    """Remove what was left under a hidden name of ours: a regular file; anything else is somebody's, and stays."""
    try:
        if stat.S_ISREG(os.stat(hidden, dir_fd=folder, follow_symlinks=False).st_mode):
            os.unlink(hidden, dir_fd=folder)
    except FileNotFoundError:
        pass


def rename_no_replace(here: int, source: str, there: int, name: str) -> bool:
    """Rename from one open folder into another unless the name is taken; False if it is. Raises OSError."""
    if _libc.renameat2(here, os.fsencode(source), there, os.fsencode(name), _RENAME_NOREPLACE) == 0:
        return True
    code = ctypes.get_errno()
    if code == errno.EEXIST:
        return False
    if code not in {errno.EINVAL, errno.ENOSYS}:
        raise OSError(code, os.strerror(code), name)
    # Neither hard links nor renameat2 (some FUSE and SMB mounts): the name is taken by a file first that says what it
    # is for, which is the one way left to lose no race; a reader may see it for the moment until the rename.
    try:
        holder = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=there)
    except FileExistsError:
        return False
    try:
        os.write(holder, placeholder(source))
        os.rename(source, name, src_dir_fd=here, dst_dir_fd=there)
    except OSError:
        _unlink_same(there, name, holder)
        raise
    finally:
        os.close(holder)
    return True


def placeholder(source: str) -> bytes:
    """What lies under a name while it is held for a file that bears another still."""
    return b"watchd holds this name for " + os.fsencode(source) + b"\n"


def _unlink_same(folder: int, name: str, file: int) -> None:
    """Remove a name if it still stands for this file."""
    with suppress(OSError):
        if is_same(os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(file)):
            os.unlink(name, dir_fd=folder)


def is_same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether two looks saw one and the same file."""
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def sync_folder(folder: int) -> bool:
    """Make names in a folder durable; False where its file system knows no such thing. Raises OSError."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno in _NO_SYNC:
            return False
        raise
    return True


def allocate(file: int, size: int) -> None:
    """Have room for `size` bytes set aside, quotas included; where that is not known, nothing. Raises OSError."""
    if size and _libc.fallocate(file, 0, ctypes.c_long(0), ctypes.c_long(size)) != 0:
        code = ctypes.get_errno()
        if code in {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}:
            raise OSError(code, os.strerror(code))
