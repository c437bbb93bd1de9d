"""Folders below the roots that files go to: walked by descriptor, made, made durable, and whose trouble is whose."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchd.adapters.filesystem import placing
from watchd.adapters.filesystem.presence import ThreadPresence
from watchd.adapters.filesystem.roots import DIRECTORY, Roots
from watchd.adapters.filesystem.spool import NO_ROOM
from watchd.core.text import on_one_line
from watchd.errors import LaterError, NameUnavailableError, TargetOfflineError

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

_INNER = DIRECTORY | os.O_NOFOLLOW
NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})
SPACE_TRIED_BYTES = 1 << 20
"""Had set aside where a write has met a full disk: less than that is no room."""
_OF_THE_NAME = frozenset({
    errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM,
    errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.EMLINK, errno.EROFS, errno.ENODEV, errno.EOPNOTSUPP,
})  # fmt: skip
"""Where the root can be written all the same, these are about a name, or a sub-folder."""
TRIAL_HOLDS_S = 10.0
"""A root in which as much could be set aside a moment ago is not tried again."""


@dataclass(frozen=True, slots=True)
class Inside:
    """An open folder below a root. `top`: the root's own descriptor; `where`: its path, for people."""

    root: str
    top: int
    folder: int
    where: str


class TargetFolders:
    """Opens them, and tells trouble by whose it is.

    Where a step fails, the root is tried: if that cannot be written, the whole folder waits for it, else only what
    wants this name, or this sub-folder, does.

    Threads: every worker's; `_durable` only grows, and a folder that two meet at once is synced twice; a trial or a
    word too many is all that two can make of the rest.
    """

    def __init__(self, roots: Roots | None = None, presence: ThreadPresence | None = None) -> None:
        """Remembers which folders' names are durable, so that each is synced once and not for every output."""
        self.roots = roots or Roots()
        self.presence = presence or ThreadPresence()
        self._durable: set[tuple[str, int]] = set()
        self._tried: dict[str, tuple[float, int]] = {}
        self._told: set[tuple[str, str]] = set()

    def make_ready(self, root: str, size: int) -> None:
        """Make sure that a root is there and has room for `size` bytes. Raises TargetOfflineError."""
        with self.presence.at("looking whether files can be put into", root), self.roots.opened(root) as top:
            try:
                self._sync_once(root, None, top)
                require_room(top, size)
                self._try_once(root, top, size)
            except OSError as error:
                raise _offline(root, error, size) from error

    @contextmanager
    def within(self, root: str, parent: str) -> Iterator[Inside]:
        """A folder below a root, made where it was not there, its name durable either way."""
        with self.presence.at("writing into", root), self.roots.opened(root) as top:
            try:
                self._sync_once(root, None, top)
            except OSError as error:
                raise self.trouble(error, Inside(root, top, top, root), "") from error
            with self._walked(root, top, parent, make=True) as inside:
                if inside is not None:  # as it is, since it was made
                    yield inside

    @contextmanager
    def explained(self, inside: Inside, name: str) -> Iterator[None]:
        """Errors in a folder of outputs, by whose they are."""
        try:
            yield
        except OSError as error:
            raise self.trouble(error, inside, name) from error

    def sync(self, root: str, folder: int) -> None:
        """Make the names in an open folder durable, as far as its file system can. Raises OSError."""
        if not placing.sync_folder(folder):
            self.tell_once(root, "names in folders cannot be synced, so the last may be lost with the power", None)

    def sync_named(self, inside: Inside, name: str) -> None:
        """Make a name durable that a file bears by now: what fails is no trouble of that name any more."""
        try:
            self.sync(inside.root, inside.folder)
        except OSError as error:
            found = self.trouble(error, inside, name)
            if isinstance(found, NameUnavailableError):
                found = LaterError(f"{inside.where}/{on_one_line(name)} cannot be made durable: {error.strerror}")
            raise found from error

    def tell_once(self, root: str, what: str, error: OSError | None) -> None:
        """What cannot be done with files in a root, and is no reason not to publish them."""
        if (root, what) not in self._told:
            self._told.add((root, what))
            logger.warning(
                "In %s %s%s. Files are published all the same; this is said once.", root, what,
                "" if error is None else f" ({error.strerror})", extra={"action": "cannot_keep"},
            )  # fmt: skip

    @contextmanager
    def _walked(self, root: str, top: int, parent: str, *, make: bool = False) -> Iterator[Inside | None]:
        """The folder `parent` below an open root; None: it is not there, and was not to be made."""
        descriptor, way = os.dup(top), root
        try:
            for part in filter(None, parent.split("/")):
                inside, way = Inside(root, top, descriptor, way), f"{way}/{part}"
                try:
                    if make:
                        with suppress(FileExistsError):
                            os.mkdir(part, dir_fd=descriptor)
                    inner = os.open(part, _INNER, dir_fd=descriptor)
                    if make:
                        self._sync_once(way, descriptor, inner)
                except OSError as error:
                    if not make and error.errno == errno.ENOENT:
                        yield None
                        return
                    raise (self.trouble(error, inside, part) if make else _unread(error, inside, part)) from error
                os.close(descriptor)
                descriptor = inner
            yield Inside(root, top, descriptor, way)
        finally:
            os.close(descriptor)

    @contextmanager
    def for_reading(self, root: str, parent: str) -> Iterator[Inside | None]:
        """The folder `parent` below a root; None: it is not there."""
        with self.presence.at("looking into", root):
            try:
                descriptor = os.open(root, DIRECTORY)
            except OSError as error:
                if error.errno not in NOT_THERE:
                    raise TargetOfflineError(f"{root} cannot be read: {error.strerror}") from error
                yield None
                return
            try:
                with self._walked(root, descriptor, parent) as inside:
                    yield inside
            finally:
                os.close(descriptor)

    def trouble(self, error: OSError, inside: Inside, name: str) -> LaterError | TargetOfflineError:
        """Whose a failure is: the root's, if that cannot be written; else of this name, or of what it lies in."""
        try:
            _trial(inside.top, 0 if error.errno not in NO_ROOM else SPACE_TRIED_BYTES)
        except OSError as reason:
            return _offline(inside.root, reason, 0)
        if error.errno in NO_ROOM and os.fstat(inside.top).st_dev == os.fstat(inside.folder).st_dev:
            return _offline(inside.root, error, 0)
        what = f"{inside.where}/{on_one_line(name)}" if name else inside.where
        if error.errno in _OF_THE_NAME:
            return NameUnavailableError(f"{what} cannot be made: {error.strerror}")
        return LaterError(f"{what} cannot be written: {error.strerror}")

    def _try_once(self, root: str, top: int, size: int) -> None:
        at, most = self._tried.get(root, (float("-inf"), 0))
        if size > most or time.monotonic() - at > TRIAL_HOLDS_S:
            _trial(top, size)
            self._tried[root] = time.monotonic(), size

    def _sync_once(self, way: str, parent: int | None, folder: int) -> None:
        """Make a folder's name durable, by syncing its parent; a sync that failed is made again the next time."""
        key = way, os.fstat(folder).st_ino  # one that was removed and made anew is another
        if key in self._durable:
            return
        descriptor = os.open("..", DIRECTORY, dir_fd=folder) if parent is None else os.dup(parent)
        try:
            self.sync(way, descriptor)
        finally:
            os.close(descriptor)
        self._durable.add(key)


