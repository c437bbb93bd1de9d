"""Where paths really lead, links followed: asked in threads, since a share that does not answer must not stop all."""

from __future__ import annotations

import posixpath
import threading
import time

PATIENCE_S = 3.0
"""Seconds after which a path that does not answer is taken as it is written."""


class Leads:
    """Asks for each path once.

    Threads: one has it; each path is followed in one of its own, which a share that hangs may keep.
    """

    def __init__(self) -> None:
        self._asked: dict[str, threading.Thread] = {}
        self._found: dict[str, str] = {}
        self._until = time.monotonic() + PATIENCE_S

    def ask(self, *paths: str) -> None:
        """Begin to follow these."""
        for path in paths:
            if path not in self._asked:
                thread = threading.Thread(target=self._follow, args=(path,), name="links", daemon=True)
                self._asked[path] = thread
                thread.start()

    def _follow(self, path: str) -> None:
        self._found[path] = posixpath.realpath(path)

    def of(self, path: str) -> str:
        """What a path leads to; where that cannot be told in time, the path."""
        if path not in self._found:
            self.ask(path)
            self._asked[path].join(max(0.0, self._until - time.monotonic()))
        return self._found.get(path) or posixpath.normpath(path)
