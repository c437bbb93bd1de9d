"""File events through watchdog: hints that say where to look, never more.

Full events tell a file that was closed after writing, or moved in, from one in the making. Nothing happens in the
handler but an entry in a set: a slow handler would grow watchdog's queue without bound, and one that raises would end
the dispatch for every folder.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

from watchd.adapters.filesystem.pruned import NO_WATCH_LEFT, PrunedEmitter, PrunedObserver
from watchd.errors import FolderOfflineError, LaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watchdog.observers.api import ObservedWatch

    from watchd.core.incoming.matching import Matcher
    from watchd.model import Place

_EVENTS: list[type[FileSystemEvent]] = [
    FileClosedEvent, FileMovedEvent, FileCreatedEvent, DirCreatedEvent, DirMovedEvent,
]  # fmt: skip
END_S = 5.0
"""Seconds in which watchdog's threads end that can."""
CANARY = ".watchd-canary"
"""A file of this name, with our process id, is made in a watched folder and removed at once: is that heard of?"""
_CANARIES = re.compile(re.escape(CANARY) + r"-\d+")
LIMITS = (
    "the kernel has no file watch left for all of its folders: raise fs.inotify.max_user_watches"
    " (and max_user_instances) with sysctl, as systemd/60-watchd.conf does"
)

# The grouper holds back a file that is moved away, and everything behind it, for half a second, to join it with the
# name it gets. Only the new name matters here, and it comes with an event of its own.
InotifyMoveEventGrouper.delay = 0.0


class Marker(Protocol):
    """Where the hints go."""

    def file(self, folder: str, path: str, *, proven: bool) -> None:
        """A file changed; `proven`: closed after writing, or moved in."""

    def folder(self, folder: str, path: str) -> None:
        """A sub-folder came."""

    def everything(self, folder: str) -> None:
        """Look at it all."""


@dataclass(frozen=True, slots=True)
class _Held:
    observer: PrunedObserver
    watch: ObservedWatch
    place: Place
    handler: _Handler


