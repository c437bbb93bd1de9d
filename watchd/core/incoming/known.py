"""What a hot folder held at the last look, in little room: a million files are a few numbers and names.

A file whose fingerprint is the same is passed over by the next look. Two samples may share a fingerprint by chance,
once in 2^60 or so; what would be overlooked then is a change, never a file, and nothing is paid by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from watchd.model import Sample

NOTHING: Mapping[str, int] = {}


def fingerprint(size: int, mtime_ns: int, ctime_ns: int, inode: int) -> int:
    """One number for what a look saw of a file."""
    return hash((size, mtime_ns, ctime_ns, inode))


def of_sample(sample: Sample) -> int:
    """The same of a Sample."""
    return fingerprint(sample.size, sample.mtime_ns, sample.ctime_ns, sample.inode)


class Known:
    """Sub-folder → name → fingerprint; paths are relative to the hot folder."""

    __slots__ = ("_folders",)

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, int]] = {}

    def __len__(self) -> int:
        return sum(len(names) for names in self._folders.values())

    def __contains__(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        return name in self._folders.get(folder, NOTHING)

    def within(self, folder: str) -> Mapping[str, int]:
        """Name → fingerprint of one sub-folder; "" is the hot folder itself."""
        return self._folders.get(folder, NOTHING)

    def holds(self, path: str, sample: Sample) -> bool:
        """Whether the file is known as it is now."""
        folder, _, name = path.rpartition("/")
        return self._folders.get(folder, NOTHING).get(name) == of_sample(sample)

    def add(self, path: str, sample: Sample) -> None:
        """From now on the file is known as it is now."""
        folder, _, name = path.rpartition("/")
        self._folders.setdefault(folder, {})[name] = of_sample(sample)

    def drop(self, path: str) -> None:
        """The file is looked at anew."""
        folder, _, name = path.rpartition("/")
        names = self._folders.get(folder)
        if names is not None:
            names.pop(name, None)

    def keep(self, folder: str, names: Mapping[str, int]) -> None:
        """Of one sub-folder only these are left."""
        held = self._folders.get(folder, NOTHING)
        if len(held) != len(names):  # they are among those held, so as many are the same
            self._folders[folder] = dict(names)

    def keep_folders(self, folders: Iterable[str]) -> None:
        """Of the sub-folders only these are left."""
        gone = self._folders.keys() - set(folders)
        for folder in gone:
            del self._folders[folder]
