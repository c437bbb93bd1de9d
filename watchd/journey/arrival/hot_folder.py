"""Stage 1: a file is seen. Our own scan is what finds; events only say where to look."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from watchd.core.incoming.known import Known
from watchd.core.incoming.matching import Matcher, Ours
from watchd.errors import FolderOfflineError
from watchd.journey.arrival.making import Making

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from watchd.core.incoming.settling import Observation
    from watchd.interfaces import Clock, Tree
    from watchd.journey.arrival.hints import Marks
    from watchd.model import Folder, Place, Sample, Sighting, Steady


@dataclass(frozen=True, slots=True)
class Standing:
    """How a hot folder stands. `place`: where it was when it was last there; `reason`: why it is offline.

    `unread`: how many files look like pictures and are not read, by kind, as of the last scan of all of it.
    """

    online: bool
    place: Place | None
    reason: str | None
    unread: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Met:
    """What a scan met: the folders it entered, and the files that are new or other than they were."""

    folders: list[str] = field(default_factory=list)
    present: set[str] = field(default_factory=set)
    unread: Counter[str] = field(default_factory=Counter)


class HotFolder:
    """One hot folder as the intake knows it: what is a job already, and what is still in the making.

    Memory may skip files known to be unchanged; whether one is processed is decided by the ledger alone.

    Threads: the intake's owns it. Others read `folder`, `matcher` and `standing` (a frozen value that is replaced
    whole), and count what is in the `making`.
    """

    def __init__(
        self, folder: Folder, tree: Tree, clock: Clock, remembered: Iterable[Sighting],
        was: Place | None = None, has_work: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """`remembered`: what the ledger has of its paths, read by the first look; `has_work`: whether any of it waits.

        `was`: which folder it was at the end of an earlier run.
        """
        self.folder = folder
        self.matcher = Matcher(folder)
        self.standing = Standing(online=False, place=None, reason="not looked at yet")
        self._tree = tree
        self._clock = clock
        self._has_work = has_work
        self._accepted = was
        self.making = Making()
        self._known = Known()
        self._remembered: Iterable[Sighting] = remembered

    def _remember(self) -> None:
        """Once, and not at the making: a start does not wait until the paths of years are read."""
        remembered, self._remembered = self._remembered, ()
        for seen in remembered:
            if seen.job is None and not seen.own:
                self.making.remember(seen.path, seen.reason or "")
            else:
                self._known.add(seen.path, seen.sample)

    # The folder itself

    def look(self, marks: Marks, *, everything: bool) -> Place | None:
        """Bring what is in the making up to date with the disk, as far as the marks say or all of it.

        Goes offline, never raises. Answers where the folder is, if that is another place than it was.
        """
        self._remember()
        for path in marks.lost:
            self._known.drop(path)
        try:
            self._arrive()
            if everything or marks.everything or not self.standing.online:
                self._scan_all(marks)
            else:
                self._look_at_marks(marks)
        except FolderOfflineError as error:
            self.standing = replace(self.standing, online=False, reason=str(error))
            return None
        self.standing = replace(self.standing, online=True, reason=None)
        if self._accepted == self.standing.place:
            return None
        self._accepted = self.standing.place
        return self._accepted

    def accept_as_it_is(self) -> None:
        """The owner says that the folder is right as it is, though it is empty."""
        self._has_work = lambda: False

    def has_moved(self) -> bool:
        """Whether the folder is no longer what it was at the last look: gone, replaced, mounted, unmounted."""
        try:
            return self._tree.locate(self.folder.path, self.folder.mount_marker) != self.standing.place
        except FolderOfflineError:
            return self.standing.online

    @property
    def root(self) -> str:
        """The real path of the folder, as of the last look."""
        return self.folder.path if self.standing.place is None else self.standing.place.root

    def _arrive(self) -> None:
        """Make sure that this is the folder it was: an empty mount point must not look like "all deleted"."""
        place, was = self._tree.locate(self.folder.path, self.folder.mount_marker), self.standing.place
        if was is not None and not f"{place.mount}/".startswith(f"{was.mount.rstrip('/')}/"):
            # What was mounted here is gone. A mount that came, further down, is what a late NAS looks like.
            raise FolderOfflineError(
                f"{self.folder.path} is on the file system at {place.mount} now and was on the one at"
                f" {was.mount}: unmounted? If it was moved on purpose, `watchd reload`"
            )
        self.standing = replace(self.standing, place=place)

    # Looking

    def _scan_all(self, marks: Marks) -> None:
        """The reconcile scan; what is not there any more is forgotten here, what it became stays in the ledger."""
        met = self._meet("", marks)
        self.standing = replace(self.standing, unread=met.unread)
        self._known.keep_folders(met.folders)
        self.making.keep(met.present)

    def _look_at_marks(self, marks: Marks) -> None:
        for path, proven in marks.files.items():
            if self.matcher.is_marker(path.rpartition("/")[2]):
                self.making.judge_unmarked(self._clock.steady())
            elif isinstance(self.matcher.verdict(path), Ours):
                self.look_at_file(path, proven=proven)
        for path in marks.lost:
            self.look_at_file(path, proven=False)
        for below in marks.folders:
            if self.matcher.reaches(below):
                self._meet(below, marks)

    def _meet(self, below: str, marks: Marks) -> _Met:
        now = self._clock.steady()
        met = _Met()
        for listing in self._tree.scan(self.root, below, self.matcher, self._known.within):
            is_elsewhere = self.standing.place != self._accepted
            if listing.empty and listing.folder == "" and is_elsewhere and self._has_work():
                raise FolderOfflineError(
                    f"{self.folder.path} is empty, and files of it wait: is its share not mounted? Any file in it says"
                    " that it is; if they were taken away on purpose, `watchd reload`"
                )
            met.folders.append(listing.folder)
            met.unread.update(listing.unread)
            for found in listing.fresh:
                met.present.add(found.path)
                self._observe(found.path, found.sample, now, proven=marks.files.get(found.path, False))
            self._known.keep(listing.folder, listing.unchanged)
        return met

    def look_at_file(self, path: str, *, proven: bool) -> None:
        """Look at one file again."""
        try:
            sample = self._tree.look(self.root, path)
        except OSError:
            return  # nothing can be said of it at present; the next look may
        if sample is None:
            if not self.has_moved():  # else it is the folder that went, and its files are not gone
                self.making.vanished(path)
        elif not self._known.holds(path, sample):
            self._observe(path, sample, self._clock.steady(), proven=proven)

    def _observe(self, path: str, sample: Sample, now: Steady, *, proven: bool) -> None:
        self.making.observe(path, sample, now, proven=proven, is_change=path in self._known)

    # Judging

    def due(self, now: Steady) -> Iterator[tuple[str, Observation]]:
        """Files that are to be judged now, with what is known of them."""
        for path, in_silence in self.making.due(now).items():
            if in_silence:
                self.look_at_file(path, proven=False)  # its time came without a hint: it may have changed
            observation = self.making.observation(path)
            if observation is not None:
                yield path, observation

    def admitted(self, path: str, sample: Sample) -> None:
        """It is in the ledger as a job now: until it changes there is nothing more to see."""
        self._known.add(path, sample)
        self.making.admitted(path)

    def pending(self, now: Steady) -> bool:
        """Whether a file may still become a job by waiting alone."""
        return self.making.pending(now, self.folder.settle)

    def size(self) -> tuple[int, int]:
        """Files known, and files in the making."""
        return len(self._known), len(self.making)
