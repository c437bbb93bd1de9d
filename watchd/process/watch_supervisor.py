"""Keeps every folder's watch alive, or has the folder scanned where that cannot be: `events` or `poll`, and why.

Whoever looks at the folders calls this every few seconds, and at once when something was mounted or unmounted.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from watchd.adapters.filesystem import mounts, watching
from watchd.adapters.filesystem.mounts import MountWatch
from watchd.adapters.filesystem.tree import FileTree
from watchd.adapters.filesystem.watching import Watcher
from watchd.core.incoming import watch_health
from watchd.core.incoming.watch_health import Fine, GiveUp, Rearm, SendProbe, WatchHealth
from watchd.errors import FolderOfflineError, LaterError

if TYPE_CHECKING:
    from watchd.adapters.filesystem.presence import ThreadPresence
    from watchd.interfaces import Clock
    from watchd.journey.arrival.hints import Hints
    from watchd.journey.arrival.hot_folder import HotFolder
    from watchd.journey.arrival.intake import Intake
    from watchd.model import Folder, Place

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Polled:
    """Why a folder is scanned; `until`: steady seconds at which its events get another chance (None: never)."""

    reason: str
    until: float | None = None


class WatchSupervisor:
    """One for each engine. Implements `arrival.watches.Watches`.

    Threads: the intake's, each with the folder that it is in; what is kept is kept by folder. The main one starts and
    stops it and asks why a folder is scanned. From `mounts` comes `_mounted` alone, which sets an event.
    """

    def __init__(self, intake: Intake, hints: Hints, clock: Clock, presence: ThreadPresence) -> None:
        self._intake = intake
        self._hints = hints
        self._clock = clock
        self._at = presence.at
        self._tree = FileTree(presence)
        self._watcher = Watcher(hints)
        self._health: dict[str, WatchHealth] = {}
        self._places: dict[str, Place] = {}
        self._polled: dict[str, Polled] = {}
        self._moved = threading.Event()
        self._mounted_before: frozenset[bytes] = frozenset()
        self._mounts = MountWatch(self._mounted)

    def _mounted(self) -> None:
        self._moved.set()
        self._hints.visit()

    def start(self) -> None:
        """Listen for mounts."""
        self._mounts.start()

    def stop(self) -> None:
        """End every thread of it."""
        self._mounts.stop()
        self._watcher.stop()

    def polled_because(self, name: str) -> str | None:
        """Why a folder is scanned instead of watched; None: it is watched."""
        polled = self._polled.get(name)
        return None if polled is None else polled.reason

    def watch_first(self, hot: HotFolder) -> None:
        """Put up a folder's first watch, before it is scanned; one that is away is watched when it has come."""
        if hot.folder.name not in self._places:
            with suppress(FolderOfflineError):
                place = self._tree.locate(hot.folder.path, hot.folder.mount_marker)
                self._judge(hot.folder, place, scan=False)
                if hot.folder.name not in self._polled:
                    self._watch(hot, place, scan=False)

    def begin_round(self) -> None:
        """A dead thread of watchdog's ends all watches, which are then put up anew."""
        if self._moved.is_set():
            self._moved.clear()
            self._put_to_the_proof()
        if not self._watcher.is_alive():
            self._begin_anew()

    def tend(self, hot: HotFolder) -> None:
        """Look after the watch of one folder."""
        place = hot.standing.place
        with self._at("looking after the watch of", hot.folder.path):
            if place is None or not hot.standing.online:
                self._watcher.unwatch(hot.folder.name)
                self._health.pop(hot.folder.name, None)
            else:
                self._tend(hot, place)

    def _put_to_the_proof(self) -> None:
        """Which watches a mount has cost nobody says. Mounts elsewhere, as containers make them all day, cost none."""
        mounted = mounts.around([place.root for place in list(self._places.values())])
        if mounted == self._mounted_before:
            return
        self._mounted_before = mounted
        due = self._clock.steady() - watch_health.CANARY_EVERY_S
        for name, health in list(self._health.items()):
            self._health[name] = replace(health, heard=due)

    def is_alive(self) -> bool:
        """Whether the thread that listens for mounts lives; watchdog's own are brought back by `tend`."""
        return self._mounts.is_alive()

    def _begin_anew(self) -> None:
        logger.warning(
            "The thread that reads file events has ended; all folders are watched anew and scanned for what came"
            " meanwhile.", extra={"action": "deaf"},
        )  # fmt: skip
        self._watcher.stop()
        self._watcher = Watcher(self._hints)
        self._health.clear()

    def _tend(self, hot: HotFolder, place: Place) -> None:
        name, now = hot.folder.name, self._clock.steady()
        if self._places.get(name) != place:
            self._judge(hot.folder, place)  # what is mounted here now may be of another kind
        polled = self._polled.get(name)
        if polled is None and self._watcher.watches(name):
            self._listen(hot, place, now)
        elif polled is None or (polled.until is not None and now >= polled.until):
            self._watch(hot, place)

    def _listen(self, hot: HotFolder, place: Place, now: float) -> None:
        """Put a watch to the proof, and do what follows."""
        name = hot.folder.name
        self._watcher.watch_forbidden(name)
        health = self._health.get(name) or watch_health.begin(now)
        if self._watcher.has_heard(name):
            health = watch_health.heard_of(health, now)
        self._health[name] = health
        match watch_health.next_step(health, now, self._watcher.flaw_of(name, place)):
            case Fine():
                if self._watcher.is_partial(name):
                    self._have_polled(hot, watching.LIMITS)
            case SendProbe():
                # Where nothing can be written nothing can be asked: it counts as heard until its next turn.
                probed = self._watcher.send_probe(name)
                self._health[name] = replace(health, probed_at=now) if probed else replace(health, heard=now)
            case Rearm(reason):
                logger.warning(
                    "The watch of folder %s is deaf: %s. It is put up anew, and the folder scanned for what came"
                    " meanwhile.", name, reason, extra={"action": "deaf"},
                )  # fmt: skip
                self._watch(hot, place, strikes=health.strikes + 1)
            case GiveUp(reason):
                self._have_polled(hot, f"its events cannot be trusted: {reason}")
            case unexpected:
                assert_never(unexpected)

    def _judge(self, folder: Folder, place: Place, *, scan: bool = True) -> None:
        """Whether a folder is to be scanned from the start: told to, or on a file system that hides changes.

        `scan`: at once, too.
        """
        self._places[folder.name] = place
        kind = mounts.type_of(place.root)
        before = self._polled.get(folder.name)
        reason = None
        if folder.watch == "poll":
            reason = "`watch: poll`"
        elif folder.watch == "auto" and mounts.gives_no_events(kind):
            reason = f"{kind} tells of no change made elsewhere"
        if reason is not None:
            self._polled[folder.name] = Polled(reason)
            self._watcher.unwatch(folder.name)
            if folder.watch != "poll" and (before is None or before.reason != reason):
                logger.info(
                    "Folder %s is scanned every %g s: %s", folder.name, folder.poll_every, reason,
                    extra={"action": "polling"},
                )  # fmt: skip
            if before is None:
                self._intake.poll(folder.name, scan=scan)
        elif before is not None:
            self._polled[folder.name] = replace(before, until=self._clock.steady())  # watched at once, and said so

    def _watch(self, hot: HotFolder, place: Place, *, strikes: int = 0, scan: bool = True) -> None:
        """Put up a watch; then a scan is to find what came before it stood, unless one follows anyway."""
        folder = hot.folder
        try:
            self._watcher.watch(folder.name, place, hot.matcher, recursive=folder.recursive)
        except FolderOfflineError:
            self._hints.everything(folder.name)  # the intake finds it gone, and says so
        except LaterError as error:
            self._have_polled(hot, str(error))
        else:
            if scan:
                self._hints.everything(folder.name)
            self._health[folder.name] = watch_health.begin(self._clock.steady(), strikes)
            if self._polled.pop(folder.name, None) is not None:
                self._intake.poll(folder.name, polled=False)
                logger.info(
                    "Folder %s is watched again; it was scanned until now", folder.name, extra={"action": "watching"}
                )

    def _have_polled(self, hot: HotFolder, reason: str) -> None:
        folder = hot.folder
        self._watcher.unwatch(folder.name)
        self._health.pop(folder.name, None)
        known = self._polled.get(folder.name)
        self._polled[folder.name] = Polled(reason, self._clock.steady() + watch_health.TRY_AGAIN_S)
        self._intake.poll(folder.name)
        if known is None or known.reason != reason:  # once for each reason
            logger.warning(
                "Folder %s gets no events: %s. It is scanned every %g s instead, and watched again when that helps.",
                folder.name, reason, folder.poll_every, extra={"action": "polling"},
            )  # fmt: skip
