"""Looks out for threads that hang at a share: another takes the place of each, and the share is told of.

It sleeps as long as nobody is at a share, and looks twice a second while somebody is.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from watchd.adapters.filesystem.presence import ThreadPresence

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
RELIEVED_AFTER_S = 0.4
"""Whoever has come no further for so long is somewhere slow; a thread more costs little, and the work goes on."""


class Lookout:
    """One for each engine.

    Threads: `lookout` is its own; main starts and stops it.
    """

    def __init__(
        self, presence: ThreadPresence, relieve: Callable[[Collection[int]], None],
        resting: Callable[[], Collection[str]], silent: Callable[[], Mapping[str, str]],
        answered: Callable[[], None], failed: Callable[[BaseException], None],
    ) -> None:  # fmt: skip
        """`relieve` lets others take the places of threads; `answered` is called when fewer folders rest than before.

        `resting`: folders in which nothing is begun at present; `silent`: those to tell of, and what.
        """
        self._presence = presence
        self._relieve = relieve
        self._resting = resting
        self._silent = silent
        self._answered = answered
        self._failed = failed
        self._rested: set[str] = set()
        self._told: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._over.set()
        self._presence.begun.set()
        if self._thread.is_alive():
            self._thread.join()

    def is_alive(self) -> bool:
        """Whether somebody looks out."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._presence.begun.wait()
                self._presence.begun.clear()
                self._over.wait(LOOK_EVERY_S)
                self.look()
        except BaseException as error:  # handed on: it ends the process
            self._failed(error)

    def look(self) -> None:
        """Look once at everybody."""
        if self._presence.stays(0.0):
            self._presence.begun.set()  # who is there now is looked at again
        stuck = self._presence.stays(RELIEVED_AFTER_S)
        if stuck:
            self._relieve({stay.thread for stay in stuck})
        resting = set(self._resting())
        if self._rested - resting:
            self._answered()
        self._rested = resting
        self._tell()

    def _tell(self) -> None:
        silent = self._silent() if self._rested else {}
        for name in silent.keys() - self._told:
            logger.warning(
                "Folder %s is offline: it %s. The others go on. It is taken up again when its share answers; if"
                " that was mounted anew meanwhile, `watchd reload`.", name, silent[name], extra={"action": "offline"},
            )  # fmt: skip
        for name in self._told - silent.keys():
            logger.info("Folder %s answers again", name, extra={"action": "online"})
        self._told = set(silent)
