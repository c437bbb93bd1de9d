"""A disk that the power can be cut from: a file system in a file, and what that file held at one moment.

The file lies on Btrfs and is cut by a reflink, which is all that the kernel had handed to the disk by then, in its
order; what was in memory alone is not in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

DISK_BYTES = 384 << 20
"""XFS takes no less than 300 MB."""
FRAME_BYTES = 3 << 30
MAKERS = {
    "ext4": ("mkfs.ext4", "-q", "-E", "nodiscard"),
    "xfs": ("mkfs.xfs", "-q", "-K"),
    "btrfs": ("mkfs.btrfs", "-q", "-K"),
}
OPTIONS = {"ext4": "loop", "xfs": "loop,nouuid", "btrfs": "loop"}


def done_by(*command: str) -> str | None:
    """What a command of the system's complains of; None: it has done it."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return None if done.returncode == 0 else (done.stderr + done.stdout).strip() or f"{command[0]} failed"


@contextmanager
def mounted(image: Path, point: Path, options: str = "loop") -> Iterator[Path]:
    """A file system in a file, until it is left. Raises OSError where it cannot be mounted."""
    point.mkdir(mode=0o700, exist_ok=True)
    trouble = done_by("mount", "-o", options, str(image), str(point))
    if trouble is not None:
        raise OSError(trouble)
    try:
        point.chmod(0o700)
        yield point
    finally:
        if done_by("umount", str(point)) is not None:
            done_by("umount", "--lazy", str(point))  # a process that a failing test has left works there still


class Disk:
    """A file system that may be mounted as it is, or as it was at a moment when the power went."""

    def __init__(self, folder: Path, kind: str) -> None:
        """`folder`: on Btrfs."""
        self._kind = kind
        self._image = folder / "disk"
        make(self._image, DISK_BYTES, *MAKERS[kind])

    def mounted_at(self, point: Path, cut: Path | None = None) -> AbstractContextManager[Path]:
        """As it is now, or as it was at a cut."""
        return mounted(cut or self._image, point, OPTIONS[self._kind])

    def cut(self, name: str) -> Path:
        """What the disk holds at this moment."""
        kept = self._image.with_name(name)
        assert done_by("cp", "--reflink=always", str(self._image), str(kept)) is None
        return kept


@contextmanager
def frame(place: Path) -> Iterator[Path]:
    """A folder on a Btrfs of its own, where disks can be. Raises OSError where there can be none."""
    image = place / "frame"
    make(image, FRAME_BYTES, *MAKERS["btrfs"])
    with mounted(image, place / "disks") as folder:
        yield folder


def why_not(kind: str) -> str | None:
    """Why no such disk can be had here; None: it can."""
    if os.geteuid() != 0:
        return "a file system is mounted by root alone"
    missing = [program for program in (MAKERS["btrfs"][0], MAKERS[kind][0]) if shutil.which(program) is None]
    return f"{missing[0]} is not installed" if missing else None


def make(image: Path, size: int, *maker: str) -> None:
    """A file system in a new file. Raises OSError where it cannot be made."""
    image.touch()
    os.truncate(image, size)
    trouble = done_by(*maker, str(image))
    if trouble is not None:
        raise OSError(trouble)
