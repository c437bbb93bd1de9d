"""Is this path ours, or why not: the folder's own patterns and the junk that a NAS, a system or a browser leaves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

from wcmatch import fnmatch, glob

from watchd.core.incoming import unread

if TYPE_CHECKING:
    from watchd.model import Folder

JUNK = (
    "@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", ".snapshot", "lost+found", ".DS_Store", "._*",
    ".AppleDouble", ".Spotlight-V100", ".Trash*", "Thumbs.db", "desktop.ini", ".stfolder", ".stversions",
    ".syncthing.*", "~syncthing~*", "*.part", "*.partial", "*.crdownload", "*.download", "*.tmp", "*.filepart", "*~",
    ".~lock.*", "~$*", "__MACOSX", ".fuse_hidden*", ".nfs*", ".goutputstream-*", ".smbdelete*",
    # Windows, at the root of a disk or a share: recycle bins of every age, and what its services keep
    "$RECYCLE.BIN", "RECYCLER", "RECYCLED", "System Volume Information", "$Extend", "$WINDOWS.~*", "FOUND.[0-9]*",
    "ehthumbs*.db", "WindowsImageBackup",
    # macOS and AFP on volumes that are not its own
    "Network Trash Folder", "Temporary Items", "TheVolumeSettingsFolder", "TheFindByContentFolder", "Icon\r",
    # Synology, QNAP, Samba, NetApp: their own folders, streams kept as files, and earlier states of a share
    "@tmp", "@sharebin", "@sharesnap", "@Transcode", "*@SynoEAStream", "*@SynoResource", "@GMT-*", "~snapshot",
)  # fmt: skip
"""Names, of files or folders, that are never pictures someone dropped. Every hidden name is junk besides."""

_NAME_FLAGS = fnmatch.IGNORECASE | fnmatch.DOTMATCH
_PATH_FLAGS = glob.IGNORECASE | glob.DOTMATCH | glob.GLOBSTAR


@dataclass(frozen=True, slots=True)
class Ours:
    """The path is a picture of this folder."""


@dataclass(frozen=True, slots=True)
class NotOurs:
    """The path is left alone, and why."""

    reason: str


class _Patterns:
    """A list of patterns: those with a slash see the path below the folder, the others the name alone."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        names = [pattern for pattern in patterns if "/" not in pattern]
        paths = [pattern.lstrip("/") for pattern in patterns if "/" in pattern]
        self._names: Any = fnmatch.compile(names, flags=_NAME_FLAGS) if names else None
        self._paths: Any = glob.compile(paths, flags=_PATH_FLAGS) if paths else None

    def match(self, path: str, name: str) -> bool:
        if self._names is not None and self._names.match(name):
            return True
        return self._paths is not None and bool(self._paths.match(path))


_JUNK = _Patterns(JUNK)


def is_junk(name: str) -> bool:
    """Whether a file or folder of that name is never looked at, and a folder never entered."""
    return name.startswith(".") or _JUNK.match(name, name)


class Matcher:
    """The patterns of one folder, compiled once; it answers for one path below the folder at a time."""

    def __init__(self, folder: Folder) -> None:
        self._include = _Patterns(folder.include)
        self._exclude = _Patterns(folder.exclude)
        self._recursive = folder.recursive
        self._marker = None if folder.marker is None else _marker_names(folder.marker)

    def enters(self, path: str, name: str) -> bool:
        """Whether a sub-folder is looked into. `path` is relative to the folder, `name` its last part."""
        return self._recursive and not is_junk(name) and not self._exclude.match(path, name)

    def reaches(self, path: str) -> bool:
        """Whether a sub-folder anywhere below the folder is looked into: every folder on the way to it is entered."""
        parts = path.split("/")
        return all(self.enters("/".join(parts[: depth + 1]), part) for depth, part in enumerate(parts))

    def takes(self, path: str, name: str) -> bool:
        """Whether a file in an entered folder is ours: the quick form of `verdict` for a scan."""
        return (
            self._include.match(path, name)
            and not is_junk(name)
            and not self._exclude.match(path, name)
            and not self.is_marker(name)
        )

    def unread(self, path: str, name: str) -> str | None:
        """The kind of a file that is not ours and looks like a picture; None: it does not, or is to be left alone."""
        kind = unread.kind_of(name)
        if kind is None or is_junk(name) or self._exclude.match(path, name):
            return None
        return kind

    def is_marker(self, name: str) -> bool:
        """Whether a file of that name says that a picture is finished."""
        return self._marker is not None and self._marker.fullmatch(name) is not None

    def verdict(self, path: str) -> Ours | NotOurs:
        """Whether a file anywhere below the folder is ours, with the reason a person needs if it is not."""
        parts = path.split("/")
        if len(parts) > 1 and not self._recursive:
            return NotOurs("it lies in a sub-folder and this folder has `recursive: false`")
        for depth, part in enumerate(parts, 1):
            if is_junk(part):
                return NotOurs(f"{part!r} is hidden or on the built-in list of system and partial-download junk")
            if self._exclude.match("/".join(parts[:depth]), part):
                return NotOurs(f"{part!r} matches this folder's `exclude`")
        if self.is_marker(parts[-1]):
            return NotOurs("it is a marker, which says that a picture is finished")
        if not self._include.match(path, parts[-1]):
            return NotOurs(self._why_not_included(path, parts[-1]))
        return Ours()

    def _why_not_included(self, path: str, name: str) -> str:
        kind = self.unread(path, name)
        if kind is None:
            return "its name matches none of this folder's `include` patterns"
        return f"by its name it is a {kind} file, which is not read: export it as JPEG, PNG or TIFF"


def marker_of(template: str, path: str) -> str:
    """The path of the file that says that the picture at `path` is finished."""
    folder, slash, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return folder + slash + template.replace("{name}", name).replace("{stem}", stem)


def _marker_names(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(?:name|stem)\}", template)
    return re.compile("(?s:.+)".join(re.escape(part) for part in parts))


def why_not(verdict: Ours | NotOurs) -> str | None:
    """The reason of a refusal, None where there is none."""
    match verdict:
        case Ours():
            return None
        case NotOurs(reason):
            return reason
        case _:
            assert_never(verdict)
