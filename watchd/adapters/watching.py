"""File events through watchdog: hints that say where to look, never more.

Full events tell a file that was closed after writing, or moved in, from one in the making. Nothing happens in the
handler but an entry in a set: a slow handler would grow watchdog's queue without bound, and one that raises would end
the dispatch for every folder.
"""

from __future__ import annotations

import errno
import logging
import os
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
from watchdog.observers.inotify import InotifyObserver
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

from watchd.errors import FolderOfflineError, LaterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchdog.observers.api import ObservedWatch

    from watchd.model import Place

_EVENTS: list[type[FileSystemEvent]] = [
    FileClosedEvent, FileMovedEvent, FileCreatedEvent, DirCreatedEvent, DirMovedEvent,
]  # fmt: skip
_OVERFLOW_LOGGER = "watchdog.observers.inotify_c"

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


class Watcher:
    """Watches folders, each under its name; called by one supervising thread."""

    def __init__(self, hints: Marker) -> None:
        self._hints = hints
        self._observer = InotifyObserver(generate_full_events=True)
        self._watches: dict[str, tuple[ObservedWatch, Place]] = {}
        self._overflow = _OverflowHandler(self._overflowed)
        logging.getLogger(_OVERFLOW_LOGGER).addHandler(self._overflow)
        self._observer.start()

    def stop(self) -> None:
        """End every thread of watchdog's."""
        logging.getLogger(_OVERFLOW_LOGGER).removeHandler(self._overflow)
        self._observer.stop()
        self._observer.join()

    def watch(self, name: str, place: Place, *, recursive: bool) -> None:
        """Watch a folder from now on, and let it be scanned once, for what came before the watch stood.

        Raises:
            LaterError: the kernel gives no more watches.
            FolderOfflineError: the folder is away again.
        """
        self.unwatch(name)
        handler = _Handler(name, place.root, self._hints)
        try:
            watch = self._observer.schedule(handler, place.root, recursive=recursive, event_filter=_EVENTS)
        except OSError as error:
            # watchdog has the watch down as scheduled all the same.
            self._forget(place.root)
            if error.errno in {errno.ENOSPC, errno.EMFILE}:
                raise LaterError(
                    "the kernel gives no more file watches: raise fs.inotify.max_user_watches"
                    " (and max_user_instances) with sysctl"
                ) from error
            raise FolderOfflineError(f"{place.root} cannot be watched: {error.strerror}") from error
        self._watches[name] = (watch, place)
        self._hints.everything(name)

    def _forget(self, root: str) -> None:
        for emitter in self._observer.emitters.copy():
            if emitter.watch.path == root:
                self._observer.unschedule(emitter.watch)

    def unwatch(self, name: str) -> None:
        """Watch it no longer."""
        held = self._watches.pop(name, None)
        if held is not None:
            self._observer.unschedule(held[0])

    def is_watching(self, name: str, place: Place) -> bool:
        """Whether events of this very folder still come: its emitter dies silently when the folder is replaced."""
        held = self._watches.get(name)
        if held is None or held[1] != place:
            return False
        return any(emitter.watch == held[0] and emitter.is_alive() for emitter in self._observer.emitters)

    def is_alive(self) -> bool:
        """Whether watchdog's own thread still dispatches."""
        return self._observer.is_alive()

    def _overflowed(self) -> None:
        for name in list(self._watches):
            self._hints.everything(name)


class _Handler(FileSystemEventHandler):
    """Turns an event into a hint."""

    def __init__(self, name: str, root: str, hints: Marker) -> None:
        self._name = name
        self._prefix = root.rstrip("/") + "/"
        self._hints = hints

    def dispatch(self, event: FileSystemEvent) -> None:
        path = os.fsdecode(event.dest_path or event.src_path)
        if isinstance(event, FileMovedEvent | DirMovedEvent) and not event.dest_path:
            return  # moved away: the next scan sees it
        if not path.startswith(self._prefix):
            return
        relative = path[len(self._prefix) :]
        if event.is_directory:
            self._hints.folder(self._name, relative)
        else:
            self._hints.file(self._name, relative, proven=not isinstance(event, FileCreatedEvent))


class _OverflowHandler(logging.Handler):
    """watchdog tells of a full kernel queue in its log alone."""

    def __init__(self, overflowed: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._overflowed = overflowed

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            self._overflowed()
