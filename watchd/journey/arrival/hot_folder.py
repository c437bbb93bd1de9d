"""Stage 1: a file is seen. Events are hints that say where to look; our own scan is what finds.

The kernel's queue overflows in floods, network file systems send nothing, watchers go deaf without a word: so an event
only marks a path or a folder, and every so often the whole folder is looked at anyway.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from watchd.core.incoming import settling
from watchd.core.incoming.known import Known
from watchd.core.incoming.matching import Matcher, Ours
from watchd.errors import FolderOfflineError
from watchd.model import DelayKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from watchd.core.incoming.settling import Observation
    from watchd.interfaces import Clock, Tree
    from watchd.model import Delay, Folder, Place, Sample, Sighting


@dataclass(slots=True)
class Marks:
    """What was hinted at in one folder since the last look. `files`: path → its writer is proven to be done."""

    files: dict[str, bool] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Hinted:
    """All that was hinted at since the last look: marks by folder; `visit`: the folders themselves may be others."""

    marks: dict[str, Marks]
    visit: bool

    def of(self, folder: str) -> Marks:
        """The marks of one folder."""
        return self.marks.get(folder, Marks())


class Hints:
    """Collects marks; one thread waits for them and takes them all at once.

    It grows by distinct paths, not by events, so a storm of events on a few files stays small.

    Threads: any may hint; the intake's alone takes. All of it is behind one condition, and taking it empties it, so
    that what is hinted at during a look is there for the next.
    """

    def __init__(self) -> None:
        self._marks: dict[str, Marks] = {}
        self._visit = False
        self._asked = False
        self._changed = threading.Condition()

    def file(self, folder: str, path: str, *, proven: bool) -> None:
        """A file changed; `proven`: it was closed after writing, or moved in."""
        with self._changed:
            marks = self._marks.setdefault(folder, Marks())
            marks.files[path] = proven or marks.files.get(path, False)
            self._changed.notify()

    def folder(self, folder: str, path: str) -> None:
        """A sub-folder came, by being made or moved in: whatever it holds had no event of its own."""
        with self._changed:
            self._marks.setdefault(folder, Marks()).folders.add(path)
            self._changed.notify()

    def lost(self, folder: str, path: str) -> None:
        """A file was found gone by somebody who wanted it: what was known of it holds no longer."""
        with self._changed:
            self._marks.setdefault(folder, Marks()).lost.add(path)
            self._changed.notify()

    def everything(self, folder: str) -> None:
        """Events were lost, or somebody wants to be sure: scan it all."""
        with self._changed:
            self._marks.setdefault(folder, Marks()).everything = True
            self._changed.notify()

    def visit(self) -> None:
        """Something was mounted or unmounted: look whether the folders are still what they were."""
        with self._changed:
            self._visit = True
            self._changed.notify()

    def wake(self) -> None:
        """Let the waiting thread look at its own state, such as a request to stop."""
        with self._changed:
            self._asked = True
            self._changed.notify()

    def take(self, timeout: float | None) -> Hinted:
        """All hints, after waiting at most `timeout` seconds for the first (None: as long as it takes)."""
        with self._changed:
            self._changed.wait_for(lambda: self._marks or self._visit or self._asked, timeout)
            taken = Hinted(self._marks, self._visit)
            self._marks, self._visit, self._asked = {}, False, False
            return taken


@dataclass(slots=True)
class _Met:
    """What a scan met: the folders it entered, and the files that are new or other than they were."""

    folders: list[str] = field(default_factory=list)
    present: set[str] = field(default_factory=set)


class HotFolder:
    """One hot folder as the intake knows it: what is a job already, and what is still in the making.

    Memory may skip files known to be unchanged; whether one is processed is decided by the ledger alone.
    """

    def __init__(
        self, folder: Folder, tree: Tree, clock: Clock, remembered: Iterable[Sighting],
        was: Place | None = None, has_work: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """`remembered`: what the ledger has of this folder's paths; `has_work`: whether any of it waits.

        `was`: which folder it was at the end of an earlier run.
        """
        self.folder = folder
        self.place: Place | None = None
        self.online = False
        self.reason: str | None = "not looked at yet"
        self.making: dict[str, Observation] = {}
        self.look_at: dict[str, float] = {}
        self.waiting: dict[str, Delay] = {}
        self.noted: dict[str, str] = {}
        self.known = Known()
        for seen in remembered:
            if seen.job is None and not seen.own:
                self.noted[seen.path] = seen.reason or ""
            else:
                self.known.add(seen.path, seen.sample)
        self.gone: set[str] = set()
        self._changed: set[str] = set()
        self._tree = tree
        self._clock = clock
        self.matcher = Matcher(folder)
        self._has_work = has_work
        self.accepted = was
        self._unmarked: set[str] = set()

    def look(self, marks: Marks, *, everything: bool) -> None:
        """Bring `making` up to date with the disk, as far as the marks say or all of it. Goes offline, never raises."""
        for path in marks.lost:
            self.known.drop(path)
        try:
            self._arrive()
            if everything or marks.everything or not self.online:
                self._scan_all(marks)
            else:
                self._look_at_marks(marks)
        except FolderOfflineError as error:
            self.online, self.reason = False, str(error)
            return
        self.online, self.reason, self.accepted = True, None, self.place

    def accept_as_it_is(self) -> None:
        """The owner says that the folder is right as it is, though it is empty."""
        self._has_work = lambda: False

    def has_moved(self) -> bool:
        """Whether the folder is no longer what it was at the last look: gone, replaced, mounted, unmounted."""
        try:
            return self._tree.locate(self.folder.path, self.folder.mount_marker) != self.place
        except FolderOfflineError:
            return self.online

    @property
    def root(self) -> str:
        """The real path of the folder, as of the last look."""
        return self.place.root if self.place is not None else self.folder.path

    def _arrive(self) -> None:
        """Make sure that this is the folder it was: an empty mount point must not look like "all deleted"."""
        place = self._tree.locate(self.folder.path, self.folder.mount_marker)
        if self.place is not None and not f"{place.mount}/".startswith(f"{self.place.mount.rstrip('/')}/"):
            # What was mounted here is gone. A mount that came, further down, is what a late NAS looks like.
            raise FolderOfflineError(
                f"{self.folder.path} is on the file system at {place.mount} now and was on the one at"
                f" {self.place.mount}: unmounted? If it was moved on purpose, `watchd reload`"
            )
        self.place = place

    def _scan_all(self, marks: Marks) -> None:
        """The reconcile scan; what is not there any more is forgotten here, what it became stays in the ledger."""
        met = self._meet("", marks)
        self.known.keep_folders(met.folders)
        for path in [path for path in {*self.making, *self.noted} if path not in met.present]:
            self.vanished(path)

    def _look_at_marks(self, marks: Marks) -> None:
        for path, proven in marks.files.items():
            if self.matcher.is_marker(path.rpartition("/")[2]):
                self._look_at_unmarked()
            elif isinstance(self.matcher.verdict(path), Ours):
                self.look_at_file(path, proven=proven)
        for path in marks.lost:
            self.look_at_file(path, proven=False)
        for below in marks.folders:
            if self.matcher.reaches(below):
                self._meet(below, marks)

    def _look_at_unmarked(self) -> None:
        """A marker came: whose it is, the next look at those that wait for one tells."""
        now = self._clock.steady()
        for path in self._unmarked:
            self.look_at[path] = now
        self._unmarked.clear()

    def _meet(self, below: str, marks: Marks) -> _Met:
        now = self._clock.steady()
        met = _Met()
        for listing in self._tree.scan(self.root, below, self.matcher, self.known.within):
            if listing.empty and listing.folder == "" and self.place != self.accepted and self._has_work():
                raise FolderOfflineError(
                    f"{self.folder.path} is empty, and files of it wait: is its share not mounted? Any file in it says"
                    " that it is; if they were taken away on purpose, `watchd reload`"
                )
            met.folders.append(listing.folder)
            for found in listing.fresh:
                met.present.add(found.path)
                if found.path in self.known:
                    self._changed.add(found.path)
                self._observe(found.path, found.sample, now, proven=marks.files.get(found.path, False))
            self.known.keep(listing.folder, listing.unchanged)
        return met

    def look_at_file(self, path: str, *, proven: bool) -> None:
        """Look at one file again."""
        try:
            sample = self._tree.look(self.root, path)
        except OSError:
            return  # nothing can be said of it at present; the next look may
        if sample is None:
            if not self.has_moved():  # else it is the folder that went, and its files are not gone
                self.vanished(path)
        elif not self.known.holds(path, sample):
            if path in self.known:
                self._changed.add(path)
            self._observe(path, sample, self._clock.steady(), proven=proven)

    def _observe(self, path: str, sample: Sample, now: float, *, proven: bool) -> None:
        before = self.making.get(path)
        observation = settling.observe(before, sample, now, proven=proven)
        if observation != before:
            self.look_at[path] = now  # something new about it: to be judged at once
        self.making[path] = observation

    def vanished(self, path: str) -> None:
        """It went before it became a job."""
        self.making.pop(path, None)
        self.look_at.pop(path, None)
        self.waiting.pop(path, None)
        self._unmarked.discard(path)
        self._changed.discard(path)
        if self.noted.pop(path, None) is not None:
            self.gone.add(path)

    def wait(self, path: str, until: float, delay: Delay) -> None:
        """Look again at `until`, or when a marker comes; why it waits is told to whoever asks."""
        if delay.kind is DelayKind.UNMARKED:
            self._unmarked.add(path)
        self.look_at[path] = until
        self.waiting[path] = delay

    def unreadable(self) -> int:
        """Files that cannot be read at present."""
        return sum(delay.kind is DelayKind.UNREADABLE for delay in self.waiting.values())

    def pending(self, now: float) -> bool:
        """Whether a file may still become a job by waiting alone; an empty or unreadable one need not ever."""
        for path, observation in self.making.items():
            if path in self._unmarked:
                continue  # no waiting of ours brings its marker
            given_up = settling.truncated_at(observation, self.folder.settle, once=True)
            if now < given_up or self.look_at[path] <= given_up:
                return True
        return False

    def newcomers(self) -> int:
        """Files in the making under names that were not known before: as far as anyone can tell, calls to come."""
        return len(self.making.keys() - self._changed)

    def take_unnoted(self) -> dict[str, str]:
        """Files that wait, with their reasons, as far as the ledger does not have that yet."""
        fresh = {path: why.words for path, why in self.waiting.items() if self.noted.get(path) != why.words}
        self.noted.update(fresh)
        return fresh

    def admitted(self, path: str, sample: Sample) -> None:
        """It is in the ledger as a job now: until it changes there is nothing more to see."""
        self._changed.discard(path)
        self._unmarked.discard(path)
        self.known.add(path, sample)
        self.making.pop(path, None)
        self.look_at.pop(path, None)
        self.waiting.pop(path, None)
        self.noted.pop(path, None)
