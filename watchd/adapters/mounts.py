"""What kind of file system a path lies on: some give no events, and on some a ledger would not be safe."""

from __future__ import annotations

import re
from pathlib import Path

_NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "gfs2", "ocfs2", "9p",
    "virtiofs", "vboxsf", "prl_fs", "davfs", "beegfs", "orangefs", "gpfs",
})  # fmt: skip
_OCTAL = re.compile(rb"\\([0-7]{3})")
MOUNTS = Path("/proc/self/mountinfo")


def type_of(path: str) -> str:
    """The type of the file system that `path` is or would be on, as in mountinfo; "unknown" where it cannot be read."""
    return _mount(path)[1]


def mount_point_of(path: str) -> str:
    """Where the file system that `path` lies on is mounted."""
    return _mount(path)[0]


def _mount(path: str) -> tuple[str, str]:
    """(mount point, type) of the mount that serves `path`."""
    real = _existing(Path(path)).resolve()
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return "/", "unknown"
    best, found = -1, ("/", "unknown")
    for line in lines:
        before, _, after = line.partition(b" - ")
        point = _OCTAL.sub(lambda octal: bytes([int(octal.group(1), 8)]), before.split()[4])
        mount = Path(point.decode("utf-8", "surrogateescape"))
        # Of two mounts on the same point the later one lies on top.
        if real.is_relative_to(mount) and len(mount.parts) >= best:
            best, found = len(mount.parts), (str(mount), after.split(maxsplit=1)[0].decode("ascii", "replace"))
    return found


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def gives_no_events(file_system: str) -> bool:
    """Whether changes made by other machines, or behind FUSE, go unannounced on this type."""
    return file_system in _NETWORK or file_system.split(".", maxsplit=1)[0] in {"fuse", "fuseblk"}


def is_on_network(file_system: str) -> bool:
    """Whether other machines may write there too: locks and the write-ahead log cannot be trusted on it."""
    return file_system in _NETWORK or file_system in {"fuse.sshfs", "fuse.glusterfs", "fuse.cephfs", "fuse.s3fs",
                                                      "fuse.rclone"}  # fmt: skip
