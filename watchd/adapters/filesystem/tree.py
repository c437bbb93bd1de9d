"""A hot folder on its file system: scanned and read without following a link anywhere below its root.

O_NOFOLLOW guards only the last component of a path, so every component is opened by its own descriptor. Everything is
opened with O_NONBLOCK, or a FIFO would hold a thread for ever.
"""

from __future__ import annotations

import errno
import fcntl
import io
import logging
import os
import signal
import stat
from collections import Counter
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.filesystem import mounts
from watchd.adapters.filesystem.presence import ThreadPresence, sha256_of
from watchd.core.text import on_one_line
from watchd.errors import FolderOfflineError, SourceLostError
from watchd.model import Found, Listing, Place, Sample, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from watchd.core.incoming.matching import Matcher

logger = logging.getLogger(__name__)

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""How a file that may be anybody\'s is opened: through no link, waiting for nothing."""
BATCH = 4096
"""Files of one folder after which a scan says that it goes on."""
DEEPEST = 100
"""Sub-folders within sub-folders that are looked into."""
GONE_ERRORS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ESTALE})
"""What opening answers where the file, or what leads to it, is no longer what it was."""


class FileTree:
    """Implements `interfaces.Tree`. `root` is the real path of a hot folder.

    Threads: intake's and every worker's; what `_places` knows of a root is replaced whole, and read anew at worst;
    a word too many is all that two can make of what was told.
    """

    def __init__(self, presence: ThreadPresence | None = None) -> None:
        """Remembers where each root is mounted: mountinfo is read again only when it is another folder."""
        self.presence = presence or ThreadPresence()
        self._places: dict[str, Place] = {}
        self._told: set[tuple[str, str]] = set()
        self._fleeting: frozenset[str] = frozenset()
        """Roots in which a file has another inode and ctime after the next mount, if not at the next look."""

    def locate(self, path: str, mount_marker: str | None) -> Place:
        """Where a hot folder really is; a link to it is followed here, and only here."""
        with self.presence.at("looking at", path):
            return self._locate(path, mount_marker)

    def _locate(self, path: str, mount_marker: str | None) -> Place:
        root = os.path.realpath(path)
        try:
            status = Path(root).stat()
        except OSError as error:
            raise FolderOfflineError(f"{path} is not there: {error.strerror}") from error
        if not stat.S_ISDIR(status.st_mode):
            raise FolderOfflineError(f"{path} is no folder")
        if mount_marker is not None and not os.path.lexists(f"{root}/{mount_marker}"):
            raise FolderOfflineError(f"{path} has no {mount_marker}: it is not mounted")
        known = self._places.get(root)
        if known is None or (known.device, known.inode) != (status.st_dev, status.st_ino):
            mount = mounts.mount_of(root)
            self._fleeting = self._fleeting - {root} if mount.keeps_numbers() else self._fleeting | {root}
            known = self._places[root] = Place(root, status.st_dev, status.st_ino, mount.point)
        return known

    def scan(
        self, root: str, below: str, matcher: Matcher, known: Callable[[str], Mapping[str, int]]
    ) -> Iterator[Listing]:
        """`below` ("" is the root) and, where the matcher enters, each folder under it; see `interfaces.Tree`."""
        try:
            with self.presence.at("listing", root), directory(root, below) as descriptor:
                closed, device = partial(self._tell_of_closed, root), os.fstat(descriptor).st_dev
                goes_on = self.presence.goes_on
                scan = _Scan(matcher, known, device, closed, goes_on, fleeting=root in self._fleeting)
                yield from scan.below(descriptor, below, below.count("/"))
        except OSError as error:
            if below and error.errno in {*GONE_ERRORS, errno.EACCES}:
                return  # it went, or is not ours to read; the next scan looks again
            raise FolderOfflineError(f"{root} cannot be read: {error.strerror}") from error

    def _tell_of_closed(self, root: str, path: str) -> None:
        """Once for each: pictures that lie there would be missed without a word."""
        if (root, path) not in self._told:
            self._told.add((root, path))
            logger.warning(
                "%s/%s may not be entered: what lies in it is not seen. Let watchd's user, or its group, read and enter"
                " it; each scan looks again.", root, on_one_line(path), extra={"action": "closed_folder"},
            )  # fmt: skip

    def look(self, root: str, path: str) -> Sample | None:
        """One file; None where it is gone or no regular file."""
        parent, _, name = path.rpartition("/")
        try:
            with self.presence.at("looking at a file of", root), directory(root, parent) as descriptor:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except OSError as error:
            if error.errno in GONE_ERRORS:
                return None
            raise
        return self._sample(root, status) if stat.S_ISREG(status.st_mode) else None

    def _sample(self, root: str, status: os.stat_result) -> Sample:
        return sample_of(status, fleeting=root in self._fleeting)

    def read(self, root: str, path: str, limit: int) -> tuple[bytes, Sample]:
        """All bytes through one descriptor, with what it showed; at most `limit` + 1 bytes are read."""
        with io.BytesIO() as whole:  # which grows in place, and gives its bytes away without a copy
            sample = self.copy(root, path, limit, whole.write)
            return whole.getvalue(), sample

    def copy(self, root: str, path: str, limit: int, take: Callable[[bytes], object]) -> Sample:
        """As `read`, with the bytes handed on piece by piece."""
        with self.presence.at("reading a file of", root), _file(root, path) as descriptor:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise SourceLostError("it is no regular file")
            seen = self._sample(root, before)
            taken = 0
            for piece in self.presence.pieces(descriptor, min(before.st_size, limit) + 1):
                take(piece)
                taken += len(piece)
            after = self._sample(root, os.fstat(descriptor))
        if after != seen or taken != min(after.size, limit + 1):
            raise SourceLostError("it changed while it was read")
        return after

    def digest(self, root: str, path: str) -> str:
        """The SHA-256 (hex) of a file too large to be read whole."""
        with self.presence.at("reading a file of", root), _file(root, path) as descriptor:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SourceLostError("it is no regular file")
            return sha256_of(self.presence.pieces(descriptor))

    def writer(self, root: str, path: str) -> Writer:
        """Asks for a read lease: it is refused while another process has the file open for writing."""
        try:
            with self.presence.at("looking at a file of", root), _file(root, path) as descriptor:
                # Whoever opens the file for writing meanwhile breaks the lease, and the kernel tells its holder with
                # SIGIO, which ends a process that does not expect it. SIGURG is passed over by default.
                fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
                fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
                fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError as error:
            # Refused to who does not own the file, and on file systems that know no leases.
            return Writer.AT_WORK if error.errno == errno.EAGAIN else Writer.UNKNOWN
        except SourceLostError:
            return Writer.UNKNOWN
        return Writer.DONE


