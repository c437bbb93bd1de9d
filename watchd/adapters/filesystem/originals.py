"""Originals moved or deleted once nothing more is wanted of them: by descriptor, after a last look at what they are.

A file is only ever touched that is still the very file which was processed, and nothing is ever replaced.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.filesystem.outputs import FileOutputs, rename_no_replace, translated
from watchd.adapters.filesystem.tree import FILE_FLAGS, GONE_ERRORS, FileTree, directory
from watchd.core.outgoing import naming
from watchd.errors import LaterError, SourceLostError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK_BYTES = 1024 * 1024


class FileOriginals:
    """Implements `interfaces.Originals`.

    Threads: every worker's, each with the original of its own job.
    """

    def __init__(self) -> None:
        """Folders that are made for originals are made durable as those of outputs are."""
        self._outputs = FileOutputs()
        self._tree = FileTree()

    def move(self, root: str, path: str, sha256: str, target: str) -> str:
        """Move a file of a hot folder to the same path below `target`; where it is now, absolute."""
        with translated(target), _same(root, path, sha256) as (parent, file):
            for candidate in naming.candidates(path):
                if self._give(parent, path, file, target, candidate, sha256):
                    return f"{target}/{candidate}"
        raise LaterError(f"{naming.SUFFIXES:,} names like {path} are taken in {target}: remove some")

    def delete(self, root: str, path: str, sha256: str) -> None:
        """Delete a file of a hot folder."""
        with translated(root), _same(root, path, sha256) as (parent, file):
            _unlink_if_same(parent, path, file)

    def bring_back(self, moved: str, root: str, path: str) -> bool:
        """Give a file that was moved its old place again; False where something else lies there, or it is gone."""
        folder, _, name = path.rpartition("/")
        if not Path(moved).is_file() or Path(moved).is_symlink() or self._tree.look(root, path) is not None:
            return False
        with translated(root), self._outputs.made(root, folder) as there, directory(*_split(moved)) as here:
            source = moved.rpartition("/")[2]
            try:
                if not rename_no_replace(here, source, there, name):
                    return False
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                seen = os.stat(source, dir_fd=here, follow_symlinks=False)
                with Path(moved).open("rb") as file:
                    chunks = iter(lambda: file.read(_CHUNK_BYTES), b"")
                    if self._outputs.publish(chunks, root, path, replace=False, mtime_ns=seen.st_mtime_ns) is None:
                        return False
                os.unlink(source, dir_fd=here)
            os.fsync(there)
            os.fsync(here)
        return True

    def _give(self, parent: int, path: str, file: int, target: str, candidate: str, sha256: str) -> bool:
        """Move under one name; False if something has it."""
        name, (folder, _, wanted) = path.rpartition("/")[2], candidate.rpartition("/")
        with self._outputs.made(target, folder) as there:
            try:
                if not rename_no_replace(parent, name, there, wanted):
                    return False
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                return self._copy(parent, path, file, target, candidate, sha256)
            moved = os.stat(wanted, dir_fd=there, follow_symlinks=False)
            if (moved.st_dev, moved.st_ino) != _identity(file):
                # Somebody put another file there in the moment between the last look and this.
                rename_no_replace(there, wanted, parent, name)
                raise SourceLostError("it was replaced at the last moment")
            os.fsync(there)
            os.fsync(parent)
        return True

    def _copy(self, parent: int, path: str, file: int, target: str, candidate: str, sha256: str) -> bool:
        """Across file systems: whole, durable and compared, before the original goes."""
        seen = os.fstat(file)
        os.lseek(file, 0, os.SEEK_SET)
        chunks = iter(lambda: os.read(file, _CHUNK_BYTES), b"")
        digest = self._outputs.publish(chunks, target, candidate, replace=False, mtime_ns=seen.st_mtime_ns)
        if digest is None:
            return False
        if digest != sha256 or self._outputs.digest(target, candidate) != sha256:
            Path(target, candidate).unlink(missing_ok=True)
            raise SourceLostError("it changed while it was copied")
        _unlink_if_same(parent, path, file)
        return True


def _split(path: str) -> tuple[str, str]:
    return path.rpartition("/")[0], ""


def _identity(file: int) -> tuple[int, int]:
    seen = os.fstat(file)
    return seen.st_dev, seen.st_ino


def _unlink_if_same(parent: int, path: str, file: int) -> None:
    name = path.rpartition("/")[2]
    seen = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if (seen.st_dev, seen.st_ino) != _identity(file):
        raise SourceLostError("it was replaced at the last moment")
    os.unlink(name, dir_fd=parent)
    os.fsync(parent)


@contextmanager
def _same(root: str, path: str, sha256: str) -> Iterator[tuple[int, int]]:
    """Descriptors of the folder of a file and of the file, if that is still what was processed."""
    below, _, name = path.rpartition("/")
    try:
        with directory(root, below) as parent:
            file = os.open(name, FILE_FLAGS, dir_fd=parent)
            try:
                _check(file, sha256)
                yield parent, file
            finally:
                os.close(file)
    except OSError as error:
        if error.errno in GONE_ERRORS:
            raise SourceLostError("it is gone, or no longer a regular file") from error
        raise


def _check(file: int, sha256: str) -> None:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise SourceLostError("it is no regular file")
    with os.fdopen(file, "rb", closefd=False) as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != sha256:
            raise SourceLostError("other bytes lie under its name by now")
