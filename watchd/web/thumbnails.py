"""Pictures of jobs for a browser: small, made when they are asked for, and kept only while there is room.

Nothing is opened that the ledger does not know of: a number comes from the browser, and never a path.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections import OrderedDict, defaultdict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.filesystem.tree import FileTree
from watchd.core.request import sendable
from watchd.errors import SourceLostError
from watchd.formats import reading
from watchd.formats.picture import Broken
from watchd.formats.reading import Original

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.interfaces import Studio
    from watchd.model import Job

SMALL, LARGE = 128, 1600
"""Pixels of the longer side."""
MOST_KEPT_BYTES = 32_000_000
"""Bytes of finished pictures."""
PATIENCE_S = 3.0
"""Longest wait for a file of a share; after that nothing of its folder is shown until the share answers."""
MOST_BYTES = 200_000_000
MOST_PIXELS = 60_000_000
"""Files beyond either are not shown: what a browser asks for must not take the daemon's memory."""


class Gallery:
    """Makes pictures one at a time; `root` answers where a hot folder lies (None: it is no longer configured).

    Threads: the page's few; what is kept is behind its lock, which is held while a picture is made, and not while a
    file is read. That is done by a thread of its own for each, which a share that hangs may keep.
    """

    def __init__(self, root: Callable[[str], str | None], studio: Studio) -> None:
        self._studio = studio
        self._root = root
        self._tree = FileTree()
        self._one_at_a_time = threading.Lock()
        self._kept: OrderedDict[tuple[int, str, int], bytes] = OrderedDict()
        self._reading: dict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)
        self._silent: set[tuple[str, str]] = set()

    def show(self, job: Job, side: str, longest: int) -> bytes | None:
        """A JPEG of the original (`before`) or of the output (`after`); None: it cannot be shown."""
        key = (job.id, side, longest)
        with self._one_at_a_time:
            made = self._kept.get(key)
            if made is not None:
                self._kept.move_to_end(key)
                return made
        data = self._read_in_time(job, side)
        if data is None:
            return None
        with self._one_at_a_time:
            made = _small(self._studio, data, longest)
            if made is not None:
                self._keep(key, made)
            return made

    def _read_in_time(self, job: Job, side: str) -> bytes | None:
        """The file's bytes; None where there are none, or they do not come."""
        share = job.folder, side
        alone = self._reading[share]
        # Whoever is kept waiting once keeps nobody else: the page's threads are few.
        if not alone.acquire(timeout=0.0 if share in self._silent else PATIENCE_S):
            self._silent.add(share)
            return None
        self._silent.discard(share)
        found: list[bytes | None] = []

        def read() -> None:
            try:
                with suppress(OSError, SourceLostError):
                    found.append(self._before(job) if side == "before" else self._after(job))
            finally:
                alone.release()

        thread = threading.Thread(target=read, name="picture", daemon=True)
        thread.start()
        thread.join(PATIENCE_S)
        return found[0] if found else None

    def _keep(self, key: tuple[int, str, int], made: bytes) -> None:
        self._kept[key] = made
        while sum(map(len, self._kept.values())) > MOST_KEPT_BYTES:
            self._kept.popitem(last=False)

    def _before(self, job: Job) -> bytes | None:
        if job.moved is not None:
            return _read(Path(job.moved))
        root = self._root(job.folder)
        if root is None:
            return None
        data, sample = self._tree.read(os.path.realpath(root), job.path, MOST_BYTES)
        return data if sample.size <= MOST_BYTES else None

    @staticmethod
    def _after(job: Job) -> bytes | None:
        return None if job.output is None else _read(Path(job.output))


def _read(path: Path) -> bytes | None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read() if os.fstat(descriptor).st_size <= MOST_BYTES else None


def _small(studio: Studio, data: bytes, longest: int) -> bytes | None:
    original = reading.read(data)
    if not isinstance(original, Original) or sendable.objection(original.picture) is not None:
        return None
    if original.picture.width * original.picture.height > MOST_PIXELS:
        return None
    with tempfile.TemporaryFile() as target:
        if isinstance(studio.preview(data, original, longest, target, quality=88, on_white=True), Broken):
            return None
        target.seek(0)
        return target.read()
