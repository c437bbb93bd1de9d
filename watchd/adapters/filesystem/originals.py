"""Originals moved or deleted once nothing more is wanted of them: by descriptor, after a last look at what they are.

A file is only ever touched that is still the very file which was processed, and nothing is ever replaced.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from watchd.adapters.filesystem import placing
from watchd.adapters.filesystem.outputs import FileOutputs
from watchd.adapters.filesystem.presence import sha256_of
from watchd.adapters.filesystem.tree import FILE_FLAGS, GONE_ERRORS, directory
from watchd.core.outgoing import naming
from watchd.errors import FolderOfflineError, LaterError, SourceLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watchd.adapters.filesystem.target_folders import Inside


class FileOriginals:
    """Implements `interfaces.Originals`.

    Threads: every worker's, each with the original of its own job.
    """

    def __init__(self, outputs: FileOutputs | None = None) -> None:
        """Folders that are made for originals are made, and made durable, as those of outputs are."""
        self._outputs = outputs or FileOutputs()
        self._folders = self._outputs.folders
        self._at = self._folders.presence.at

    def make_ready(self, target: str) -> None:
        """Make sure that originals can be put into a folder, before any is read for it."""
        self._outputs.make_ready(target, 0)

    def is_free(self, target: str, path: str) -> bool:
        """Whether nothing bears that name below a folder for originals."""
        return not self._outputs.exists(target, path)

    def move(self, root: str, path: str, sha256: str, target: str, wanted: str) -> bool:
        """Move a file of a hot folder to a name below `target`; False if something has that name by now."""
        folder, _, name = wanted.rpartition("/")
        with self._at("moving an original from", root, target), self._folders.within(target, folder) as there:
            if self._came_before(root, path, sha256, there, name):
                return True
            with self._same(root, path, sha256) as (parent, file), self._folders.explained(there, name):
                if not os.access(f"/proc/self/fd/{parent}", os.W_OK | os.X_OK):
                    raise LaterError(f"files may not be moved out of {root}")
                return self._give(parent, path, file, there, name, sha256)

    def delete(self, root: str, path: str, sha256: str) -> None:
        """Delete a file of a hot folder."""
        at = self._at("deleting an original of", root)
        with at, self._same(root, path, sha256) as (parent, file), _later(root):
            self._unlink_if_same(root, parent, path.rpartition("/")[2], file)

    def bring_back(self, moved: str, root: str, path: str, sha256: str) -> bool:
        """Give a file that was moved its old place again; False where something else lies there, or it is gone."""
        folder, _, name = path.rpartition("/")
        above, _, source = moved.rpartition("/")
        try:
            with (
                self._at("bringing an original back from", above, root),
                self._same(above, source, sha256) as (here, file),
                self._folders.within(root, folder) as there,
                self._folders.explained(there, name),
            ):
                return self._give(here, source, file, there, name, sha256)
        except SourceLostError:
            return self._lies_there(root, path, sha256)  # a kill may have come between the move and its record
        except FolderOfflineError as error:
            raise LaterError(str(error)) from error

    def _lies_there(self, root: str, path: str, sha256: str) -> bool:
        try:
            with self._same(root, path, sha256):
                return True
        except SourceLostError:
            return False

    def _came_before(self, root: str, path: str, sha256: str, there: Inside, name: str) -> bool:
        """Whether it has been moved there by a run that was killed before it could say so.

        Across file systems the original may lie where it was still: then it goes now, as its copy is whole.
        """
        try:
            copy = os.open(name, FILE_FLAGS, dir_fd=there.folder)
        except OSError:
            return False
        try:
            self._check(copy, sha256)
            with suppress(SourceLostError), self._same(root, path, sha256) as (parent, file):
                if placing.is_same(os.fstat(file), os.fstat(copy)):
                    return False  # a second name of the very file: nothing has been moved
                self._unlink_if_same(root, parent, path.rpartition("/")[2], file)
        except SourceLostError:
            return False
        finally:
            os.close(copy)
        return True

    def _give(self, parent: int, path: str, file: int, there: Inside, name: str, sha256: str) -> bool:
        """Move under one name; False if something has it."""
        source = path.rpartition("/")[2]
        try:
            if not placing.rename_no_replace(parent, source, there.folder, name):
                return False
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return self._copy(parent, source, file, there, name, sha256)
        moved = os.stat(name, dir_fd=there.folder, follow_symlinks=False)
        if not placing.is_same(moved, os.fstat(file)):
            # Somebody put another file there in the moment between the last look and this.
            placing.rename_no_replace(there.folder, name, parent, source)
            raise SourceLostError("it was replaced at the last moment")
        self._folders.sync(there.root, there.folder)
        self._folders.sync(path, parent)
        return True

    def _copy(self, parent: int, source: str, file: int, there: Inside, name: str, sha256: str) -> bool:
        """Across file systems: whole, durable and compared, with all that it is besides its bytes; then it goes."""
        os.lseek(file, 0, os.SEEK_SET)
        digest = hashlib.sha256()
        with placing.unnamed(there.folder, naming.hidden_name(0, sha256)) as made:
            for piece in self._folders.presence.pieces(file):
                digest.update(piece)
                made.write(piece)
            if digest.hexdigest() != sha256:
                raise SourceLostError("it changed while it was copied")
            self._dress(file, made.file, there)
            os.fsync(made.file)
            self._check(made.file, sha256)
            if not made.give_name(name, replace=False):
                return False
        self._folders.sync(there.root, there.folder)
        self._unlink_if_same(there.root, parent, source, file)
        return True

    def _dress(self, file: int, copy: int, there: Inside) -> None:
        """Owner, extended attributes, mode and dates go along, as far as they may be set there."""
        seen = os.fstat(file)
        self._try(there, "owners of files cannot be kept", lambda: os.fchown(copy, seen.st_uid, seen.st_gid))
        for name in _attributes(file):
            what = "extended attributes cannot be kept"
            self._try(there, what, partial(_copy_attribute, file, copy, name))
        self._try(there, "modes of files cannot be kept", lambda: os.fchmod(copy, stat.S_IMODE(seen.st_mode)))
        dates = seen.st_atime_ns, seen.st_mtime_ns
        self._try(there, "dates of files cannot be set", lambda: os.utime(copy, ns=dates))

    def _try(self, there: Inside, what: str, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            self._folders.tell_once(there.root, what, error)

    def _unlink_if_same(self, root: str, parent: int, name: str, file: int) -> None:
        seen = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not placing.is_same(seen, os.fstat(file)):
            raise SourceLostError("it was replaced at the last moment")
        os.unlink(name, dir_fd=parent)
        self._folders.sync(root, parent)

    @contextmanager
    def _same(self, root: str, path: str, sha256: str) -> Iterator[tuple[int, int]]:
        """Descriptors of the folder of a file and of the file, if that is still what was processed."""
        below, _, name = path.rpartition("/")
        try:
            with directory(root, below) as parent:
                file = os.open(name, FILE_FLAGS, dir_fd=parent)
                try:
                    self._check(file, sha256)
                    yield parent, file
                finally:
                    os.close(file)
        except OSError as error:
            if error.errno in GONE_ERRORS:
                raise SourceLostError("it is gone, or no longer a regular file") from error
            raise LaterError(f"{root}/{path} cannot be read: {error.strerror}") from error

    def _check(self, file: int, sha256: str) -> None:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise SourceLostError("it is no regular file")
        os.lseek(file, 0, os.SEEK_SET)
        if sha256_of(self._folders.presence.pieces(file)) != sha256:
            raise SourceLostError("other bytes lie under its name by now")


def _copy_attribute(file: int, copy: int, name: str) -> None:
    os.setxattr(copy, name, os.getxattr(file, name))


def _attributes(file: int) -> list[str]:
    try:
        return os.listxattr(file)
    except OSError:
        return []  # a file system that knows none


@contextmanager
def _later(root: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LaterError(f"{root} cannot be written: {error.strerror}") from error
