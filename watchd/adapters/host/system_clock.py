"""The host's clocks: one that people read and one that never jumps."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchd.model import Steady, Wall

LOCALTIME = Path("/etc/localtime")


class SystemClock:
    """Implements `interfaces.Clock` with CLOCK_REALTIME and CLOCK_BOOTTIME (which counts a night's sleep too)."""

    def __init__(self) -> None:
        self._anchor = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        self._zone = _zone()

    def wall(self) -> Wall:
        """Unix seconds as the host believes them now."""
        return Wall(time.time())

    def steady(self) -> Steady:
        """Unix seconds as believed when this clock was made, plus what passed since."""
        return Steady(self._anchor + time.clock_gettime(time.CLOCK_BOOTTIME))

    def work(self) -> float:
        """CPU seconds that the calling thread has used so far."""
        return time.thread_time()

    def local(self, moment: Wall | None = None) -> datetime:
        """Local time with its zone, which knows of the days on which clocks are changed."""
        then = datetime.now(UTC) if moment is None else datetime.fromtimestamp(moment, UTC)
        return then.astimezone(self._zone)

    def day_of(self, moment: Wall) -> str:
        """The host's own day (ISO) that a moment fell on."""
        return self.local(moment).date().isoformat()


def _zone() -> tzinfo | None:
    """The host's zone with its rules; None: as the C library has it, which tells today's offset alone."""
    name = os.environ.get("TZ", "").removeprefix(":")
    try:
        if name:
            return ZoneInfo(name)
        with LOCALTIME.open("rb") as rules:
            return ZoneInfo.from_file(rules, "localtime")
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return None
