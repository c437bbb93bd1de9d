"""Requests to read the configuration again, between the threads that ask and the one that does it."""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from watchd.config import loading
from watchd.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watchd.model import Settings

logger = logging.getLogger(__name__)

STOPPING = {"error": "the daemon is stopping; the file is read at its next start"}


def loaded_again(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """What the configuration's file says now. Raises ConfigurationError where that cannot be taken over."""
    found = loading.load(settings.source, environ)
    if found.state_dir != settings.state_dir:
        raise ConfigurationError([f"{found.source}: state_dir: a running daemon keeps its own; restart it"])
    return found


def refused(error: ConfigurationError) -> dict[str, Any]:
    """Tell that the file is not taken over; the answer to whoever asked for it."""
    logger.error(
        "The configuration was not taken over, the old one stays: %s", error, extra={"action": "reload_refused"}
    )
    return {"error": "not taken over, the old configuration stays", "problems": error.problems}


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