def _unread(error: OSError, inside: Inside, name: str) -> LaterError:
    """Trouble of whoever only looks: it says nothing about what can be written there."""
    what = f"{inside.where}/{on_one_line(name)}"
    if error.errno in NOT_THERE:
        return NameUnavailableError(f"{what} is no folder: {error.strerror}")
    return LaterError(f"{what} cannot be read: {error.strerror}")


def _offline(root: str, error: OSError, size: int) -> TargetOfflineError:
    if error.errno in NO_ROOM:
        need = f" ({size:,} bytes are needed)" if size else ""
        return TargetOfflineError(f"no space left for {root}{need}: {error.strerror}")
    return TargetOfflineError(f"{root} cannot be written: {error.strerror}")


def _trial(folder: int, size: int) -> None:
    """Write in a folder, and leave nothing behind. Raises OSError where that cannot be done."""
    # By the thread's name: what a kill leaves is found again and removed by the next of that name.
    with suppress(FileExistsError), placing.unnamed(folder, f".watchd-{threading.current_thread().name}.trial") as made:
        placing.allocate(made.file, size)
        made.write(b"watchd")


def require_room(folder: int, size: int) -> None:
    """Raise OSError where a folder may not be written, or has no room for so many bytes."""
    room = os.fstatvfs(folder)
    if room.f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    if not os.access(f"/proc/self/fd/{folder}", os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    # Some shares know of no blocks at all; they are asked by having room set aside.
    if room.f_blocks and room.f_bavail * room.f_frsize < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