class Watcher:
    """Watches folders, each under its name.

    Each file system has an observer of its own, so that one that hangs makes no other deaf.

    Threads: the intake's, each with one folder at a time; what is kept is kept by folder, the observers behind a lock.
    """

    def __init__(self, hints: Marker) -> None:
        self._hints = hints
        self._matchers: dict[str, Matcher] = {}
        self._beginning = threading.Lock()
        self._observers: dict[int, PrunedObserver] = {}
        self._held: dict[str, _Held] = {}

    def stop(self) -> None:
        """End every thread of watchdog's, but for those that hang on a share: they are left behind."""
        _in_time(*(partial(_end, observer) for observer in self._all()))

    def _all(self) -> Sequence[PrunedObserver]:
        with self._beginning:
            return tuple(self._observers.values())

    def _begin(self, device: int) -> PrunedObserver:
        """Start watchdog's threads for the first watch: without inotify the folders are scanned, and watchd runs."""
        with self._beginning:
            found = self._observers.get(device)
            if found is not None:
                return found
            try:
                observer = PrunedObserver(self._matchers.__getitem__, self._overflowed)
            except OSError as error:
                limited = error.errno in NO_WATCH_LEFT
                raise LaterError(LIMITS if limited else f"the kernel gives no file events: {error}") from error
            observer.start()
            self._observers[device] = observer
            return observer

    def watch(self, name: str, place: Place, matcher: Matcher, *, recursive: bool) -> None:
        """Watch a folder from now on. What came before the watch stood is for a scan to find.

        Raises:
            LaterError: the kernel gives no watch, for the folder or for one in it.
            FolderOfflineError: the folder is away again.
        """
        self.unwatch(name)
        observer = self._begin(place.device)
        handler = _Handler(name, place.root, self._hints)
        self._matchers[place.root] = matcher
        try:
            watch = observer.schedule(handler, place.root, recursive=recursive, event_filter=_EVENTS)
        except OSError as error:
            # watchdog has the watch down as scheduled all the same.
            self._forget(observer, place.root)
            if error.errno in NO_WATCH_LEFT:
                raise LaterError(LIMITS) from error
            if error.errno == errno.EACCES:  # by its mode, or by a security module that lets it be read all the same
                raise LaterError(f"the kernel does not let {place.root} be watched: {error.strerror}") from error
            raise FolderOfflineError(f"{place.root} cannot be watched: {error.strerror}") from error
        self._held[name] = _Held(observer, watch, place, handler)
        if self.is_partial(name):
            self.unwatch(name)
            raise LaterError(LIMITS)
        _remove_canaries(place.root)

    def _forget(self, observer: PrunedObserver, root: str) -> None:
        for emitter in observer.emitters.copy():
            if emitter.watch.path == root:
                observer.unschedule(emitter.watch)

    def unwatch(self, name: str) -> None:
        """Watch it no longer. An observer that does not let go in time is left to itself: another takes its place."""
        held = self._held.pop(name, None)
        if held is None:
            return
        if not _in_time(partial(_unschedule, held)):
            with self._beginning:
                self._observers = {at: other for at, other in self._observers.items() if other is not held.observer}

    def watches(self, name: str) -> bool:
        """Whether a watch was put up; it may be dead."""
        return name in self._held

    def flaw_of(self, name: str, place: Place) -> str | None:
        """What is seen to be wrong with a watch; None: nothing, though it may be deaf."""
        held = self._held.get(name)
        if held is None:
            return "it is not watched"
        if held.place != place:
            return "another folder is in its place"
        if not self.is_alive():
            return "the thread that reads or hands on the events has ended"
        emitter = self._emitter(held)
        if emitter is None or not emitter.is_alive():
            return "the thread of its events has ended"
        if emitter.group is None or not emitter.group.is_rooted():
            return "the kernel has dropped its watch"
        return None

    def is_partial(self, name: str) -> bool:
        """Whether the kernel had no watch left for a folder in it."""
        held = self._held.get(name)
        emitter = self._emitter(held) if held is not None else None
        return emitter is not None and emitter.group is not None and emitter.group.is_partial

    def watch_forbidden(self, name: str) -> None:
        """Watch, and let be looked at, what can be read now and could not be when its folder came."""
        held = self._held.get(name)
        emitter = self._emitter(held) if held is not None else None
        if emitter is not None and emitter.group is not None:
            for path in emitter.group.watch_forbidden():
                self._hints.folder(name, path)

    def _emitter(self, held: _Held) -> PrunedEmitter | None:
        for emitter in held.observer.emitters:
            if emitter.watch == held.watch and isinstance(emitter, PrunedEmitter):
                return emitter
        return None

    def send_probe(self, name: str) -> bool:
        """Make a canary and remove it; False where the folder cannot be written, and so cannot be asked."""
        held = self._held.get(name)
        if held is None:
            return False
        path = f"{held.place.root.rstrip('/')}/{CANARY}-{os.getpid()}"
        try:
            with suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 -- beside its kin
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            with suppress(FileNotFoundError):  # another watchd in the same folder takes it for one that was left
                os.unlink(path)  # noqa: PTH108 -- as above
        except OSError:
            return False
        return True

    def has_heard(self, name: str) -> bool:
        """Whether anything came from a folder since this was last asked."""
        held = self._held.get(name)
        return held is not None and held.handler.take_heard()

    def is_alive(self) -> bool:
        """Whether watchdog's own threads still read and dispatch, as far as there are any."""
        return all(observer.is_alive() and observer.is_reading() for observer in self._all())

    def _overflowed(self, root: str) -> None:
        for name, held in list(self._held.items()):
            if held.place.root == root:
                self._hints.everything(name)


def _in_time(*steps: Callable[[], None]) -> bool:
    """Do these, each in a thread of its own, since one may hang; whether all have ended in time."""
    threads = [threading.Thread(target=step, daemon=True) for step in steps]
    for thread in threads:
        thread.start()
    until = time.monotonic() + END_S
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _unschedule(held: _Held) -> None:
    with suppress(KeyError):  # an emitter that ended by itself may be forgotten already
        held.observer.unschedule(held.watch)


def _end(observer: PrunedObserver) -> None:
    observer.stop()
    observer.join()


class _Handler(FileSystemEventHandler):
    """Turns an event into a hint."""

    def __init__(self, name: str, root: str, hints: Marker) -> None:
        self._name = name
        self._prefix = root.rstrip("/") + "/"
        self._hints = hints
        self._heard = threading.Event()

    def take_heard(self) -> bool:
        """Whether anything came since this was last asked."""
        heard = self._heard.is_set()
        self._heard.clear()
        return heard

    def dispatch(self, event: FileSystemEvent) -> None:
        path = os.fsdecode(event.dest_path or event.src_path)
        if isinstance(event, FileMovedEvent | DirMovedEvent) and not event.dest_path:
            return  # moved away: the next scan sees it
        if not path.startswith(self._prefix):
            return
        self._heard.set()
        relative = path[len(self._prefix) :]
        if relative.startswith(CANARY):
            return
        if event.is_directory:
            self._hints.folder(self._name, relative)
        else:
            self._hints.file(self._name, relative, proven=not isinstance(event, FileCreatedEvent))


def _remove_canaries(root: str) -> None:
    """Remove what a process left that was killed between making its canary and removing it."""
    with suppress(OSError), os.scandir(root) as entries:
        for entry in entries:
            if _CANARIES.fullmatch(entry.name):
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
                        os.unlink(entry.path)  # noqa: PTH108 -- beside its kin
