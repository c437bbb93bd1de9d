"""The machine's limits: does the kernel have a watch for each folder below those that are watched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.filesystem import mounts
from watchd.adapters.filesystem.tree import FileTree
from watchd.core.incoming.matching import Matcher
from watchd.errors import FolderOfflineError
from watchd.inspection.finding import Finding, warning, well

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.model import Folder, Settings

INOTIFY = Path("/proc/sys/fs/inotify")
_SHARE = 0.9
"""How much of the limit may be ours; other programs of the same user have watches too."""


def watches(settings: Settings) -> Iterator[Finding]:
    """One watch is needed for each folder that is entered; where none is left a folder is scanned instead."""
    watched = [folder for folder in settings.folders if _is_watched(folder)]
    if not watched:
        return
    try:
        allowed = int((INOTIFY / "max_user_watches").read_text())
        instances = int((INOTIFY / "max_user_instances").read_text())
    except (OSError, ValueError):
        yield well("watches", "the kernel's limits cannot be read here; a folder without a watch is scanned")
        return
    needed = sum(_folders_below(folder) for folder in watched)
    text = f"{needed:,} folders to be watched, {allowed:,} watches and {instances:,} instances allowed for a user"
    if needed < allowed * _SHARE and instances > 1:
        yield well("watches", text)
        return
    wanted = max(2 * needed, 1_048_576)
    yield warning(
        "watches", f"{text}: what is beyond is scanned every `poll_every` instead",
        f"sysctl fs.inotify.max_user_watches={wanted} fs.inotify.max_user_instances=512, and for good in"
        " /etc/sysctl.d as systemd/60-watchd.conf does",
    )  # fmt: skip


def _is_watched(folder: Folder) -> bool:
    if folder.watch == "poll" or not Path(folder.path).is_dir():
        return False
    return folder.watch == "events" or not mounts.gives_no_events(mounts.type_of(folder.path))


def _folders_below(folder: Folder) -> int:
    """How many are entered, the folder itself included, as far as they can be read."""
    tree = FileTree()
    try:
        place = tree.locate(folder.path, folder.mount_marker)
        return sum(1 for _ in tree.scan(place.root, "", Matcher(folder), lambda _: {}))
    except FolderOfflineError:
        return 1  # what keeps it from being read is told with the folder
