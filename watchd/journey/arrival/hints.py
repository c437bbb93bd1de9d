"""Events are hints that say where to look; nothing is believed because an event said so.

The kernel's queue overflows in floods, network file systems send nothing, watchers go deaf without a word: so an event
only marks a path or a folder, and every so often the whole folder is looked at anyway.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class Marks:
    """What was hinted at in one folder since the last look. `files`: path → its writer is proven to be done."""

    files: dict[str, bool] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    everything: bool = False

    def joined(self, later: Marks) -> Marks:
        """These, and what was hinted at after them."""
        files = {path: proven or self.files.get(path, False) for path, proven in later.files.items()}
        return Marks(
            {**self.files, **files}, self.folders | later.folders, self.lost | later.lost,
            self.everything or later.everything,
        )  # fmt: skip


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
