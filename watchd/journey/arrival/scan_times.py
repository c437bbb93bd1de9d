"""When each folder is scanned next: by its own interval, and never so often that scans are all we do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.model import AT_ONCE, after

if TYPE_CHECKING:
    from collections.abc import Collection

    from watchd.interfaces import Clock
    from watchd.journey.arrival.hints import Marks
    from watchd.model import Folder, Steady

SCAN_SHARE = 19.0
"""A scan rests for so many times as long as it took: looking at a folder takes 5 % of the time at most."""
HURRIED_SHARE = 4.0
"""The same for scans that events ask for, as where the kernel's queue overflows again and again."""
OFFLINE_EVERY_S = 10.0
"""Seconds at the most between two looks for a folder that is away."""


class ScanTimes:
    """Kept by folder; one that was not scanned yet is due.

    Threads: the intake's, each with the folder that it is in. Any may say what is polled: the set is replaced whole.
    """

    def __init__(self, clock: Clock, polled: Collection[str] = ()) -> None:
        self._clock = clock
        self._polled = frozenset(polled)
        self._next: dict[str, Steady] = {}
        self._rests_until: dict[str, Steady] = {}

    def poll(self, name: str, *, polled: bool) -> None:
        """Whether a folder gets no events, and is scanned by its own `poll_every`."""
        self._polled = self._polled | {name} if polled else self._polled - {name}

    def is_due(self, name: str) -> bool:
        """Whether it is time."""
        return self._next.get(name, AT_ONCE) <= self._clock.steady()

    def is_seen(self, name: str) -> bool:
        """Whether a folder was looked at at all."""
        return name in self._next

    def let_rest(self, name: str, marks: Marks) -> None:
        """Put off a scan that was hinted at, where the last one was too short a time ago."""
        rests_until = self._rests_until.get(name, AT_ONCE)
        if marks.everything and self._clock.steady() < rests_until:
            marks.everything = False
            self._next[name] = min(self._next[name], rests_until)

    def scanned(self, folder: Folder, seconds: float) -> None:
        """A scan has taken so many seconds."""
        now = self._clock.steady()
        every = folder.poll_every if folder.name in self._polled else folder.rescan_every
        self._next[folder.name] = after(now, max(every, SCAN_SHARE * seconds))
        self._rests_until[folder.name] = after(now, HURRIED_SHARE * seconds)

    def is_away(self, folder: Folder) -> None:
        """It is looked for again before long."""
        self._next[folder.name] = after(self._clock.steady(), min(folder.poll_every, OFFLINE_EVERY_S))

    def next_of(self, name: str) -> Steady:
        """When it is due."""
        return self._next.get(name, self._clock.steady())
