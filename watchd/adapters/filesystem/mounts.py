"""What kind of file system a path lies on: some give no events, and on some a ledger would not be safe."""

from __future__ import annotations

import os
import re
import select
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_LOCAL = frozenset({
    "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "jfs", "reiserfs", "nilfs2", "bcachefs", "tmpfs", "ramfs",
    "overlay", "vfat", "msdos", "exfat", "ntfs", "ntfs3", "hfs", "hfsplus", "apfs", "ecryptfs", "rootfs", "ubifs",
    "udf", "iso9660", "squashfs", "erofs",
})  # fmt: skip
"""Types on which whatever changes a file does so through this kernel, which tells of it."""
_NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "gfs2", "ocfs2", "9p",
    "virtiofs", "vboxsf", "prl_fs", "davfs", "beegfs", "orangefs", "gpfs",
})  # fmt: skip
_NUMBERED_ANEW = frozenset({"vfat", "msdos", "exfat", "vboxsf", "prl_fs", "9p"})
"""Types that number files anew at each mount, or each time they are looked for, as FUSE does."""
_OCTAL = re.compile(rb"\\([0-7]{3})")
MOUNTS = Path("/proc/self/mountinfo")
FSTAB = Path("/etc/fstab")


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a file system is mounted, its type as in mountinfo, and its own options."""

    point: str = "/"
    kind: str = "unknown"
    options: frozenset[str] = frozenset()

    def keeps_numbers(self) -> bool:
        """Whether a file has the same inode and ctime from one mount to the next, and from one look to the next.

        Not behind FUSE (sshfs, mergerfs, Unraid's user shares), nor where CIFS was told not to ask the server.
        """
        if self.kind.startswith("fuse") and self.kind != "fuseblk":
            return False
        return self.kind not in _NUMBERED_ANEW and "noserverino" not in self.options


def type_of(path: str) -> str:
    """The type of the file system that `path` is or would be on, as in mountinfo; "unknown" where it cannot be read."""
    return mount_of(path).kind


def mount_point_of(path: str) -> str:
    """Where the file system that `path` lies on is mounted."""
    return mount_of(path).point


def mount_of(path: str) -> Mount:
    """The mount that serves `path`; that of the root, of unknown type, where the list cannot be read."""
    real = _existing(Path(path)).resolve()
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return Mount()
    best, found = -1, Mount()
    for line in lines:
        mount, after = _point_of(line), line.partition(b" - ")[2]
        # Of two mounts on the same point the later one lies on top.
        if real.is_relative_to(mount) and len(mount.parts) >= best:
            kind, *_, options = after.decode("ascii", "replace").split()
            best, found = len(mount.parts), Mount(str(mount), kind, frozenset(options.split(",")))
    return found


def bare_point(path: str, mount: str) -> str | None:
    """A mount point on the way to `path`, below `mount` which serves it, that fstab names and nothing is mounted at."""
    try:
        lines = FSTAB.read_bytes().splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if len(fields) < 2 or fields[0].startswith(b"#"):  # noqa: PLR2004 -- what, where
            continue
        point = _named(fields[1])
        if point.is_absolute() and Path(path).is_relative_to(point) and len(point.parts) > len(Path(mount).parts):
            return str(point)
    return None


def _point_of(line: bytes) -> Path:
    """Where the mount of a line of mountinfo is; spaces and their like are written in octal there."""
    return _named(line.split()[4])


def _named(field: bytes) -> Path:
    point = _OCTAL.sub(lambda octal: bytes([int(octal.group(1), 8)]), field)
    return Path(point.decode("utf-8", "surrogateescape"))


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def gives_no_events(file_system: str) -> bool:
    """Whether changes may go unannounced on this type: made by other machines, behind FUSE, or who knows where."""
    return file_system not in _LOCAL


def is_on_network(file_system: str) -> bool:
    """Whether other machines may write there too: locks and the write-ahead log cannot be trusted on it."""
    return file_system in _NETWORK or file_system in {"fuse.sshfs", "fuse.glusterfs", "fuse.cephfs", "fuse.s3fs",
                                                      "fuse.rclone"}  # fmt: skip


def around(roots: Collection[str]) -> frozenset[bytes]:
    """The kernel's lines of the mounts that lie on the way to these folders, or within them."""
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return frozenset()
    found = set()
    for line in lines:
        point = _point_of(line)
        if any(Path(root).is_relative_to(point) or point.is_relative_to(root) for root in roots):
            found.add(line)
    return frozenset(found)


class MountWatch:
    """A thread that sleeps until something is mounted or unmounted anywhere, and then says so.

    Threads: its own runs `_run` and owns the kernel's list; whoever made it starts and stops it.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` is told from that thread. Raises OSError where the kernel keeps no such list."""
        self._changed = changed
        self._list = os.open(MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
        self._ended, self._end = os.pipe()
        self._thread = threading.Thread(target=self._run, name="mounts", daemon=True)

    def start(self) -> None:
        """Listen from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if it was started."""
        os.close(self._end)
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._ended)
        os.close(self._list)

    def is_alive(self) -> bool:
        """Whether it still listens."""
        return self._thread.is_alive()

    def _run(self) -> None:
        poller = select.poll()
        poller.register(self._list, select.POLLPRI | select.POLLERR)
        poller.register(self._ended, select.POLLIN | select.POLLHUP)
        while True:
            ready = dict(poller.poll())
            if self._ended in ready:
                return
            os.lseek(self._list, 0, os.SEEK_SET)  # asking anew is what re-arms the signal
            os.read(self._list, 1)
            self._changed()
