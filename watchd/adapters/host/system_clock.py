"""The host's clocks: one that people read and one that never jumps."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from watchd.model import Steady, Wall


class SystemClock:
    """Implements `interfaces.Clock` with CLOCK_REALTIME and CLOCK_BOOTTIME (which counts a night's sleep too)."""

    def __init__(self) -> None:
        self._anchor = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall(self) -> Wall:
        """Unix seconds as the host believes them now."""
        return Wall(time.time())

    def steady(self) -> Steady:
        """Unix seconds as believed when this clock was made, plus what passed since."""
        return Steady(self._anchor + time.clock_gettime(time.CLOCK_BOOTTIME))

    def work(self) -> float:
        """CPU seconds that the calling thread has used so far."""
        return time.thread_time()

    def local(self) -> datetime:
        """Local time with its zone."""
        return datetime.now().astimezone()

    def day_of(self, moment: Wall) -> str:
        """The host's own day (ISO) that a moment fell on."""
        return datetime.fromtimestamp(moment, UTC).astimezone().date().isoformat()
