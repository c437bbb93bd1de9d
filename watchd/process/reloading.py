"""Requests to read the configuration again, between the threads that ask and the one that does it."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

STOPPING = {"error": "the daemon is stopping; the file is read at its next start"}


class _Request:
    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}
        self.done = threading.Event()


class Reloads:
    """Those who ask wait for an answer; all who asked before a reload began have the same.

    Threads: any may ask, a signal handler too, which waits for nothing; the main thread takes and answers.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        """`ring` wakes the main thread."""
        self._ring = ring
        self._asked: queue.SimpleQueue[_Request] = queue.SimpleQueue()
        self._over = threading.Event()

    def signal(self) -> None:
        """Ask, and wait for nothing."""
        self._asked.put(_Request())
        self._ring()

    def ask(self) -> dict[str, Any]:
        """Ask, and wait for what comes of it; a daemon that stops has nothing to give."""
        if self._over.is_set():
            return STOPPING
        request = _Request()
        self._asked.put(request)
        self._ring()
        if self._over.is_set():  # it stopped between the two, and may have looked before this was asked
            return STOPPING
        request.done.wait()
        return request.answer

    def waiting(self) -> bool:
        """Whether anybody has asked."""
        return not self._asked.empty()

    def serve(self, reload: Callable[[], dict[str, Any]]) -> None:
        """Answer all who have asked by now with what one reload comes to."""
        asked = self._taken()
        self._answer(asked, reload())

    def end(self) -> None:
        """There will be none any more."""
        self._over.set()
        self._answer(self._taken(), STOPPING)

    def _taken(self) -> list[_Request]:
        taken = []
        with suppress(queue.Empty):
            while True:
                taken.append(self._asked.get_nowait())
        return taken

    @staticmethod
    def _answer(asked: list[_Request], answer: dict[str, Any]) -> None:
        for request in asked:
            request.answer = answer
            request.done.set()
