"""A watch over a tree that leaves out what is never looked at, and says when the kernel had no watch left for a part.

watchdog watches every folder below a root, a NAS's `@eaDir` beside each picture included, and passes over in silence
those that it cannot watch. What is watched is decided here; reading and dispatching stay watchdog's.
"""

from __future__ import annotations

import errno
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyFullEmitter, InotifyObserver, InotifyWatchGroup
from watchdog.observers.inotify_c import InotifyEvent, InotifyFD, WatchDescriptor

from watchd.adapters.filesystem.tree import directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.core.incoming.matching import Matcher

NO_WATCH_LEFT = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENOMEM})
_FORBIDDEN = -1
"""watchdog takes EACCES for a success, with this as the watch."""


class PrunedGroup(InotifyWatchGroup):
    """The watches of one hot folder."""

    def __init__(
        self, matcher: Matcher, device: int, overflowed: Callable[[], None], *given: Any, **named: Any
    ) -> None:
        """`overflowed` is told when events were lost, and the watches have been put up again."""
        self._matcher = matcher
        self._device = device
        self._overflowed = overflowed
        self.is_partial = False
        """Whether a folder in it could not be watched, as the kernel has no watch left."""
        self._forbidden: set[bytes] = set()
        super().__init__(*given, **named)

    def is_rooted(self) -> bool:
        """Whether the root itself is still watched: the kernel drops it at an unmount."""
        return self.path in self._active_callbacks_by_path

    def on_queue_overflow(self) -> None:
        """Put up all watches again, as new folders were among what was lost."""
        super().on_queue_overflow()
        self._overflowed()  # last: what came while nothing was watched is found by the scan that follows

    def watch_forbidden(self) -> list[str]:
        """Watch what could not be read until now, as a folder whose mode is set last; those that can be, by path.

        No event tells of a mode: asking for those would have the kernel tell of each file's as well.
        """
        with self._lock:
            if not (self.is_active and self._forbidden):
                return []
            before, self._forbidden = self._forbidden, set()
            for path in before:
                self._add_all_callbacks(path)
            watched = (path for path in before if path in self._active_callbacks_by_path)
            return [os.fsdecode(path[len(self.path) :].lstrip(b"/")) for path in watched]

    def _add_all_callbacks(self, path: bytes) -> None:
        """Watch a folder and what is entered below it."""
        if path != self.path and not self._is_entered(path):
            return
        self._add_callback(path)
        if not self.is_recursive:
            return
        pending = [path]
        while pending and not self.is_partial:
            folder = pending.pop()
            for inner in self._folders_in(folder):
                self._add_callback(inner)
                pending.append(inner)

    def _is_entered(self, path: bytes) -> bool:
        return self._matcher.reaches(os.fsdecode(path[len(self.path) :].lstrip(b"/")))

    def _folders_in(self, folder: bytes) -> list[bytes]:
        prefix = os.fsdecode(folder[len(self.path) :].lstrip(b"/"))
        found = []
        try:
            with directory(os.fsdecode(self.path), prefix) as descriptor, os.scandir(descriptor) as entries:
                for entry in entries:
                    name = entry.name
                    if (
                        entry.is_dir(follow_symlinks=False)
                        and self._matcher.enters(f"{prefix}/{name}" if prefix else name, name)
                        and entry.stat(follow_symlinks=False).st_dev == self._device
                    ):
                        found.append(folder + b"/" + os.fsencode(name))
        except OSError:
            return found  # it went meanwhile, or is not ours to read: the scan will say so
        return found

    def _add_callback(self, path: bytes) -> None:
        try:
            wd = self._inotify_fd.add_callback(path, self.event_mask, self._callback, self._id)
        except OSError as error:
            if path == self.path:
                raise
            self.is_partial = self.is_partial or error.errno in NO_WATCH_LEFT
            return
        if wd != _FORBIDDEN:
            self._active_callbacks_by_path[path] = wd
            self._active_callbacks_by_watch[wd] = path
            return
        self._inotify_fd.remove_callbacks([(wd, self._id)])
        if path == self.path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        self._forbidden.add(path)

    def _remove_watch_internally(self, wd: WatchDescriptor) -> None:
        """Forget a watch. Folders that took turns under one name leave two watches for it, or one with none."""
        path = self._active_callbacks_by_watch.pop(wd, None)
        if path is not None and self._active_callbacks_by_path.get(path) == wd:
            del self._active_callbacks_by_path[path]

    def _recursive_simulate(self, src_path: bytes) -> list[InotifyEvent]:  # noqa: ARG002 -- as in watchdog
        """No events are made up for what a new folder holds: its own event leads to a scan of it."""
        return []


class PrunedEmitter(InotifyFullEmitter):
    """watchdog's emitter, with a group of ours."""

    def __init__(self, matcher: Matcher, overflowed: Callable[[], None], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._matcher = matcher
        self._overflowed = overflowed

    def on_thread_start(self) -> None:
        """Put up the watches."""
        path = os.fsencode(self.watch.path)
        self._inotify = PrunedGroup(
            self._matcher, os.stat(path).st_dev, self._overflowed, self._inotify_fd, path,  # noqa: PTH116 -- bytes
            is_recursive=self.watch.is_recursive, event_mask=self.get_event_mask_from_filter(),
        )  # fmt: skip

    @property
    def group(self) -> PrunedGroup | None:
        """The watches, while they stand."""
        found = self._inotify
        return found if isinstance(found, PrunedGroup) else None


class PrunedObserver(InotifyObserver):
    """watchdog's observer, whose emitters ask for the matcher of the root they watch."""

    def __init__(self, matcher_of: Callable[[str], Matcher], overflowed: Callable[[str], None]) -> None:
        """`overflowed` is told the root. Raises OSError where the kernel gives no inotify instance."""
        self._inotify_fd = InotifyFD()
        self._inotify_fd.start()

        def emitter(event_queue: Any, watch: Any, **named: Any) -> PrunedEmitter:
            root = str(watch.path)
            return PrunedEmitter(matcher_of(root), partial(overflowed, root), event_queue, watch, **named)

        # Past InotifyObserver, whose own choice of emitters is what is replaced.
        BaseObserver.__init__(self, emitter, inotify_fd=self._inotify_fd)  # type: ignore[arg-type]  # the field is typed as its own emitter

    def is_reading(self) -> bool:
        """Whether the thread that reads the kernel's queue lives."""
        return bool(self._inotify_fd.is_alive())
