"""Which folders wait for where their files go: an output, an archive, a place for failed originals.

Trouble of a root is its folder's, and no one else's. It is looked at again by whoever looks at the folder, after a
growing delay, or at once when something is mounted; until then nothing of that folder is begun.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchd.errors import TargetOfflineError
from watchd.model import AT_ONCE, after

if TYPE_CHECKING:
    from watchd.interfaces import Clock, Outputs
    from watchd.model import Folder, Steady

logger = logging.getLogger(__name__)

FIRST_WAIT_S = 30.0
LONGEST_WAIT_S = 600.0


def wait_after(tries: int) -> float:
    """Seconds until something that failed so many times in a row is tried again."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(tries - 1, 20))


@dataclass(frozen=True, slots=True)
class Away:
    """Why a folder waits, since how many looks, and when it is looked at again."""

    reason: str
    looks: int
    look_at: Steady


class Targets:
    """The folders that wait for a root of theirs.

    Threads: workers tell, intake looks, and anybody asks; both values are replaced whole, behind a lock.
    """

    def __init__(self, outputs: Outputs, clock: Clock) -> None:
        self._outputs = outputs
        self._clock = clock
        self._lock = threading.Lock()
        self._away: dict[str, Away] = {}
        self._looks: dict[str, int] = {}

    def failed(self, folder: str, reason: str) -> None:
        """A root of this folder cannot be used."""
        with self._lock:
            before = self._away.get(folder)
            looks = self._looks.get(folder, 0) + (before is None)
            self._looks[folder] = looks
            wait = wait_after(looks)
            self._away = {**self._away, folder: Away(reason, looks, after(self._clock.steady(), wait))}
        if before is None:
            logger.warning(
                "Folder %s is offline: %s. The others go on; it is looked at again in %d s, then less often, and"
                " nothing about its files is forgotten.", folder, reason, wait, extra={"action": "offline"},
            )  # fmt: skip

    def served(self, folder: str) -> None:
        """A file of this folder has come where it belongs."""
        if folder in self._looks:
            with self._lock:
                self._looks.pop(folder, None)

    def reason(self, folder: str) -> str | None:
        """Why a folder waits; None: it does not."""
        away = self._away.get(folder)
        return None if away is None else away.reason

    def next_look(self) -> Steady | None:
        """When the next of them is looked at again."""
        return min((away.look_at for away in self._away.values()), default=None)

    def look(self, folder: Folder, at_once: bool) -> bool:  # noqa: FBT001 -- as whoever looks at folders calls it
        """Look whether a folder's roots can be used again, if it is time; whether they can be."""
        away = self._away.get(folder.name)
        if away is None or not (at_once or away.look_at <= self._clock.steady()):
            return False
        try:
            for root in roots_of(folder):
                self._outputs.make_ready(root, 0)
        except TargetOfflineError as error:
            self._still_away(folder.name, str(error), at_once=at_once)
            return False
        with self._lock:
            self._away = {name: other for name, other in self._away.items() if name != folder.name}
        logger.info("Folder %s is online again", folder.name, extra={"action": "online"})
        return True

    def _still_away(self, folder: str, reason: str, *, at_once: bool) -> None:
        with self._lock:
            looks = self._looks.get(folder, 0) + (not at_once)
            self._looks[folder] = looks
            again = after(self._clock.steady(), wait_after(max(1, looks)))
            self._away = {**self._away, folder: Away(reason, looks, again)}

    def hurry(self) -> None:
        """The owner says that it is to be tried: look at all of them with the next round."""
        with self._lock:
            self._away = {name: Away(away.reason, away.looks, AT_ONCE) for name, away in self._away.items()}


def roots_of(folder: Folder) -> list[str]:
    """Where files of a folder go."""
    return [root for root in (folder.output, folder.archive, folder.failed) if root is not None]
