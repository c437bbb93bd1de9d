"""Pictures of jobs for a browser: small, made when they are asked for, and kept only while there is room.

Nothing is opened that the ledger does not know of: a number comes from the browser, and never a path.
"""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from watchd.adapters.filesystem.tree import FileTree
from watchd.adapters.pixels import decoding
from watchd.core.request import sendable
from watchd.errors import SourceLostError
from watchd.formats import containers
from watchd.formats.metadata.collecting import collect
from watchd.formats.picture import Broken, Picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.model import Job

SMALL, LARGE = 128, 1600
"""Pixels of the longer side."""
MOST_KEPT_BYTES = 32_000_000
"""Bytes of finished pictures."""
MOST_BYTES = 200_000_000
MOST_PIXELS = 60_000_000
"""Files beyond either are not shown: what a browser asks for must not take the daemon's memory."""


class Gallery:
    """Makes pictures one at a time; `root` answers where a hot folder lies (None: it is no longer configured).

    Threads: the page's few; what is kept is behind its lock, which is held while a picture is made.
    """

    def __init__(self, root: Callable[[str], str | None]) -> None:
        self._root = root
        self._tree = FileTree()
        self._one_at_a_time = threading.Lock()
        self._kept: OrderedDict[tuple[int, str, int], bytes] = OrderedDict()

    def show(self, job: Job, side: str, longest: int) -> bytes | None:
        """A JPEG of the original (`before`) or of the output (`after`); None: it cannot be shown."""
        key = (job.id, side, longest)
        with self._one_at_a_time:
            made = self._kept.get(key)
            if made is None:
                try:
                    data = self._before(job) if side == "before" else self._after(job)
                except (OSError, SourceLostError):
                    return None
                made = None if data is None else _small(data, longest)
                if made is None:
                    return None
                self._keep(key, made)
            self._kept.move_to_end(key)
            return made

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


def _small(data: bytes, longest: int) -> bytes | None:
    picture = containers.inspect(data)
    if not isinstance(picture, Picture) or sendable.objection(picture) is not None:
        return None
    if picture.width * picture.height > MOST_PIXELS:
        return None
    decoded = decoding.decode(data, picture, collect(data, picture.format))
    if isinstance(decoded, Broken):
        return None
    image = decoded.image
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if image.mode in {"LA", "RGBA"}:
        white = Image.new("RGB", image.size, "white")
        white.paste(image.convert("RGB"), mask=image.getchannel("A"))
        image = white
    target = io.BytesIO()
    image.save(target, "JPEG", quality=88)
    return target.getvalue()
