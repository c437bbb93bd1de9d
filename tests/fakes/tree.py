"""A hot folder in memory: its device, its files and the moments at which they change belong to the test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from watchd.core.incoming.known import of_sample
from watchd.errors import FolderOfflineError, SourceLostError
from watchd.model import Found, Listing, Place, Sample, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from watchd.core.incoming.matching import Matcher


@dataclass(frozen=True, slots=True)
class Stored:
    """One file."""

    data: bytes
    sample: Sample


@dataclass
class FakeTree:
    """Implements `interfaces.Tree` for any number of folders, each known by its path."""

    files: dict[str, dict[str, Stored]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    while_reading: Callable[[], None] | None = None
    writing: Writer = Writer.UNKNOWN
    reads: int = 0
    _made: int = 0

    def make(self, root: str, mount: str = "/") -> None:
        """A folder, empty at first; made anew it is another folder than before."""
        self._made += 1
        self.files[root] = {}
        self.places[root] = Place(root, hash(mount), self._made, mount)

    def put(self, root: str, path: str, data: bytes, *, mtime: float = 1_000_000_000.0) -> Sample:
        """Write a file; every write is a new inode, and never the same sample again."""
        self._made += 1
        sample = Sample(len(data), int(mtime * 1e9), self._made, self._made)
        self.files[root][path] = Stored(data, sample)
        return sample

    def drop(self, root: str, path: str) -> None:
        """Delete a file."""
        del self.files[root][path]

    def unmount(self, root: str) -> tuple[Place, dict[str, Stored]]:
        """The folder is no longer there; answers what `mount` needs to bring it back."""
        return self.places.pop(root), self.files.pop(root)

    def mount(self, root: str, was: tuple[Place, dict[str, Stored]]) -> None:
        """The folder is back with the very files it had."""
        self.places[root], self.files[root] = was

    def locate(self, path: str, mount_marker: str | None) -> Place:
        """The path is its own real path."""
        if path not in self.places:
            raise FolderOfflineError(f"{path} is not there")
        if mount_marker is not None and mount_marker not in self.files[path]:
            raise FolderOfflineError(f"{path} has no {mount_marker}: it is not mounted")
        return self.places[path]

    def scan(
        self, root: str, below: str, matcher: Matcher, known: Callable[[str], Mapping[str, int]]
    ) -> Iterator[Listing]:
        """Every folder with its files of ours."""
        if root not in self.files:
            raise FolderOfflineError(f"{root} cannot be read")
        prefix = f"{below}/" if below else ""
        paths = [path for path in self.files[root] if path.startswith(prefix) and self._entered(path, matcher)]
        for folder in sorted({below, *(path.rpartition("/")[0] for path in paths)}):
            inside = [path for path in paths if path.rpartition("/")[0] == folder]
            yield self._listing(root, folder, [path for path in inside if path in self.files[root]], matcher, known)

    def _listing(
        self, root: str, folder: str, paths: list[str], matcher: Matcher, known: Callable[[str], Mapping[str, int]]
    ) -> Listing:
        unchanged, fresh = {}, []
        for path in paths:
            name, sample = path.split("/")[-1], self.files[root][path].sample
            if known(folder).get(name) == of_sample(sample):
                unchanged[name] = of_sample(sample)
            elif matcher.takes(path, name):
                fresh.append(Found(path, sample))
        return Listing(folder, unchanged, fresh, empty=not (paths or (folder == "" and self.files[root])))

    @staticmethod
    def _entered(path: str, matcher: Matcher) -> bool:
        parts = path.split("/")
        return all(matcher.enters("/".join(parts[:depth]), parts[depth - 1]) for depth in range(1, len(parts)))

    def look(self, root: str, path: str) -> Sample | None:
        """One file."""
        stored = self.files.get(root, {}).get(path)
        return stored.sample if stored else None

    def read(self, root: str, path: str, limit: int) -> tuple[bytes, Sample]:
        """All bytes; `while_reading` happens once, between the two looks at the file."""
        self.reads += 1
        if path in self.unreadable:
            raise PermissionError(13, "Permission denied", path)
        before = self._stored(root, path)
        if self.while_reading is not None:
            happening, self.while_reading = self.while_reading, None
            happening()
        if self.look(root, path) != before.sample:
            raise SourceLostError("it changed while it was read")
        return before.data[: limit + 1], before.sample

    def copy(self, root: str, path: str, limit: int, take: Callable[[bytes], object]) -> Sample:
        """As `read`, all in one piece."""
        data, sample = self.read(root, path, limit)
        take(data)
        return sample

    def digest(self, root: str, path: str) -> str:
        """Of all bytes."""
        return hashlib.sha256(self._stored(root, path).data).hexdigest()

    def _stored(self, root: str, path: str) -> Stored:
        stored = self.files.get(root, {}).get(path)
        if stored is None:
            raise SourceLostError("it is gone, or no longer a regular file")
        return stored

    def writer(self, root: str, path: str) -> Writer:
        """As the test says."""
        return self.writing if self.look(root, path) is not None else Writer.UNKNOWN
