"""Folders that wait by themselves: their own budget is reached, or their output cannot be written."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from watchd.interfaces import Clock

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """One folder's calls wait until `until` (steady seconds), and why; everybody else's go on."""

    reason: str
    until: float


class Holds:
    """Its owner holds a lock around every call of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, Held] = {}

    def hold(self, folder: str, reason: str, seconds: float) -> None:
        """Let one folder make no calls for a while; told once while it lasts."""
        if folder not in self.all():
            logger.warning(
                "Folder %s waits: %s. The others go on, and nothing is lost or paid twice.", folder, reason,
                extra={"action": "folder_waits"},
            )  # fmt: skip
        self._held[folder] = Held(reason, self._clock.steady() + seconds)

    def all(self) -> dict[str, Held]:
        """Those that still wait, by folder."""
        now = self._clock.steady()
        self._held = {name: held for name, held in self._held.items() if held.until > now}
        return dict(self._held)

    def moments(self) -> Iterable[float]:
        """Steady times at which one ends."""
        return [held.until for held in self._held.values()]

    def clear(self) -> None:
        """The owner says: try again now."""
        self._held.clear()