def sample_of(status: os.stat_result, *, fleeting: bool = False) -> Sample:
    """What a look saw. `fleeting`: of what does not last on its file system, nothing."""
    if fleeting:
        return Sample(status.st_size, status.st_mtime_ns, 0, 0)
    return Sample(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@contextmanager
def directory(root: str, below: str) -> Iterator[int]:
    """A descriptor of a folder below a root, reached component by component without following a link."""
    descriptor = os.open(root, _DIRECTORY)
    try:
        for part in filter(None, below.split("/")):
            inner = os.open(part, _DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _file(root: str, path: str) -> Iterator[int]:
    parent, _, name = path.rpartition("/")
    try:
        with directory(root, parent) as folder:
            descriptor = os.open(name, FILE_FLAGS, dir_fd=folder)
    except OSError as error:
        if error.errno in GONE_ERRORS:
            raise SourceLostError("it is gone, or no longer a regular file") from error
        raise
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class _Scan:
    """One walk over a tree; everything in it is reached by its parent's descriptor."""

    def __init__(
        self, matcher: Matcher, known: Callable[[str], Mapping[str, int]], device: int, closed: Callable[[str], None],
        goes_on: Callable[[], None], *, fleeting: bool,
    ) -> None:  # fmt: skip
        """`closed` is told of a sub-folder that may not be entered; `fleeting`: inode and ctime do not last here."""
        self._goes_on = goes_on
        self._fleeting = fleeting
        self._closed = closed
        self._matcher = matcher
        self._known = known
        self._device = device

    def below(self, descriptor: int, folder: str, depth: int) -> Iterator[Listing]:
        """A folder that is open, and those under it."""
        inner: list[tuple[str, str]] = []
        yield self._listing(descriptor, folder, inner)
        if depth >= DEEPEST:
            return  # nobody sorts pictures that deep; a tree made to be endless ends here
        for path, name in inner:
            try:
                child = os.open(name, _DIRECTORY, dir_fd=descriptor)
            except OSError as error:
                if error.errno == errno.EACCES:
                    self._closed(path)
                elif error.errno not in GONE_ERRORS:
                    raise
                continue  # it went, or became something else, or is not ours to read: the next scan looks again
            try:
                if os.fstat(child).st_dev == self._device:  # what is mounted in a hot folder is not a part of it
                    yield from self.below(child, path, depth + 1)
            finally:
                os.close(child)

    def _batches(self, listed: Iterator[os.DirEntry[str]]) -> Iterator[list[os.DirEntry[str]]]:
        """The entries of a folder, which may be a million: before each batch it is said that the scan goes on."""
        batch: list[os.DirEntry[str]] | None = None
        while batch is None or batch:
            self._goes_on()
            batch = [*islice(listed, BATCH)]
            yield batch

    def _listing(self, descriptor: int, folder: str, inner: list[tuple[str, str]]) -> Listing:
        """One folder's files; its sub-folders go into `inner`. The known ones cost a stat each, and little besides."""
        prefix = f"{folder}/" if folder else ""
        known, matcher, fleeting = self._known(folder), self._matcher, self._fleeting
        other: set[str] = set()
        fresh: list[Found] = []
        unread: Counter[str] = Counter()
        entries = unchanged = 0
        recall = known.get
        with os.scandir(descriptor) as listed:
            for entry in chain.from_iterable(self._batches(listed)):
                entries += 1
                name = entry.name
                before = recall(name)
                if before is not None:
                    try:
                        seen = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue  # it went between the listing and the look
                    # As `core.known` has it; said here again, as a call for each of a million files would be felt.
                    size, modified = seen.st_size, seen.st_mtime_ns
                    mark = (size, modified, 0, 0) if fleeting else (size, modified, seen.st_ctime_ns, seen.st_ino)
                    if hash(mark) == before:
                        unchanged += 1
                        continue
                    other.add(name)
                if entry.is_dir(follow_symlinks=False):
                    if matcher.enters(prefix + name, name):
                        inner.append((prefix + name, name))
                elif matcher.takes(prefix + name, name):
                    fresh += _found(entry, prefix + name, fleeting=fleeting)
                elif (kind := matcher.unread(prefix + name, name)) is not None:
                    unread[kind] += 1
        if unchanged != len(known):
            known = _still_there(descriptor, known, other)
        return Listing(folder, known, fresh, entries == 0, unread)


def _still_there(descriptor: int, known: Mapping[str, int], other: set[str]) -> dict[str, int]:
    """What is left of those that were known. A second look at the names is dear, and rare."""
    names = set(os.listdir(descriptor))
    return {name: mark for name, mark in known.items() if name in names and name not in other}


def _found(entry: os.DirEntry[str], path: str, *, fleeting: bool) -> tuple[Found, ...]:
    """The file, if it is one, and still there."""
    try:
        seen = entry.stat(follow_symlinks=False)
    except OSError:
        return ()  # it went between the listing and the look
    return (Found(path, sample_of(seen, fleeting=fleeting)),) if stat.S_ISREG(seen.st_mode) else ()
